"""Facts handled: everything that the log and the workers' records tell enters the index, in order.

Rows and the place reached are written in one transaction, and reading begins
there: killed at any moment, nothing is missing and nothing is there twice; a
file that is lost, damaged or put back from a backup fills up by itself.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar

import structlog

from trunkline.protocol import subjects
from trunkline.protocol.errors import BusUnavailableError
from trunkline.tasks import Tasks
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.feed import Extent, Fed, Feed, extent
from trunkline_hub.core.component import Component
from trunkline_hub.db import Tx
from trunkline_hub.db.derived import DamagedError, DerivedDatabase
from trunkline_hub.index import model, store
from trunkline_hub.index.model import KINDS, Batch, Kind
from trunkline_hub.index.store import BUILDING, GARBAGE, LIVE, Part

_log = structlog.get_logger("index")
_BATCH = 1_000
"""Messages of one stream in one transaction; more would hold up the hub's other work while rows are made."""
_GATHER_S = 0.05
"""What arrives within this time of a lone message is written together with it."""
_LOOK_S = 1.0
_TEND_S = 10.0
_SWEEP = 5_000
_COMMIT_S = 2.5
T = TypeVar("T")

Workspaces = Callable[[], Awaitable[list[str]]]
_STREAMS: dict[Kind, Callable[[str], str]] = {
    "events": subjects.events_stream,
    "receipts": subjects.receipts_stream,
    "attempts": subjects.attempts_stream,
    "dead": subjects.dead_stream,
}


def stream_of(workspace: str, kind: Kind) -> str:
    """Return the stream that one kind of rows comes from."""
    return _STREAMS[kind](workspace)


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A stream being followed for one part of the index."""

    feed: Feed
    kind: Kind
    part: int
    task: "asyncio.Task[None]"


class EventIndex(Component):
    """Keeps the index in step with the streams; one hub of a cluster does."""

    name: ClassVar[str] = "event-index"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, bus: HubBus, db: DerivedDatabase, workspaces: Workspaces) -> None:
        super().__init__()
        self.indexed = 0
        """Messages indexed since this hub began to."""
        self._bus = bus
        self._db = db
        self._workspaces = workspaces
        self._sources: dict[tuple[str, Kind], _Source] = {}
        self._arrived = asyncio.Event()
        self._tasks = Tasks()
        self.tend_at = 0.0
        """Loop time of the next look at what has left the streams."""

    async def run(self) -> None:
        while True:
            try:
                if await self._db.open():
                    _log.info("index_made_anew")
                await self._follow()
            except DamagedError as error:
                _log.warning("index_damaged", error=str(error.__cause__))
                await self._db.recreate()
            finally:
                self._sources.clear()
                await self._tasks.close()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        look_at = self.tend_at = 0.0
        while True:
            if loop.time() >= look_at:
                await self._look()
                look_at = loop.time() + _LOOK_S
                self.started.set()
            self._arrived.clear()
            if await self._index_some():
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, look_at - loop.time())):
                    await self._arrived.wait()
                    await asyncio.sleep(_GATHER_S)

    async def _index_some(self) -> int:
        """Index what has arrived, one transaction for all of it; how many messages."""
        batches: dict[int, Batch] = {}
        count = 0
        for source in list(self._sources.values()):
            taken = source.feed.take(_BATCH)
            if taken:
                batch = batches.setdefault(source.part, Batch())
                for fed in taken:
                    _add(batch, source.part, source.kind, fed)
                batch.positions[source.kind] = taken[-1].seq
                count += len(taken)
                await asyncio.sleep(0)  # rows are made in this thread: let the hub answer in between
        if count:
            await self._commit(lambda tx: self._write(tx, batches))
            self.indexed += count
        return count

    async def _write(self, tx: Tx, batches: dict[int, Batch]) -> None:
        for part, batch in batches.items():
            await store.write(tx, part, batch, sqlite=self._db.is_sqlite)

    async def _commit(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run one write transaction to its end, cancelled or not: SQLite's lock would outlive one torn in the midst."""

        async def transaction() -> T:
            async with self._db.write() as tx:
                return await work(tx)

        writing = self._tasks.spawn(transaction(), name="index-write", awaited=True)
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing], timeout=_COMMIT_S)
            raise

    async def _look(self) -> None:
        """See to it that every stream is followed for the right part; now and then, let go of what has left the log."""
        async with self._db.read() as tx:
            parts = await store.all_parts(tx)
        try:
            settled = True
            for workspace in await self._workspaces():
                mine = [part for part in parts if part.workspace == workspace and part.state != GARBAGE]
                settled &= await self._look_at(workspace, mine)
        except BusUnavailableError:
            return
        for part in parts:
            if part.state == GARBAGE:
                await self._sweep(part)
        now = asyncio.get_running_loop().time()
        if settled and now >= self.tend_at:
            self.tend_at = now + _TEND_S

    async def _look_at(self, workspace: str, mine: list[Part]) -> bool:
        """Return whether all of a workspace's streams are followed and none of it is being built."""
        part = mine[-1] if mine else await self._add_part(workspace)
        known = all((workspace, kind) in self._sources for kind in KINDS)
        due = asyncio.get_running_loop().time() >= self.tend_at
        if known and self._is_followed(workspace, part) and len(mine) == 1 and not due:
            return True
        extents = {kind: await extent(self._bus, stream_of(workspace, kind)) for kind in KINDS}
        if any(found is not None and _is_another(part, kind, found) for kind, found in extents.items()):
            _log.warning("log_replaced", workspace=workspace)
            await self._retire(workspace, mine)
            return False
        for kind, found in extents.items():
            if found is not None:
                await self._ensure(workspace, part, kind, found)
        if part.state == BUILDING and _has_caught_up(mine):
            await self._promote(workspace, mine)
        elif part.state == LIVE:
            await self._trim(part, extents)
        return all(extents.values()) and len(mine) == 1

    def _is_followed(self, workspace: str, part: Part) -> bool:
        return all(source.part == part.part for (of, _), source in self._sources.items() if of == workspace)

    async def _ensure(self, workspace: str, part: Part, kind: Kind, found: Extent) -> None:
        position = part.positions.get(kind)
        if position is None:
            await self._commit(
                lambda tx: store.add_position(tx, part.part, kind, seq=0, target=found.last_seq, born=found.born)
            )
        source = self._sources.get((workspace, kind))
        if source is not None and source.part == part.part:
            return
        await self._drop(workspace, kind)
        feed = Feed(
            self._bus, stream_of(workspace, kind), after_seq=position.seq if position else 0, arrived=self._arrived
        )
        task = self._tasks.spawn(feed.run(), name=f"index-{feed.stream}")
        self._sources[workspace, kind] = _Source(feed=feed, kind=kind, part=part.part, task=task)

    async def _drop(self, workspace: str, kind: Kind) -> None:
        source = self._sources.pop((workspace, kind), None)
        if source is not None:
            source.task.cancel()
            await asyncio.wait([source.task])

    async def _add_part(self, workspace: str) -> Part:
        """Begin a part; what was read for one that is gone was read for nothing."""
        for kind in KINDS:
            await self._drop(workspace, kind)
        await self._commit(lambda tx: store.add_part(tx, workspace, LIVE))
        async with self._db.read() as tx:
            return (await store.all_parts(tx, workspace))[-1]

    async def _retire(self, workspace: str, mine: list[Part]) -> None:
        """Begin again: the streams are not those that these parts were made from."""
        await self._commit(lambda tx: store.replace(tx, [part.part for part in mine], workspace))

    async def _promote(self, workspace: str, mine: list[Part]) -> None:
        await self._commit(lambda tx: store.promote(tx, [part.part for part in mine]))
        _log.info("index_rebuilt", workspace=workspace)

    async def _trim(self, part: Part, extents: dict[Kind, Extent | None]) -> None:
        since = [0 if found is None else found.first_seq for found in (extents["events"], extents["dead"])]
        ages = [_oldest_us(extents[kind]) for kind in ("receipts", "attempts")]
        gone = _SWEEP
        while gone >= _SWEEP:
            gone = await self._commit(
                lambda tx: store.trim(
                    tx, part.part, events_from=since[0], letters_from=since[1],
                    handlings_from_us=(ages[0], ages[1]), limit=_SWEEP,
                )
            )  # fmt: skip

    async def _sweep(self, part: Part) -> None:
        await self._commit(lambda tx: store.sweep(tx, part.part, _SWEEP))


