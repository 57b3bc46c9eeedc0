"""Publishing, reading and following events."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from trunkline.protocol import frames, modes, subjects
from trunkline.protocol.error_rules import most_attempts
from trunkline.protocol.errors import (
    BusUnavailableError,
    EnvelopeInvalidError,
    EventUnknownError,
    FieldError,
    RequestInvalidError,
    TrunklineError,
)
from trunkline.protocol.frames import Ack
from trunkline.protocol.resources import BatchItem, BatchResult, Event, EventPage
from trunkline.wire import header_lines
from trunkline_hub.bus import ConsumerSpec, HubBus, Only, schedule
from trunkline_hub.bus.history import History
from trunkline_hub.bus.live import HEARTBEAT_S, deliver, follow
from trunkline_hub.bus.log import Stored, read_backward
from trunkline_hub.bus.pick import read_many
from trunkline_hub.bus.schedule import NOW, Later
from trunkline_hub.bus.state import stream_state
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.incoming import Incoming, structured
from trunkline_hub.core.lookup import Found, Lookup
from trunkline_hub.core.page import decode_number, encode_cursor
from trunkline_hub.core.patterns import check_patterns, is_plain_subject, parse_time
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.events import model, store
from trunkline_hub.events.ports import EventIndex
from trunkline_hub.schemas import EventTypes
from trunkline_hub.schemas import Group as Follower

_SCAN_LIMIT = 5_000
"""Most messages one query reads for filters that the broker cannot apply."""
_SCAN_S = 4.0
"""About how long one query reads."""
_NARROW_BATCH = 1_000
"""Messages read at once where few of them will match."""


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
            since=parse_time(self.since, "query:since"), until=parse_time(self.until, "query:until"),
        )  # fmt: skip


class Events:
    """The event log of all workspaces."""

    def __init__(self, bus: HubBus, db: Database, index: EventIndex, catalogue: EventTypes, history: History) -> None:
        self._bus = bus
        self._history = history
        self._db = db
        self._index = index
        self._catalogue = catalogue

    async def publish(self, principal: Principal, workspace: str, event: Incoming, later: Later = NOW) -> Ack:
        """Store a CloudEvent as it came, under the principal's pinned name; now or later.

        Raises:
            RequestInvalidError, MessageTooLargeError, BusUnavailableError, ScheduleFullError
            EventTypeUnknownError, PayloadInvalidError: the catalogue forbids it.
        """
        message = event.message
        model.check_type(message.type)
        await self._catalogue.admit(workspace, message)
        subject = subjects.event(workspace, principal.name, message.type)
        store_id = f"{principal.name}:{message.id}"
        due = await self._due(later)
        if due is not None:
            await schedule.check_room(self._bus, workspace)
            plan = schedule.Plan(
                kind="event", target=message.type, subject=subject, by=principal.name, message_id=message.id,
                store_id=store_id, due_at=rfc3339(due), headers=event.headers,
            )  # fmt: skip
            return await schedule.put(self._bus, workspace, plan, event.payload)
        stored = await self._bus.store(
            subjects.events_stream(workspace), subject, event.payload, msg_id=store_id,
            headers=header_lines(event.headers), key=message.partitionkey,
        )  # fmt: skip
        return Ack(id=message.id, stream=stored.stream, seq=stored.seq, duplicate=stored.duplicate)

    async def forward(
        self, workspace: str, principal: str, event: Incoming, *, msg_id: str, extra: dict[str, str]
    ) -> Ack:
        """Store what the hub makes on behalf of `principal`, under its pinned name, with `extra` headers.

        Raises:
            MessageTooLargeError, BusUnavailableError
            EventTypeUnknownError, PayloadInvalidError: the catalogue forbids it.
        """
        message = event.message
        await self._catalogue.admit(workspace, message)
        stored = await self._bus.store(
            subjects.events_stream(workspace), subjects.event(workspace, principal, message.type), event.payload,
            msg_id=msg_id, headers=header_lines(event.headers | extra), key=message.partitionkey,
        )  # fmt: skip
        return Ack(id=message.id, stream=stored.stream, seq=stored.seq, duplicate=stored.duplicate)

    async def _due(self, later: Later) -> datetime | None:
        if later == NOW:
            return None
        async with self._db.read() as tx:
            return later.due(tx.clock.now(), where="query:")

    async def publish_batch(self, principal: Principal, workspace: str, events: list[bytes]) -> BatchResult:
        """Store structured events in their order; one that is refused does not keep the others out.

        Raises:
            RequestInvalidError: there are too many.
        """
        if len(events) > model.MAX_BATCH:
            detail = f"has {len(events):,} events; at most {model.MAX_BATCH:,} come in one batch"
            raise RequestInvalidError(errors=[FieldError("", detail)])
        items = await asyncio.gather(*(self._publish_item(principal, workspace, raw) for raw in events))
        stored = sum(item.ack is not None for item in items)
        return BatchResult(items=items, stored=stored, failed=len(items) - stored)

    async def _publish_item(self, principal: Principal, workspace: str, raw: bytes) -> BatchItem:
        try:
            return BatchItem(ack=await self.publish(principal, workspace, structured(raw)))
        except TrunklineError as error:
            return BatchItem(problem=error.to_problem())

    async def get(self, workspace: str, seq: str) -> Stored:
        """Return one event as it is stored.

        Raises:
            EventUnknownError
        """
        number = model.place(seq)
        found = None if number is None else await self._history.one(workspace, number)
        if found is None:
            raise EventUnknownError(f"There is no event {seq!r} in the log of workspace {workspace!r}")
        return found

    def show(self, stored: Stored) -> Event:
        """Return a stored event as a resource."""
        return _event(stored)

    async def query(self, workspace: str, wanted: EventFilter, *, cursor: str | None, limit: int) -> EventPage:
        """Return events that match, oldest first, or newest first where asked.

        The index says where they lie; what it has not read yet is looked for in the log itself.
        Oldest first begins with what has left the log and is kept elsewhere. A narrow query
        does so where `since` or a cursor reaches back: reading everything must be asked for.
        """
        reading = _Reading(self._bus, self._history, workspace, wanted, limit)
        position = decode_number(cursor)
        if not wanted.newest and (wanted.since is not None or position or not reading.is_narrow):
            older = await self._history.begins_before(workspace, position or 0, since=reading.lookup.since)
            if older is not None:  # what has left the log is in no index
                return await reading.scan(position, down_to=0)
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
        if not wanted.deliver_to.startswith(prefix) or not is_plain_subject(wanted.deliver_to):
            raise RequestInvalidError(errors=[FieldError("/deliver_to", f"must begin with {prefix!r}")])
        stream = subjects.events_stream(workspace)
        consumer = await deliver(
            self._bus, stream, _filters(workspace, wanted.types), wanted.deliver_to,
            after_seq=wanted.after_seq, since=parse_time(wanted.since, "/since"),
        )  # fmt: skip
        return frames.Subscribed(stream=stream, consumer=consumer, heartbeat_s=HEARTBEAT_S)

    async def ensure_group(self, tx: Tx, workspace: str, wanted: frames.ReaderDeclaration) -> frames.Reader:
        """Write down that a group follows these types; the reconciler makes its cursor."""
        types = check_patterns(wanted.types, f"/readers/{wanted.name}/types")
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

    async def has_group(self, tx: Tx, workspace: str, name: str) -> bool:
        """Whether a group of this name was ever declared."""
        return await store.get_group(tx, workspace, name) is not None

    async def make_group(self, tx: Tx, workspace: str, name: str, types: list[str]) -> None:
        """Make a group before anybody reads it; without types it gets only what is sent to it alone.

        Raises:
            RequestInvalidError: the name.
        """
        if not subjects.can_name_reader(name):
            raise RequestInvalidError(errors=[FieldError("/group", f"must match {subjects.NAME_PATTERN}")])
        await self.put_group(tx, workspace, name, types, frames.RetryPolicy())

    async def put_group(self, tx: Tx, workspace: str, name: str, types: list[str], retry: frames.RetryPolicy) -> None:
        """Write down a group of the hub's own; its name and its types have been looked at."""
        row = {
            "workspace_id": workspace, "name": name, "types": types, "retry": msgspec.to_builtins(retry),
            "ack_wait_s": model.DEFAULT_ACK_WAIT_S,
        }  # fmt: skip
        await store.put_group(tx, row)

    async def drop_group(self, tx: Tx, workspace: str, name: str) -> None:
        """Forget a group; the reconciler takes its cursor away."""
        await store.remove_group(tx, workspace, name)

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
                filters=(*_group_filters(row), subjects.redrive_filter(row.workspace_id, row.name)),
                max_attempts=most_attempts(msgspec.convert(row.retry, frames.RetryPolicy)),
                ack_wait_s=row.ack_wait_s,
                max_in_flight=model.MAX_IN_FLIGHT,
            )
            for row in rows
        ]


