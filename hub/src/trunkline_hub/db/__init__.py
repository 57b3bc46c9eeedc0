"""The door to SQL: SQLite (WAL) or PostgreSQL, one transaction per request.

Features keep their tables in `store.py` and receive a `Tx`; they never commit.
Facts that must leave with a commit go through `outbox`.
"""

from trunkline_hub.db.engine import Database, Tx
from trunkline_hub.db.tables import UtcDateTime, metadata

__all__ = ["Database", "Tx", "UtcDateTime", "metadata"]