def _add(batch: Batch, part: int, kind: Kind, fed: Fed) -> None:
    if kind == "events":
        batch.events.append(model.event_row(part, fed.seq, fed.stored_us, fed.subject, fed.payload, fed.headers))
    elif kind == "receipts":
        batch.handlings += model.handling_rows(part, fed.stored_us, fed.subject, fed.payload)
    elif kind == "attempts":
        batch.handlings += model.attempt_rows(part, fed.stored_us, fed.subject, fed.payload)
    else:
        row = model.letter_row(part, fed.seq, fed.stored_us, fed.subject, fed.payload, fed.headers)
        if row is not None:
            batch.letters.append(row)


def _is_another(part: Part, kind: Kind, found: Extent) -> bool:
    """Whether the stream is not the one that was read: made anew, or put back from an older backup."""
    position = part.positions.get(kind)
    return position is not None and (position.born != found.born or position.seq > found.last_seq)


def _has_caught_up(mine: list[Part]) -> bool:
    """Whether the new part holds all that the log held when it was begun, and no less than the old one."""
    new, old = mine[-1], mine[0]
    reached = all(position.seq >= position.target for position in new.positions.values())
    behind = old.positions.get("events")
    return (
        len(new.positions) == len(KINDS) and reached and (behind is None or new.positions["events"].seq >= behind.seq)
    )


def _oldest_us(found: Extent | None) -> int:
    """Return how far back a stream reaches; an empty one tells nothing, so nothing is let go for its sake."""
    return 0 if found is None or found.first_us is None else found.first_us
