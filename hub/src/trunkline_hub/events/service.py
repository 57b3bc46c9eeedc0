"""Publishing, reading and following events."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import (
    BusUnavailableError,
    FieldError,
    GroupInUseError,
    GroupUnknownError,
    RequestInvalidError,
)
from trunkline.protocol.frames import Ack
from trunkline.protocol.resources import Event, EventPage, Group, GroupPage
from trunkline.protocol.rules import most_attempts
from trunkline_hub.audit import Audit
from trunkline_hub.bus import ConsumerSpec, HubBus, Only, schedule
from trunkline_hub.bus.live import HEARTBEAT_S, deliver, follow
from trunkline_hub.bus.log import Stored, read_backward, read_forward
from trunkline_hub.bus.pick import read_many
from trunkline_hub.bus.progress import Progress, oldest_unsettled, progress_of_all
from trunkline_hub.bus.schedule import NOW, Later
from trunkline_hub.bus.state import stream_state
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.component import Component
from trunkline_hub.core.lookup import Found, GroupWait, Lookup, StoredEvent
from trunkline_hub.core.page import cut, decode_cursor, decode_number, encode_cursor
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.events import model, store
from trunkline_hub.events.ports import EventIndex
from trunkline_hub.schemas import EventTypes
from trunkline_hub.schemas import Group as Follower

_SCAN_LIMIT = 5_000
"""Most messages one query reads for filters that the broker cannot apply."""
_SAMPLE_S = 5.0
_SAMPLES = 4
"""A group's rate is taken over so many samples."""


class EventFilter(msgspec.Struct, kw_only=True, frozen=True):
    """What a query asks for; times are those of storing, `until` exclusive."""

    type: str | None = None
    subject: str | None = None
    correlation_id: str | None = None
    since: str | None = None
    newest: bool = False
    id: str | None = None
    sender: str | None = None
    until: str | None = None
    trace_id: str | None = None

    def lookup(self) -> Lookup:
        """Return it with its times read.

        Raises:
            RequestInvalidError
        """
        return Lookup(
            type=self.type, subject=self.subject, id=self.id, sender=self.sender,
            correlation_id=self.correlation_id, trace_id=self.trace_id,
            since=model.parse_time(self.since, "query:since"), until=model.parse_time(self.until, "query:until"),
        )  # fmt: skip


