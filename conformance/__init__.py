"""The protocols' own suites against a hub: `make conformance`, or `python -m conformance --help`."""
