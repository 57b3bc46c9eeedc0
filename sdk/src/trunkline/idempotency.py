"""Handled once: ids of messages that were handled before are remembered on the worker's side.

A message comes again when its worker, its broker or the connection between
them dies before it is settled. There are two remedies (`docs/idempotency.md`):

- a store: the id is written down *after* the handler returned. A redelivery is
  then settled without running the handler. A crash between the effect and the
  record leaves a gap: at least once.
- the user's own database: `ctx.claim(connection)` writes the id in the *same
  transaction* as the effect. Both happen or neither: exactly once.

Only successes are remembered. So a message that failed runs again when it is
redriven, and a replay (another `run`) runs again whatever happened before.
"""

import asyncio
import hashlib
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from trunkline.claims import TABLE, HandledBeforeError, Key
from trunkline.context import Context
from trunkline.delivery import Delivery
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, modes, subjects
from trunkline.protocol.errors import HandlerInvalidError, MessageError

_log = logging.getLogger("trunkline.once")

KEEP_S = 30 * 86400.0
MAX_ROWS = 1_000_000
_PRUNE_EVERY_S = 60.0
_PRUNE_ROWS = 20_000
_BUSY_S = 10.0
_ID_CHARS = 200
_FIND = "SELECT 1 FROM trunkline_handled WHERE reader = ? AND sender = ? AND message_id = ? AND run = ?"
_ADD = "INSERT OR IGNORE INTO trunkline_handled VALUES (?, ?, ?, ?, ?)"
_EXPIRE = (
    "DELETE FROM trunkline_handled WHERE handled_at < ?"
    " AND rowid IN (SELECT rowid FROM trunkline_handled ORDER BY rowid LIMIT ?)"
)
_SHRINK = "DELETE FROM trunkline_handled WHERE rowid <= (SELECT max(rowid) FROM trunkline_handled) - ?"

Run = Callable[[Any, Context], Awaitable[Any]]


class Store(Protocol):
    """Remembers what was handled; several processes may share what it writes to."""

    async def open(self) -> None:
        """Get ready; what is wrong with the place is told here."""
        ...

    def was_handled(self, key: Key) -> bool: ...

    async def record(self, key: Key) -> None:
        """Return when `key` will be remembered whatever dies."""
        ...

    async def close(self) -> None: ...