class Events:
    """The event log of all workspaces."""

    def __init__(self, bus: HubBus, db: Database, index: EventIndex, catalogue: EventTypes) -> None:
        self._bus = bus
        self._db = db
        self._index = index
        self._catalogue = catalogue

    async def publish(self, principal: Principal, workspace: str, raw: bytes, later: Later = NOW) -> Ack:
        """Store a CloudEvent as it came, under the principal's pinned name; now or later.

        Raises:
            EnvelopeInvalidError, RequestInvalidError, MessageTooLargeError, BusUnavailableError, ScheduleFullError
            EventTypeUnknownError, PayloadInvalidError: the catalogue forbids it.
        """
        message = ce.decode(raw)
        model.check_type(message.type)
        await self._catalogue.admit(workspace, message)
        subject = subjects.event(workspace, principal.name, message.type)
        store_id = f"{principal.name}:{message.id}"
        due = await self._due(later)
        if due is not None:
            await schedule.check_room(self._bus, workspace)
            plan = schedule.Plan(
                kind="event", target=message.type, subject=subject, by=principal.name, message_id=message.id,
                store_id=store_id, due_at=rfc3339(due), headers={"Content-Type": ce.CONTENT_TYPE},
            )  # fmt: skip
            return await schedule.put(self._bus, workspace, plan, raw)
        stored = await self._bus.store(subjects.events_stream(workspace), subject, raw, msg_id=store_id)
        return Ack(id=message.id, stream=stored.stream, seq=stored.seq, duplicate=stored.duplicate)

    async def _due(self, later: Later) -> datetime | None:
        if later == NOW:
            return None
        async with self._db.read() as tx:
            return later.due(tx.clock.now(), where="query:")

    async def query(self, workspace: str, wanted: EventFilter, *, cursor: str | None, limit: int) -> EventPage:
        """Return events that match, oldest first, or newest first where asked.

        The index says where they lie; what it has not read yet is looked for in the log itself.
        """
        reading = _Reading(self._bus, workspace, wanted, limit)
        position = decode_number(cursor)
        last_seq = (await stream_state(self._bus, reading.stream)).last_seq
        known = await self._index.find(
            workspace, reading.lookup, after=0 if wanted.newest else position or 0,
            before=position if wanted.newest else None, newest=wanted.newest, limit=limit,
        )  # fmt: skip
        if known is None:
            page = await reading.scan(position, down_to=0)
        elif wanted.newest:
            page = await reading.newest(known, position)
        else:
            page = await reading.oldest(known, position)
        page.last_seq, page.indexed_up_to = last_seq, known.indexed_up_to if known is not None else None
        return page

    async def tail(self, workspace: str, types: list[str], *, after_seq: int | None) -> AsyncIterator[Event | None]:
        """Yield events as they are stored; None now and then while nothing happens."""
        filters = _filters(workspace, types)
        stream = subjects.events_stream(workspace)
        while True:
            with contextlib.suppress(BusUnavailableError, TimeoutError):
                async for stored in follow(self._bus, stream, filters, after_seq=after_seq):
                    if stored is not None:
                        after_seq = stored.seq
                    yield None if stored is None else _event(stored)
            yield None

    async def subscribe(self, principal: Principal, workspace: str, wanted: frames.Subscription) -> frames.Subscribed:
        """Have events delivered to the principal's own inbox.

        Raises:
            RequestInvalidError: the inbox is somebody else's, or a pattern is wrong.
        """
        prefix = subjects.inbox_prefix(principal.name) + "."
        if not wanted.deliver_to.startswith(prefix) or not model.is_plain_subject(wanted.deliver_to):
            raise RequestInvalidError(errors=[FieldError("/deliver_to", f"must begin with {prefix!r}")])
        stream = subjects.events_stream(workspace)
        consumer = await deliver(
            self._bus, stream, _filters(workspace, wanted.types), wanted.deliver_to,
            after_seq=wanted.after_seq, since=model.parse_time(wanted.since, "/since"),
        )  # fmt: skip
        return frames.Subscribed(stream=stream, consumer=consumer, heartbeat_s=HEARTBEAT_S)

    async def ensure_group(self, tx: Tx, workspace: str, wanted: frames.ReaderDeclaration) -> frames.Reader:
        """Write down that a group follows these types; the reconciler makes its cursor."""
        types = model.check_patterns(wanted.types, f"/readers/{wanted.name}/types")
        retry = wanted.retry or frames.RetryPolicy()
        ack_wait_s = model.DEFAULT_ACK_WAIT_S if wanted.ack_wait_s is None else wanted.ack_wait_s
        model.check_group(f"/readers/{wanted.name}", retry, ack_wait_s)
        row = {
            "workspace_id": workspace, "name": wanted.name, "types": types,
            "retry": msgspec.to_builtins(retry), "ack_wait_s": ack_wait_s,
        }  # fmt: skip
        await store.put_group(tx, row)
        return frames.Reader(
            lane="group", name=wanted.name, stream=subjects.events_stream(workspace),
            consumer=subjects.consumer("group", wanted.name), retry=retry, ack_wait_s=ack_wait_s,
        )  # fmt: skip

    async def groups(self, tx: Tx, workspace: str) -> list[Follower]:
        """Return the groups of a workspace and what they follow."""
        return [Follower(name=row.name, types=row.types) for row in await store.groups_of(tx, workspace)]

    async def desired_consumers(self, only: Only | None = None) -> list[ConsumerSpec]:
        """Return the cursors that should exist."""
        async with self._db.read() as tx:
            rows = [row for row in await store.all_groups(tx) if _is_among(row, only)]
        return [
            ConsumerSpec(
                workspace=row.workspace_id,
                lane="group",
                reader=row.name,
                filters=(*_filters(row.workspace_id, row.types), subjects.redrive_filter(row.workspace_id, row.name)),
                max_attempts=most_attempts(msgspec.convert(row.retry, frames.RetryPolicy)),
                ack_wait_s=row.ack_wait_s,
                max_in_flight=model.MAX_IN_FLIGHT,
            )
            for row in rows
        ]


def _is_among(row: Any, only: Only | None) -> bool:
    return only is None or (only.lane == "group" and only.workspace == row.workspace_id and row.name in only.names)


