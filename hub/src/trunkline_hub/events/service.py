"""Publishing, reading and following events."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import BusUnavailableError, FieldError, RequestInvalidError
from trunkline.protocol.frames import Ack
from trunkline.protocol.resources import Event, EventPage
from trunkline_hub.bus import ConsumerSpec, HubBus, schedule
from trunkline_hub.bus.history import History
from trunkline_hub.bus.live import HEARTBEAT_S, deliver, follow
from trunkline_hub.bus.log import Stored, read_backward
from trunkline_hub.bus.schedule import NOW, Later
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.page import decode_number, encode_cursor
from trunkline_hub.core.patterns import check_patterns, is_plain_subject, parse_time
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.events import model, store

_SCAN_LIMIT = 5_000
"""Most messages one query reads for filters that the broker cannot apply."""


class EventFilter(msgspec.Struct, kw_only=True, frozen=True):
    """What a query asks for."""

    type: str | None = None
    subject: str | None = None
    correlation_id: str | None = None
    since: str | None = None
    newest: bool = False

    def matches(self, event: dict[str, Any]) -> bool:
        """Whether an event passes the conditions that subjects cannot express."""
        return (self.subject is None or event.get("subject") == self.subject) and (
            self.correlation_id is None or self.correlation_id in {event.get("correlationid"), event.get("id")}
        )


class Events:
    """The event log of all workspaces."""

    def __init__(self, bus: HubBus, db: Database, history: History) -> None:
        self._bus = bus
        self._history = history
        self._db = db

    async def publish(self, principal: Principal, workspace: str, raw: bytes, later: Later = NOW) -> Ack:
        """Store a CloudEvent as it came, under the principal's pinned name; now or later.

        Raises:
            EnvelopeInvalidError, RequestInvalidError, MessageTooLargeError, BusUnavailableError, ScheduleFullError
        """
        message = ce.decode(raw)
        model.check_type(message.type)
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
        """Return events that match, oldest first, or newest first where asked."""
        filters = _filters(workspace, [wanted.type] if wanted.type else [])
        stream = subjects.events_stream(workspace)
        position = decode_number(cursor)
        since = parse_time(wanted.since, "query:since")
        found: list[Event] = []
        scanned = 0
        while len(found) < limit and scanned < _SCAN_LIMIT:
            if wanted.newest:
                part = await read_backward(self._bus, stream, filters, before_seq=position, limit=limit)
            else:
                part = await self._history.forward(
                    workspace, filters, after_seq=position or 0, since=since, limit=limit
                )
            scanned += len(part)
            for stored in part:
                position = stored.seq
                if since is not None and stored.stored_at < since:
                    if wanted.newest:
                        return EventPage(items=found, next=None)
                    continue
                event = _event(stored)
                if wanted.matches(event.event):
                    found.append(event)
                if len(found) == limit:
                    break
            if len(part) < limit:
                return EventPage(items=found, next=None)
        return EventPage(items=found, next=encode_cursor(str(position)))

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
        model.check_group(f"/readers/{wanted.name}", retry.max_attempts, ack_wait_s)
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
        return await store.group(tx, workspace, name) is not None

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

    async def groups(self, tx: Tx, workspace: str) -> dict[str, Sequence[str]]:
        """Return the types that each group of a workspace follows."""
        return {row.name: row.types for row in await store.all_groups(tx) if row.workspace_id == workspace}

    async def desired_consumers(self) -> list[ConsumerSpec]:
        """Return the cursors that should exist."""
        async with self._db.read() as tx:
            rows = await store.all_groups(tx)
        return [
            ConsumerSpec(
                workspace=row.workspace_id,
                lane="group",
                reader=row.name,
                filters=(*_group_filters(row), subjects.redrive_filter(row.workspace_id, row.name)),
                max_attempts=msgspec.convert(row.retry, frames.RetryPolicy).max_attempts,
                ack_wait_s=row.ack_wait_s,
                max_in_flight=model.MAX_IN_FLIGHT,
            )
            for row in rows
        ]


def _group_filters(row: Any) -> list[str]:
    return _filters(row.workspace_id, row.types) if row.types else []


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
        event = msgspec.json.decode(stored.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = None
    if isinstance(event, dict):
        return event
    return {"type": "trunkline.not_a_cloudevent", "data": stored.payload[:1000].decode(errors="replace")}
