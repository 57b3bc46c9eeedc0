"""What the publisher was promised, and what the workers did: files that outlive every process."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trunkline.claims import TABLE

_BUSY_S = 30.0


class Ledger:
    """One line for each acknowledgement (`+id`) and each error (`!class`), written at once."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def acknowledged(self, message_id: str) -> None:
        os.write(self._file, f"+{message_id}\n".encode())

    def failed(self, error: Exception) -> None:
        os.write(self._file, f"!{type(error).__name__}\n".encode())


def read_ledger(path: Path) -> tuple[set[str], list[str]]:
    """Return the acknowledged ids, and the name of every error."""
    if not path.exists():
        return set(), []
    lines = path.read_text().splitlines()
    return {line[1:] for line in lines if line[0] == "+"}, [line[1:] for line in lines if line[0] == "!"]


class Effects:
    """The workers' own database. Nothing in the table of effects forbids a second one: only the claim does."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        with self.transaction() as db:
            db.execute(TABLE)
            db.execute("CREATE TABLE IF NOT EXISTS effects (id TEXT NOT NULL)")
            db.execute("CREATE TABLE IF NOT EXISTS repeats (id TEXT NOT NULL)")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def repeated(self, message_id: str) -> None:
        self._db.execute("INSERT INTO repeats VALUES (?)", (message_id,))


def read_effects(path: Path) -> tuple[dict[str, int], int]:
    """Return how often each effect is there, and how many attempts were not the first."""
    if not path.exists():
        return {}, 0
    db = sqlite3.connect(path, timeout=_BUSY_S)
    try:
        effects = dict(db.execute("SELECT id, count(*) FROM effects GROUP BY id"))
        (repeats,) = db.execute("SELECT count(*) FROM repeats").fetchone()
    except sqlite3.OperationalError:  # no worker has come up yet
        return {}, 0
    finally:
        db.close()
    return effects, repeats


def count_effects(path: Path) -> int:
    """Return how many effects there are: cheap enough for a progress line."""
    if not path.exists():
        return 0
    db = sqlite3.connect(path, timeout=_BUSY_S)
    try:
        return int(db.execute("SELECT max(rowid) FROM effects").fetchone()[0] or 0)
    except sqlite3.OperationalError:
        return 0
    finally:
        db.close()
