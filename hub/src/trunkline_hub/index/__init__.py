"""An index over the log: finds events by what subjects cannot express, and follows a message's path."""

from trunkline_hub.index.service import Index

__all__ = ["Index"]