def _is_among(row: Any, only: Only | None) -> bool:
    return only is None or (only.lane == "group" and only.workspace == row.workspace_id and row.name in only.names)


def _group_filters(row: Any) -> list[str]:
    return _filters(row.workspace_id, row.types) if row.types else []


class _Reading:
    """One page being read."""

    def __init__(self, bus: HubBus, history: History, workspace: str, wanted: EventFilter, limit: int) -> None:
        self.stream = subjects.events_stream(workspace)
        self.lookup = wanted.lookup()
        self._bus = bus
        self._history = history
        self._workspace = workspace
        self._filters = _filters(workspace, [wanted.type] if wanted.type else [])
        self._newest = wanted.newest
        self._limit = limit
        one = self.lookup
        self.is_narrow = any((one.subject, one.id, one.sender, one.correlation_id, one.trace_id))
        """Whether it asks for what only the index finds without reading everything."""
        self._batch = max(limit, _NARROW_BATCH) if self.is_narrow else limit
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
        scanned, began = 0, time.monotonic()
        while len(self._found) < self._limit and scanned < _SCAN_LIMIT and time.monotonic() < began + _SCAN_S:
            part, onward = await self._part(position, down_to)
            scanned += len(part)
            for stored in part:
                position = stored.seq
                if self._is_past(stored):
                    return EventPage(items=self._found, next=None)
                self._keep(stored)
                if len(self._found) == self._limit:
                    break
            if not part or position == part[-1].seq:
                if onward is None:
                    return EventPage(items=self._found, next=None)
                position = onward
        return EventPage(items=self._found, next=encode_cursor(str(position)))

    def _is_past(self, stored: Stored) -> bool:
        """Whether nothing behind this one can be meant."""
        since, until = self.lookup.since, self.lookup.until
        if self._newest:
            return since is not None and stored.stored_at < since
        return until is not None and stored.stored_at >= until

    async def _part(self, position: int | None, down_to: int) -> tuple[list[Stored], int | None]:
        """Return what comes next, and where to go on behind it; None at the end."""
        if not self._newest:
            return await self._history.forward(
                self._workspace, self._filters, after_seq=position or 0, since=self.lookup.since, limit=self._batch,
                for_s=_SCAN_S / 2,
            )  # fmt: skip
        part = await read_backward(
            self._bus, self.stream, self._filters, before_seq=position, limit=self._batch, after_seq=down_to
        )
        return part, part[-1].seq if len(part) == self._batch else None

    async def _pick(self, known: Found) -> None:
        for stored in await read_many(self._bus, self.stream, known.seqs):
            self._keep(stored)

    def _keep(self, stored: Stored) -> None:
        event = _event(stored)
        if model.matches(event.event, event.sender, stored.stored_at, self.lookup):
            self._found.append(event)


def _filters(workspace: str, types: list[str]) -> list[str]:
    return [subjects.event_filter(workspace, pattern) for pattern in check_patterns(types, "query:type")]


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
        return modes.as_json(stored.payload, stored.headers)
    except EnvelopeInvalidError:
        return {"type": "trunkline.not_a_cloudevent", "data": stored.payload[:1000].decode(errors="replace")}