class SqliteStore:
    """Remembers in a SQLite file, which processes on one machine may share.

    Records that come close together share one transaction and one fsync.

    Args:
        path: the file; made when it is not there.
        keep_s: how long an id is remembered, in seconds.
        max_rows: how many are remembered at most; the oldest leave first.
    """

    def __init__(self, path: str | Path, *, keep_s: float = KEEP_S, max_rows: int = MAX_ROWS) -> None:
        self.path = Path(path)
        self._keep_s = keep_s
        self._max_rows = max_rows
        self._users = 0
        self._waiting: deque[tuple[Any, ...]] = deque()
        self._thread: ThreadPoolExecutor | None = None
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._reading = threading.Lock()
        self._pruned_at = 0.0

    async def open(self) -> None:
        """Make or open the file; raises `sqlite3.Error` where that cannot be."""
        self._users += 1
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "trunkline-once")
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connect)

    def was_handled(self, key: Key) -> bool:
        """Whether an earlier delivery was recorded; one look-up by primary key."""
        assert self._reader is not None, "open the store first"
        with self._reading:
            return self._reader.execute(_FIND, key).fetchone() is not None

    async def record(self, key: Key) -> None:
        """Return when `key` is on disk."""
        assert self._thread is not None, "open the store first"
        self._waiting.append((*key, int(time.time())))
        await asyncio.get_running_loop().run_in_executor(self._thread, self._commit)

    async def forget(self, message_id: str) -> int:
        """Forget a message of every reader, so that it runs again when it comes again; how many records."""
        assert self._thread is not None, "open the store first"
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._delete, message_id)

    async def close(self) -> None:
        """Close the file when the last who opened it is done."""
        self._users -= 1
        if self._users == 0 and self._thread is not None:
            thread, self._thread = self._thread, None
            await asyncio.get_running_loop().run_in_executor(thread, self._disconnect)
            thread.shutdown()

    def _connect(self) -> None:
        if self._writer is not None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = self._connection()
        self._writer.execute("PRAGMA journal_mode=WAL")
        self._writer.execute("PRAGMA synchronous=FULL")
        self._writer.execute(TABLE)
        self._reader = self._connection()

    def _connection(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)

    def _commit(self) -> None:
        """Write all that waits. Jobs come one after the other: who finds nothing left was served by one before."""
        assert self._writer is not None
        rows = []
        while self._waiting:
            rows.append(self._waiting.popleft())
        if not rows:
            return
        try:
            self._in_transaction(_ADD, rows)
        except sqlite3.Error:
            self._waiting.extendleft(reversed(rows))
            raise
        now = time.time()
        if now - self._pruned_at > _PRUNE_EVERY_S or now < self._pruned_at:
            self._pruned_at = now
            self._in_transaction(_EXPIRE, [(int(now - self._keep_s), _PRUNE_ROWS)])
            self._in_transaction(_SHRINK, [(self._max_rows,)])

    def _in_transaction(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        assert self._writer is not None
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            self._writer.executemany(statement, rows)
        except sqlite3.Error:
            self._writer.execute("ROLLBACK")
            raise
        self._writer.execute("COMMIT")

    def _delete(self, message_id: str) -> int:
        assert self._writer is not None
        statement = "DELETE FROM trunkline_handled WHERE message_id = ?"
        return self._writer.execute(statement, (_short(message_id),)).rowcount

    def _disconnect(self) -> None:
        for connection in (self._writer, self._reader):
            if connection is not None:
                connection.close()
        self._writer = self._reader = None


class MemoryStore:
    """Remembers while the process lives: for tests."""

    def __init__(self) -> None:
        self._keys: set[Key] = set()

    async def open(self) -> None: ...

    def was_handled(self, key: Key) -> bool:
        return key in self._keys

    async def record(self, key: Key) -> None:
        self._keys.add(key)

    async def close(self) -> None: ...


class Once:
    """Runs a handler unless its message was handled before."""

    def __init__(self, store: Store, run: Run) -> None:
        self._store = store
        self._run = run
        self._running: dict[Key, asyncio.Event] = {}

    async def __call__(self, payload: Any, context: Context) -> Any:
        """Run the handler and record the message.

        Raises:
            HandledBeforeError: it was handled before; nothing was run.
        """
        key = context.key
        assert key is not None
        while (earlier := self._running.get(key)) is not None:  # its lease was lost while it ran; it still runs
            await earlier.wait()
        if self._store.was_handled(key):
            raise HandledBeforeError
        self._running[key] = ended = asyncio.Event()
        try:
            result = await self._run(payload, context)
            await self._record(key)
        finally:
            del self._running[key]
            ended.set()
        return result

    def was_handled(self, key: Key) -> bool:
        """Whether an earlier delivery was recorded."""
        return self._store.was_handled(key)

    async def _record(self, key: Key) -> None:
        """The work is done: a record that cannot be written must not have it done again at once."""
        try:
            await self._store.record(key)
        except sqlite3.Error as error:
            _log.error("%s was handled but could not be recorded: %s", key.message_id, error)  # noqa: TRY400


class Place(NamedTuple):
    """Which reader asks."""

    workspace: str
    lane: subjects.Lane
    reader: str


def key_of(place: Place, delivery: Delivery, message: ce.Envelope) -> Key:
    """Return what makes a message the same one again: reader, sender, id, and the replay it belongs to.

    The sender is the one that the broker vouches for: no other can make a worker believe that it handled something.
    """
    return Key(
        reader=f"{place.workspace}/{place.lane}/{place.reader}",
        sender=subjects.sender_of(delivery.subject),
        message_id=_short(message.id),
        run=_short(delivery.headers.get(frames.HEADER_REPLAY, "")),
    )


def was_handled(once: Once | None, place: Place, delivery: Delivery) -> bool:
    """Whether a message that came too often was in truth handled, and only its acknowledgement is missing."""
    if once is None:
        return False
    try:
        return once.was_handled(key_of(place, delivery, modes.read(delivery.payload, delivery.headers)))
    except MessageError:
        return False


def make_store(once: "str | Path | Store | None") -> Store | None:
    """Return the store that an agent was given: a path is a SQLite file."""
    return SqliteStore(once) if isinstance(once, str | Path) else once


def check_once(once: bool | None, store: Store | None, reader: str) -> bool:
    """Return whether a reader's messages are remembered: where there is a store, unless it says no.

    Raises:
        HandlerInvalidError: it wants to, and the agent has no store.
    """
    if once and store is None:
        raise HandlerInvalidError(
            f"{reader!r} has once=True, but the agent has no store: Agent(..., once='handled.db')"
        )
    return store is not None if once is None else once


def _short(name: str) -> str:
    """Return what fits into any database's index and text: a digest for what is long or odd."""
    if len(name) <= _ID_CHARS and name.isprintable():
        return name
    return f"sha256:{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()}"
