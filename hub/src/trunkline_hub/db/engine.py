"""Engines and transactions."""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import msgspec
import structlog
from sqlalchemy import Connection, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.base import Executable

from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import RequestMalformedError, UnavailableError
from trunkline.protocol.subjects import HUB
from trunkline.protocol.trace import next_traceparent
from trunkline.tasks import Tasks
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.transaction import first_write
from trunkline_hub.db import tables

_log = structlog.get_logger("db")
T = TypeVar("T")
WRITES = "trunkline_writes"
"""Execution option of transactions that mean to write."""
_POOL_SIZE = 8
_BUSY_TIMEOUT_MS = 10_000
_WAL_TRIES = 50
_WAL_WAIT_S = 0.02
_COMMIT_S = 5.0
_TOO_LARGE = "value out of int"
"""What asyncpg says of a number that its column cannot hold; of SQLite it is Python that says so."""


class Tx:
    """One transaction. Whoever opened it commits it; nobody else does."""

    def __init__(self, connection: AsyncConnection, clock: Clock, *, is_sqlite: bool) -> None:
        self.audited = False
        """Set by the audit trail; every mutating route must have set it before the commit."""
        self.emitted = False
        """Whether facts leave when it commits."""
        self._connection = connection
        self._clock = clock
        self._is_sqlite = is_sqlite
        self._after: list[Callable[[], Awaitable[None]]] = []

    @property
    def clock(self) -> Clock:
        return self._clock

    async def execute(self, statement: Executable, values: Any = None) -> Any:
        """Run one statement and return SQLAlchemy's result."""
        return await self._connection.execute(statement, values)

    async def lock(self, name: str) -> None:
        """Wait until no other transaction holds the lock of this name; SQLite has one writer anyway."""
        if not self._is_sqlite:
            await self.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

    async def emit(self, workspace: str, event_type: str, data: dict[str, Any], *, subject: str | None = None) -> None:
        """Publish a fact of the hub's own, if and only if this transaction commits."""
        await self.emit_all(workspace, event_type, [(data, subject)])

    async def emit_all(
        self, workspace: str, event_type: str, facts: Sequence[tuple[dict[str, Any], str | None]]
    ) -> None:
        """Publish many facts (data, subject) of one type; see `emit`."""
        rows = []
        for data, subject in facts:
            fact = ce.new_envelope(
                type=event_type, source=f"/{workspace}/{HUB}", subject=subject,
                data=msgspec.json.encode(data), traceparent=next_traceparent(),
            )  # fmt: skip
            rows.append({
                "id": fact.id, "workspace_id": workspace, "type": event_type,
                "envelope": ce.encode(fact), "created_at": self._clock.now(),
            })  # fmt: skip
        await self.execute(tables.outbox.insert(), rows)
        self.emitted = True

    def after_commit(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run `action` once this transaction has committed; its failure is logged, not raised."""
        self._after.append(action)

    async def run_after_commit(self) -> None:
        """Run what was left for after the commit."""
        for action in self._after:
            try:
                await action()
            except Exception:  # noqa: BLE001 -- the commit stands; the reconcilers catch up
                _log.exception("after_commit_failed")


class Database:
    """One SQL database, SQLite or PostgreSQL; `schema` is where its tables are on the latter."""

    def __init__(self, url: str, clock: Clock, *, schema: str | None = None) -> None:
        self.url = _with_driver(url)
        self.is_sqlite = self.url.startswith("sqlite")
        self.on_outbox: Callable[[], None] = lambda: None
        """Called after each commit that wrote to the outbox."""
        self._clock = clock
        self._tasks = Tasks()
        self._engine = _engine(self.url, is_sqlite=self.is_sqlite, schema=schema)

    @property
    def clock(self) -> Clock:
        """The clock that its transactions go by."""
        return self._clock

    @property
    def engine(self) -> AsyncEngine:
        """The engine, for migrations."""
        return self._engine

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """Open a transaction that commits when the block ends well."""
        with _translated():
            async with self._engine.connect() as connection:
                writing = await connection.execution_options(**{WRITES: True})
                async with writing.begin():
                    tx = Tx(writing, self._clock, is_sqlite=self.is_sqlite)
                    first = first_write.get()
                    if first is not None and not first.is_done:
                        first.is_done = True
                        await first.work(tx)
                    yield tx
        if tx.emitted:
            self.on_outbox()
        await tx.run_after_commit()

    async def commit(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run one write transaction to its end, cancelled or not.

        For components, which are cancelled when their hub stops: a transaction
        torn in the midst would keep SQLite's lock, and a pool that closes would wait for it.
        """

        async def transaction() -> T:
            async with self.write() as tx:
                return await work(tx)

        writing = self._tasks.spawn(transaction(), name="commit", awaited=True)
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing], timeout=_COMMIT_S)
            raise

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """Open a transaction that only reads."""
        with _translated():
            async with self._engine.connect() as connection:
                yield Tx(connection, self._clock, is_sqlite=self.is_sqlite)

    async def close(self) -> None:
        await self._engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    """Tell a database that is away from one that found our statement wrong, and from a number that none can hold."""
    try:
        yield
    except (OperationalError, InterfaceError, OSError) as error:
        _log.warning("database_unavailable", error=str(error))
        raise UnavailableError("The hub's database does not answer") from error
    except (OverflowError, DBAPIError) as error:
        if isinstance(error, OverflowError) or _TOO_LARGE in str(error.orig):
            raise RequestMalformedError("A number is larger than any that is stored") from error
        raise


def _with_driver(url: str) -> str:
    parsed = make_url(url)
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    return parsed.set(drivername=driver.get(parsed.drivername, parsed.drivername)).render_as_string(hide_password=False)


def _engine(url: str, *, is_sqlite: bool, schema: str | None) -> AsyncEngine:
    options = {} if is_sqlite or schema is None else {"schema_translate_map": {None: schema}}
    engine = create_async_engine(
        url, pool_size=_POOL_SIZE, max_overflow=_POOL_SIZE, pool_pre_ping=not is_sqlite, execution_options=options,
        json_deserializer=_read_json,
    )  # fmt: skip
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _read_json(text: str) -> Any:
    """Read what the standard library wrote, quickly; all that it writes (NaN, halves of surrogates) can be read.

    Integers of more than 64 bits are floats, as in requests.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return json.loads(text)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy, not the driver, says BEGIN
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    """Switch once per file. Another hub may be doing just that: SQLite then refuses at once instead of waiting."""
    for _ in range(_WAL_TRIES):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            time.sleep(_WAL_WAIT_S)
        else:
            return
    cursor.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once where we mean to write: an upgrade later could only fail."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
