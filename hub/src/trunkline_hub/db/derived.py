"""A database that can be made again from elsewhere: an index, a cache. Never the only place of anything.

It carries a version; where that differs, or the file is damaged, truncated or
gone, it is made anew, empty, and whoever fills it begins from the start. On
SQLite it is a file of its own, on PostgreSQL a schema of its own, so that
dropping it touches nothing else. No migrations: a new version is a new file.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog
from sqlalchemy import MetaData, Table, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError

from trunkline.protocol.errors import UnavailableError
from trunkline_hub.core.clock import Clock
from trunkline_hub.db.engine import Database, Tx

_log = structlog.get_logger("db")
_MISSING = frozenset({"42P01", "42703", "3F000"})
"""PostgreSQL: no such table, column or schema."""
_MISSING_WORDS = ("no such table", "no such column", "no such index")
"""SQLite's words for the same."""


class DamagedError(UnavailableError):
    """The derived database is not as it was made; it must be made anew."""


class DerivedDatabase:
    """`metadata` at `version`; `about` is its table of one row with a column `version`."""

    def __init__(self, url: str, clock: Clock, *, schema: str, metadata: MetaData, about: Table, version: int) -> None:
        self._url = url
        self._clock = clock
        self._schema = schema
        self._metadata = metadata
        self._about = about
        self._version = version
        self._db = Database(url, clock, schema=schema)
        self._file = Path(make_url(url).database or "") if self._db.is_sqlite else None
        self._inode = 0

    @property
    def is_sqlite(self) -> bool:
        return self._db.is_sqlite

    async def open(self) -> bool:
        """Make it ready for writing; whether it had to be made anew.

        Raises:
            UnavailableError: the database server does not answer.
        """
        if self._file is not None and not self._file.exists():
            await self.recreate()
            return True
        try:
            async with self.read() as tx:
                found = (await tx.execute(select(self._about.c.version))).scalar_one_or_none()
        except DamagedError as error:
            _log.info("derived_database_unusable", schema=self._schema, error=str(error.__cause__))
            found = None
        if found == self._version:
            return False
        await self.recreate()
        return True

    async def recreate(self) -> None:
        """Throw everything away and make it empty."""
        if self._file is not None:
            await self._db.close()
            for suffix in ("", "-wal", "-shm", "-journal"):
                self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
            self._db = Database(self._url, self._clock, schema=self._schema)
        async with self._db.engine.begin() as connection:
            if self._file is None:
                await connection.execute(text(f'DROP SCHEMA IF EXISTS "{self._schema}" CASCADE'))
                await connection.execute(text(f'CREATE SCHEMA "{self._schema}"'))
            await connection.run_sync(self._metadata.create_all)
            await connection.execute(self._about.insert(), {"version": self._version})
        self._inode = self._present_inode()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """Open a transaction that commits when the block ends well."""
        await self._follow_file()
        with _judged():
            async with self._db.write() as tx:
                yield tx

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """Open a transaction that only reads."""
        await self._follow_file()
        with _judged():
            async with self._db.read() as tx:
                yield tx

    async def close(self) -> None:
        await self._db.close()

    async def _follow_file(self) -> None:
        """Another hub may have made the file anew, or a person deleted it: the open one is a ghost then."""
        if self._file is None:
            return
        present = self._present_inode()
        if self._inode and present != self._inode:
            await self._db.close()
            self._db = Database(self._url, self._clock, schema=self._schema)
        self._inode = present

    def _present_inode(self) -> int:
        try:
            return self._file.stat().st_ino if self._file is not None else 0
        except FileNotFoundError:
            return -1


@contextmanager
def _judged() -> Iterator[None]:
    """Tell a database that is broken from one that is only away."""
    try:
        yield
    except DatabaseError as error:
        if not _is_damage(error):
            raise
        raise DamagedError("The index is damaged and is being made anew") from error
    except UnavailableError as error:
        if isinstance(error.__cause__, DatabaseError) and _is_damage(error.__cause__):
            raise DamagedError("The index is missing and is being made anew") from error.__cause__
        raise


def _is_damage(error: DatabaseError) -> bool:
    """A plain `DatabaseError` is SQLite's "malformed" and "not a database"."""
    if type(error) is DatabaseError:
        return True
    return getattr(error.orig, "sqlstate", "") in _MISSING or any(word in str(error.orig) for word in _MISSING_WORDS)
