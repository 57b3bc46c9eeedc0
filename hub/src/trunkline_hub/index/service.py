"""Finding events, following messages, telling how far the index is."""

import asyncio
from typing import Any, Literal

from trunkline.protocol.errors import (
    BusUnavailableError,
    FieldError,
    RequestInvalidError,
    TraceUnknownError,
    UnavailableError,
)
from trunkline.protocol.resources import IndexedStream, IndexStatus, Trace, TraceNode
from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.feed import Extent, extent
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.lookup import Found, Lookup, StoredEvent
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.db.derived import DamagedError, DerivedDatabase
from trunkline_hub.index import model, store
from trunkline_hub.index.events import stream_of
from trunkline_hub.index.model import KINDS, Facts, Kind
from trunkline_hub.index.ports import Groups, Letters
from trunkline_hub.index.store import BUILDING, LIVE, Part

MAX_MESSAGES = 500
"""Most messages in one trace."""
_MAX_DEPTH = 50
_MAX_ROWS = 5_000
_CATCH_UP_S = 1.0
_CATCHABLE = 20_000
"""So many messages behind, waiting for the index is worth a try."""
_POLL_S = 0.02


class Index:
    """The index over the log, for all workspaces."""

    def __init__(
        self, bus: HubBus, db: DerivedDatabase, clock: Clock, audit: Audit, letters: Letters, groups: Groups
    ) -> None:
        self.db = db
        self._bus = bus
        self._clock = clock
        self._audit = audit
        self._letters = letters
        self._groups = groups

    async def find(
        self, workspace: str, wanted: Lookup, *, after: int, before: int | None, newest: bool, limit: int
    ) -> Found | None:
        """Return up to `limit` places in the log between `after` and `before`, exclusive; None where it cannot tell."""
        try:
            async with self.db.read() as tx:
                part = _live(await store.all_parts(tx, workspace))
                if part is None or "events" not in part.positions:
                    return None
                reached = part.positions["events"].seq
                high = reached + 1 if before is None else min(before, reached + 1)
                seqs = await store.find(
                    tx, part.part, _wanted(wanted), after=after, before=high, newest=newest, limit=limit + 1
                )  # fmt: skip
        except UnavailableError:  # the log itself can answer
            return None
        if seqs is None:
            return None
        return Found(seqs=seqs[:limit], more=len(seqs) > limit, indexed_up_to=reached)

    async def status(self, workspace: str) -> IndexStatus:
        """Return how far each stream is indexed, and how a rebuild gets on."""
        try:
            async with self.db.read() as tx:
                parts = await store.all_parts(tx, workspace)
        except DamagedError:  # it is being made anew
            parts = []
        live, building = _live(parts), next((part for part in parts if part.state == BUILDING), None)
        extents = await self._extents(workspace)
        streams = [_stream(kind, live, extents[kind]) for kind in KINDS]
        known = live is not None and len(live.positions) == len(KINDS)
        return IndexStatus(
            state="rebuilding" if building is not None else "following" if known else "starting",
            streams=streams, progress=None if building is None else _progress(building, extents),
            rebuild_began_at=None if building is None else rfc3339(model.moment(building.began_us)),
        )  # fmt: skip

    async def rebuild(self, tx: Tx, by: Principal, workspace: str) -> IndexStatus:
        """Have the index made anew from the log; the old one answers until the new one has caught up."""
        async with self.db.write() as index_tx:
            parts = await store.all_parts(index_tx, workspace)
            if not any(part.state == BUILDING for part in parts):
                await store.add_part(index_tx, workspace, BUILDING)
        await self._audit.record(tx, workspace, by.name, "index.rebuild", f"index/{workspace}")
        return await self.status(workspace)

    async def trace(self, workspace: str, message_id: str) -> Trace:
        """Return the path of a message: what led to it, what happened to it, what it caused.

        Raises:
            TraceUnknownError
        """
        behind = await self._catch_up(workspace)
        async with self.db.read() as tx:
            part = await self._part(tx, workspace)
            facts, truncated = await self._descend(tx, part, {message_id})
            if message_id not in facts.ids() and message_id not in facts.causes().values():
                raise TraceUnknownError(f"There is nothing on record about {message_id!r} in workspace {workspace!r}")
            above = await self._ascend(tx, part, facts, message_id)
        await self._complete(workspace, facts)
        found = model.nodes(facts)
        found.setdefault(message_id, model.unknown(message_id))
        model.grow(found)
        await self._complete(workspace, above)
        ancestors = _chain(model.nodes(above), found[message_id])
        return self._answer([found[message_id]], ancestors, facts, truncated, behind, message_id=message_id)

    async def traces(self, workspace: str, *, correlation_id: str | None, trace_id: str | None) -> Trace:
        """Return everything with this correlation or trace id, as trees.

        Raises:
            RequestInvalidError: neither or both are given.
            TraceUnknownError
        """
        if (correlation_id is None) == (trace_id is None):
            raise RequestInvalidError(errors=[FieldError("query:correlation_id", "give this or `trace_id`")])
        column: Literal["correlation", "trace_id"] = "correlation" if correlation_id is not None else "trace_id"
        value = correlation_id or trace_id or ""
        behind = await self._catch_up(workspace)
        async with self.db.read() as tx:
            part = await self._part(tx, workspace)
            seeds = await self._rows(tx, part, column, [value], MAX_MESSAGES + 1)
            ids = seeds.ids() | ({value} if correlation_id is not None else set())
            kept = set(sorted(ids)[:MAX_MESSAGES]) if len(ids) > MAX_MESSAGES else ids
            facts = await self._about(tx, part, kept)
        if not facts.rows():
            raise TraceUnknownError(f"There is nothing on record with {column} {value!r} in workspace {workspace!r}")
        await self._complete(workspace, facts)
        roots = model.grow(model.nodes(facts))
        truncated = len(ids) > MAX_MESSAGES or seeds.rows() > MAX_MESSAGES
        return self._answer(roots, [], facts, truncated, behind, correlation_id=correlation_id)

    def _answer(
        self, roots: list[TraceNode], ancestors: list[TraceNode], facts: Facts, truncated: bool, behind: int,
        *, message_id: str | None = None, correlation_id: str | None = None,
    ) -> Trace:  # fmt: skip
        return Trace(
            message_id=message_id, correlation_id=correlation_id or roots[0].correlation_id, ancestors=ancestors,
            roots=roots, timeline=model.timeline(roots, self._clock.now()), messages=len(facts.ids()),
            truncated=truncated, behind=behind,
        )  # fmt: skip

    async def _descend(self, tx: Tx, part: int, ids: set[str]) -> tuple[Facts, bool]:
        """Return what is on record about some messages and all they caused; whether there is more."""
        facts, seen, level = Facts(), set(ids), ids
        for _ in range(_MAX_DEPTH):
            facts.add(await self._about(tx, part, level))
            effects = await self._rows(tx, part, "causation", sorted(level), MAX_MESSAGES + 1)
            fresh = effects.ids() - seen
            if not fresh:
                return facts, facts.rows() >= _MAX_ROWS
            room = MAX_MESSAGES - len(seen)
            if len(fresh) > room or facts.rows() >= _MAX_ROWS:
                facts.add(await self._about(tx, part, set(sorted(fresh)[: max(0, room)])))
                return facts, True
            seen |= fresh
            level = fresh
        return facts, True

    async def _ascend(self, tx: Tx, part: int, facts: Facts, message_id: str) -> Facts:
        """Return what is on record about the messages that led to one."""
        above, seen = Facts(), {message_id}
        cause = facts.causes().get(message_id)
        while cause is not None and cause not in seen and len(seen) < _MAX_DEPTH:
            seen.add(cause)
            found = await self._about(tx, part, {cause})
            above.add(found)
            cause = found.causes().get(cause)
        return above

    async def _about(self, tx: Tx, part: int, ids: set[str]) -> Facts:
        wanted = sorted(ids)
        if not wanted:
            return Facts()
        return Facts(
            events=await store.events_by(tx, part, "id", wanted, limit=_MAX_ROWS),
            handlings=await store.handlings_by(tx, part, "message_id", wanted, limit=_MAX_ROWS),
            letters=await store.letters_by(tx, part, "message_id", wanted, limit=_MAX_ROWS),
        )

    async def _rows(self, tx: Tx, part: int, column: str, values: list[str], limit: int) -> Facts:
        return Facts(
            events=await store.events_by(tx, part, column, values, limit=limit),
            handlings=await store.handlings_by(tx, part, column, values, limit=limit),
            letters=await store.letters_by(tx, part, column, values, limit=limit),
        )

    async def _complete(self, workspace: str, facts: Facts) -> None:
        """Add what those beside the index know: the letters' fates, and who still waits."""
        if facts.letters:
            facts.fates = await self._letters.fates(workspace, [row.seq for row in facts.letters])
        if facts.events:
            stored = [
                StoredEvent(row.type, model.seq_of(row.key), model.moment(row.stored_us), row.reader)
                for row in facts.events
            ]
            try:
                facts.waits = await self._groups.waits(workspace, stored)
            except BusUnavailableError:  # the past can be told without the broker
                facts.waits = {}

    async def _part(self, tx: Tx, workspace: str) -> int:
        part = _live(await store.all_parts(tx, workspace))
        if part is None:
            raise UnavailableError("The index has only just been begun")
        return part.part

    async def _catch_up(self, workspace: str) -> int:
        """Wait shortly until the index holds what the streams hold now; how many messages it is behind."""
        try:
            extents = await self._extents(workspace)
        except BusUnavailableError:
            return 0
        deadline = asyncio.get_running_loop().time() + _CATCH_UP_S
        while True:
            async with self.db.read() as tx:
                part = _live(await store.all_parts(tx, workspace))
            behind = sum(_stream(kind, part, extents[kind]).behind for kind in KINDS)
            late = asyncio.get_running_loop().time() >= deadline
            if behind == 0 or behind > _CATCHABLE or late:
                return behind
            await asyncio.sleep(_POLL_S)

    async def _extents(self, workspace: str) -> dict[Kind, Extent | None]:
        found = await asyncio.gather(*(extent(self._bus, stream_of(workspace, kind)) for kind in KINDS))
        return dict(zip(KINDS, found, strict=True))


