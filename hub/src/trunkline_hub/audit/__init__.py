"""What was done: one row for each change, written in the transaction that made it."""

from trunkline_hub.audit.service import Audit

__all__ = ["Audit"]