class _Reading:
    """One page being read."""

    def __init__(self, bus: HubBus, workspace: str, wanted: EventFilter, limit: int) -> None:
        self.stream = subjects.events_stream(workspace)
        self.lookup = wanted.lookup()
        self._bus = bus
        self._filters = _filters(workspace, [wanted.type] if wanted.type else [])
        self._newest = wanted.newest
        self._limit = limit
        self._found: list[Event] = []

    async def oldest(self, known: Found, position: int | None) -> EventPage:
        """Return what the index knows, then what came after it."""
        await self._pick(known)
        if known.more or len(self._found) >= self._limit:
            return EventPage(items=self._found, next=encode_cursor(str(known.seqs[-1])))
        return await self.scan(max(position or 0, known.indexed_up_to), down_to=0)

    async def newest(self, known: Found, position: int | None) -> EventPage:
        """Return what came after the index's place, then what the index knows."""
        if position is None or position > known.indexed_up_to + 1:
            page = await self.scan(position, down_to=known.indexed_up_to)
            if page.next is not None:
                return page
        room = self._limit - len(self._found)
        kept = known if len(known.seqs) <= room else replace(known, seqs=known.seqs[:room], more=True)
        await self._pick(kept)
        more = kept.more or len(self._found) >= self._limit
        last = kept.seqs[-1] if kept.seqs else known.indexed_up_to + 1
        return EventPage(items=self._found, next=encode_cursor(str(last)) if more else None)

    async def scan(self, position: int | None, *, down_to: int) -> EventPage:
        """Read the log from `position` on and keep what matches; not for longer than a request may take."""
        scanned = 0
        while len(self._found) < self._limit and scanned < _SCAN_LIMIT:
            part = await self._part(position, down_to)
            scanned += len(part)
            for stored in part:
                position = stored.seq
                if self._newest and self.lookup.since is not None and stored.stored_at < self.lookup.since:
                    return EventPage(items=self._found, next=None)
                self._keep(stored)
                if len(self._found) == self._limit:
                    break
            if len(part) < self._limit:
                return EventPage(items=self._found, next=None)
        return EventPage(items=self._found, next=encode_cursor(str(position)))

    async def _part(self, position: int | None, down_to: int) -> list[Stored]:
        bus, stream, filters, limit = self._bus, self.stream, self._filters, self._limit
        if self._newest:
            return await read_backward(bus, stream, filters, before_seq=position, limit=limit, after_seq=down_to)
        return await read_forward(
            bus, stream, filters, after_seq=position or 0, since=self.lookup.since, limit=limit
        )  # fmt: skip

    async def _pick(self, known: Found) -> None:
        for stored in await read_many(self._bus, self.stream, known.seqs):
            self._keep(stored)

    def _keep(self, stored: Stored) -> None:
        event = _event(stored)
        if model.matches(event.event, event.sender, stored.stored_at, self.lookup):
            self._found.append(event)


def _filters(workspace: str, types: list[str]) -> list[str]:
    return [subjects.event_filter(workspace, pattern) for pattern in model.check_patterns(types, "query:type")]


def _event(stored: Stored) -> Event:
    return Event(
        seq=stored.seq,
        sender=subjects.sender_of(stored.subject),
        stored_at=rfc3339(stored.stored_at),
        event=_as_json(stored),
    )