def _live(parts: list[Part]) -> Part | None:
    return next((part for part in parts if part.state == LIVE), None)


def _wanted(lookup: Lookup) -> store.Wanted:
    equal = {
        "id": lookup.id, "subject": lookup.subject, "correlation": lookup.correlation_id,
        "causation": lookup.causation_id, "trace_id": lookup.trace_id,
    }  # fmt: skip
    return store.Wanted(
        type=lookup.type, sender=lookup.sender,
        equal={name: model.clip(value) for name, value in equal.items() if value is not None},
        since_us=None if lookup.since is None else model.micros(lookup.since),
        until_us=None if lookup.until is None else model.micros(lookup.until),
    )  # fmt: skip


def _stream(kind: Kind, part: Part | None, found: Extent | None) -> IndexedStream:
    position = part.positions.get(kind) if part is not None else None
    reached, last = position.seq if position else 0, found.last_seq if found else 0
    first = found.first_seq if found else 0
    behind = 0 if reached >= last else last - max(reached, first - 1)
    return IndexedStream(name=kind, indexed_up_to=reached, last_seq=last, behind=behind)


def _progress(building: Part, extents: dict[Kind, Extent | None]) -> float:
    done = wanted = 0
    for kind, position in building.positions.items():
        found: Any = extents.get(kind)  # type: ignore[call-overload]  # kinds are stored as text
        first = max(0, (found.first_seq if found else 1) - 1)
        wanted += max(0, position.target - first)
        done += max(0, min(position.seq, position.target) - first)
    return round(done / wanted, 4) if wanted else 0.0


def _chain(found: dict[str, TraceNode], node: TraceNode) -> list[TraceNode]:
    """Return the nodes that led to `node`, the origin first, each without children."""
    chain: list[TraceNode] = []
    cause = node.causation_id
    while cause is not None and all(cause != one.id for one in chain) and cause != node.id:
        above = found.get(cause) or model.unknown(cause)
        chain.append(above)
        cause = above.causation_id
    return list(reversed(chain))
