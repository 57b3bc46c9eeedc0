"""Trunkline against raw `nats-py`, side by side: `make bench`, or `python -m bench --help`."""