def _as_json(stored: Stored) -> dict[str, Any]:
    """Return the CloudEvent; what is none (written past the SDK) is shown as text, not hidden."""
    try:
        event = msgspec.json.decode(stored.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = None
    if isinstance(event, dict):
        return event
    return {"type": "trunkline.not_a_cloudevent", "data": stored.payload[:1000].decode(errors="replace")}


class Groups(Component):
    """The groups that follow events: how far behind each is, and taking one away."""

    name: ClassVar[str] = "group-rates"

    def __init__(
        self, bus: HubBus, db: Database, clock: Clock, audit: Audit, workspaces: Callable[[], Awaitable[list[str]]]
    ) -> None:
        super().__init__()
        self._bus = bus
        self._db = db
        self._clock = clock
        self._audit = audit
        self._workspaces = workspaces
        self._samples: dict[tuple[str, str], deque[tuple[float, int]]] = {}

    async def run(self) -> None:
        self.started.set()
        while True:
            with contextlib.suppress(BusUnavailableError):
                for workspace in await self._workspaces():
                    self._sample(workspace, await progress_of_all(self._bus, workspace, "group"))
            await asyncio.sleep(_SAMPLE_S)

    async def page(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> GroupPage:
        """Return the groups by name, each with its lag."""
        rows = await store.page_groups(tx, workspace, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.name))
        found = await progress_of_all(self._bus, workspace, "group")
        items = await asyncio.gather(
            *(self._group(row, found.get(subjects.consumer("group", row.name))) for row in kept)
        )
        return GroupPage(items=items, next=after)

    async def get(self, tx: Tx, workspace: str, name: str) -> Group:
        """Return one group with its lag.

        Raises:
            GroupUnknownError
        """
        row = await self._row(tx, workspace, name)
        found = await progress_of_all(self._bus, workspace, "group")
        return await self._group(row, found.get(subjects.consumer("group", name)))

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str, *, force: bool) -> None:
        """Take a group away; the reconciler takes its cursor. What it had not handled, it never will.

        Raises:
            GroupUnknownError
            GroupInUseError: workers read as it, and no force is used.
        """
        await self._row(tx, workspace, name)
        found = (await progress_of_all(self._bus, workspace, "group")).get(subjects.consumer("group", name))
        if not force and found is not None and (found.pulls_waiting or found.in_flight):
            raise GroupInUseError(f"Group {name!r} has {found.in_flight} events in workers' hands, or workers waiting")
        await store.remove_group(tx, workspace, name)
        waiting = found.waiting if found is not None else 0
        await self._audit.record(tx, workspace, by.name, "group.removed", f"group/{name}", waiting=waiting, force=force)
        await tx.emit(workspace, "trunkline.group.removed", {"group": name}, subject=name)

    async def waits(self, workspace: str, events: Sequence[StoredEvent]) -> dict[int, list[GroupWait]]:
        """Return which groups have not settled which events, by place; a settled one may be among those in flight."""
        async with self._db.read() as tx:
            rows = [row for row in await store.all_groups(tx) if row.workspace_id == workspace]
        found = await progress_of_all(self._bus, workspace, "group") if rows else {}
        waits: dict[int, list[GroupWait]] = {}
        for row in rows:
            progress = found.get(subjects.consumer("group", row.name))
            for event in events if progress is not None else ():
                assert progress is not None
                if _gets(row, progress, event) and event.seq > progress.settled_up_to:
                    waits.setdefault(event.seq, []).append(
                        GroupWait(row.name, "waiting" if event.seq > progress.delivered_up_to else "in_flight")
                    )
        return waits

    async def _row(self, tx: Tx, workspace: str, name: str) -> Any:
        row = await store.get_group(tx, workspace, name)
        if row is None:
            raise GroupUnknownError(f"There is no group {name!r} in workspace {workspace!r}")
        return row

    async def _group(self, row: Any, found: Progress | None) -> Group:
        oldest: datetime | None = None
        if found is not None:
            stored = await oldest_unsettled(self._bus, subjects.events_stream(row.workspace_id), found)
            oldest = stored.stored_at if stored is not None else None
        age = None if oldest is None else max(0.0, round((self._clock.now() - oldest).total_seconds(), 3))
        return Group(
            name=row.name, types=row.types, retry=msgspec.convert(row.retry, frames.RetryPolicy),
            ack_wait_s=row.ack_wait_s, waiting=found.waiting if found else 0, in_flight=found.in_flight if found else 0,
            redelivered=found.redelivered if found else 0, workers_waiting=found.pulls_waiting if found else 0,
            oldest_unhandled_at=None if oldest is None else rfc3339(oldest), oldest_unhandled_s=age,
            rate_per_s=self._rate(row.workspace_id, row.name), created_at=rfc3339(row.created_at),
        )  # fmt: skip

    def _sample(self, workspace: str, found: dict[str, Progress]) -> None:
        now = asyncio.get_running_loop().time()
        for name, progress in found.items():
            self._samples.setdefault((workspace, name), deque(maxlen=_SAMPLES)).append((now, progress.settled))
        gone = [key for key in self._samples if key[0] == workspace and key[1] not in found]
        for key in gone:
            del self._samples[key]

    def _rate(self, workspace: str, name: str) -> float | None:
        samples = self._samples.get((workspace, subjects.consumer("group", name)))
        if not samples or len(samples) == 1:
            return None
        (began, before), (ended, after) = samples[0], samples[-1]
        return round(max(0, after - before) / (ended - began), 2)


def _gets(row: Any, progress: Progress, event: StoredEvent) -> bool:
    """Whether the group is meant to get the event: of its types, and stored since it follows the log."""
    if event.group is not None:
        return bool(event.group == row.name)
    return event.stored_at >= progress.created_at and any(model.names(pattern, event.type) for pattern in row.types)
