"""Publishing, reading and following events."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import BusUnavailableError, FieldError, RequestInvalidError
from trunkline.protocol.frames import Ack
from trunkline.protocol.resources import Event, EventPage
from trunkline.protocol.rules import most_attempts
from trunkline_hub.bus import ConsumerSpec, HubBus, Only
from trunkline_hub.bus.live import HEARTBEAT_S, deliver, follow
from trunkline_hub.bus.log import Stored, read_backward, read_forward
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.page import decode_number, encode_cursor
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

    def __init__(self, bus: HubBus, db: Database) -> None:
        self._bus = bus
        self._db = db

    async def publish(self, principal: Principal, workspace: str, raw: bytes) -> Ack:
        """Store a CloudEvent as it came, under the principal's pinned name.

        Raises:
            EnvelopeInvalidError, RequestInvalidError, MessageTooLargeError, BusUnavailableError
        """
        message = ce.decode(raw)
        model.check_type(message.type)
        subject = subjects.event(workspace, principal.name, message.type)
        stored = await self._bus.store(
            subjects.events_stream(workspace), subject, raw, msg_id=f"{principal.name}:{message.id}"
        )
        return Ack(id=message.id, stream=stored.stream, seq=stored.seq, duplicate=stored.duplicate)

    async def query(self, workspace: str, wanted: EventFilter, *, cursor: str | None, limit: int) -> EventPage:
        """Return events that match, oldest first, or newest first where asked."""
        filters = _filters(workspace, [wanted.type] if wanted.type else [])
        stream = subjects.events_stream(workspace)
        position = decode_number(cursor)
        since = model.parse_time(wanted.since, "query:since")
        found: list[Event] = []
        scanned = 0
        while len(found) < limit and scanned < _SCAN_LIMIT:
            if wanted.newest:
                part = await read_backward(self._bus, stream, filters, before_seq=position, limit=limit)
            else:
                part = await read_forward(self._bus, stream, filters, after_seq=position or 0, since=since, limit=limit)
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
