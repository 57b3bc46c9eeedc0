"""Messages for later. The broker keeps the time, so neither hub nor sender need be there.

A schedule is a message in a stream that only hubs write to. When it is due,
the broker stores it under `due.…` in that stream and removes the schedule; the
mover carries it on. One subject, one schedule: storing it again replaces it.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
import nats.errors
from nats.js.errors import APIError, NotFoundError

from trunkline.protocol import subjects
from trunkline.protocol.errors import BusUnavailableError, FieldError, RequestInvalidError, ScheduleFullError
from trunkline.protocol.frames import Ack
from trunkline.protocol.ids import new_id
from trunkline.wire import header_lines
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.log import Stored, read_forward, read_next
from trunkline_hub.bus.state import stream_state
from trunkline_hub.core.clock import rfc3339

MAX_DELAY_S = 366 * 86400.0
HEADER_PLAN = "Tl-Plan"
_ID_CHARS = 20
_MAX_KEY_CHARS = 128
_WRONG_LAST_SEQ = 10071
_NO_SUCH_MESSAGE = frozenset({10043, 10057})

Kind = Literal["task", "event", "retry"]


class Plan(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What is to become of a message when it is due. Only hubs write it."""

    kind: Kind
    queue: str | None = None
    """The queue it goes into; None for the event log."""
    target: str
    subject: str
    """Where it goes, its sender included."""
    by: str
    message_id: str
    store_id: str
    """The id under which the broker stores it once, however often it is carried there."""
    due_at: str
    headers: dict[str, str] = {}
    attempt: int = 1
    key: str = ""
    """Tells apart what has the same message id: the place a retry was put off from."""

    @property
    def id(self) -> str:
        """The same for the same message to the same place, so that sending it again replaces it."""
        parts = (self.kind, self.target, self.by, self.message_id, self.key)
        return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:_ID_CHARS]

    def subject_in(self, workspace: str) -> str:
        """Return the subject that holds this schedule."""
        target = subjects.token(self.queue) if self.queue is not None else subjects.ANY
        root = f"{subjects.ROOT}.{workspace}.schedule"
        return f"{root}.{self.kind}.{target}.{self.id}.{_message_key(self.message_id)}"


class Later(msgspec.Struct, kw_only=True, frozen=True):
    """When a message is to arrive, as its sender says it; neither means now."""

    delay_s: float | None = None
    deliver_at: str | None = None

    def due(self, now: datetime, *, where: str = "/") -> datetime | None:
        """Return when that is, or None where the message is to go at once.

        Raises:
            RequestInvalidError: both are given, or it is no time, or too far ahead.
        """
        if self.delay_s is not None and self.deliver_at is not None:
            raise _wrong(f"{where}deliver_at", "give this or `delay_s`, not both")
        if self.delay_s is not None:
            if not 0 <= self.delay_s <= MAX_DELAY_S:
                raise _wrong(f"{where}delay_s", f"must be 0 to {MAX_DELAY_S:.0f}")
            return now + timedelta(seconds=self.delay_s)
        if self.deliver_at is None:
            return None
        due = parse_moment(self.deliver_at)
        if due is None:
            raise _wrong(f"{where}deliver_at", "must be RFC 3339 with a time zone, such as 2026-11-22T10:00:00Z")
        if due > now + timedelta(seconds=MAX_DELAY_S):
            raise _wrong(f"{where}deliver_at", f"must be within {MAX_DELAY_S / 86400:.0f} days")
        return due


NOW = Later()


class Waiting(msgspec.Struct, kw_only=True, frozen=True):
    """A schedule as it lies in its stream."""

    plan: Plan
    stored: Stored


def parse_moment(text: str) -> datetime | None:
    """Return an RFC 3339 time in UTC, or None where it is none or names no zone."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


async def check_room(bus: HubBus, workspace: str) -> None:
    """Refuse more when the schedules have grown to their limit.

    Raises:
        ScheduleFullError
    """
    state = await stream_state(bus, subjects.schedule_stream(workspace))
    if state.size_bytes >= bus.settings.schedule_max_bytes:
        raise ScheduleFullError(f"{state.size_bytes} bytes wait for their time in workspace {workspace!r}")


async def put(bus: HubBus, workspace: str, plan: Plan, payload: bytes) -> Ack:
    """Have the broker keep a message until it is due. The same message again replaces it.

    Raises:
        MessageTooLargeError, BusUnavailableError
    """
    headers = header_lines(_headers(workspace, plan, plan.due_at))
    stream = subjects.schedule_stream(workspace)
    stored = await bus.store(stream, plan.subject_in(workspace), payload, msg_id=new_id(), headers=headers)
    return Ack(id=plan.message_id, stream=stored.stream, seq=stored.seq)


async def page(bus: HubBus, workspace: str, queue: str | None, *, after_seq: int, limit: int) -> list[Waiting]:
    """Return what waits, in the order in which it was scheduled."""
    target = "*" if queue is None else subjects.token(queue)
    pattern = f"{subjects.ROOT}.{workspace}.schedule.*.{target}.>"
    found = await read_forward(bus, subjects.schedule_stream(workspace), [pattern], after_seq=after_seq, limit=limit)
    return [waiting for stored in found if (waiting := _waiting(stored)) is not None]


async def find(bus: HubBus, workspace: str, name: str) -> list[Waiting]:
    """Return what waits under this id, or under this message id: at most two, so that the caller sees it is not one."""
    stream = subjects.schedule_stream(workspace)
    root = f"{subjects.ROOT}.{workspace}.schedule.*.*"
    for pattern in (f"{root}.{subjects.token(name)}.*", f"{root}.*.{_message_key(name)}"):
        found: list[Waiting] = []
        stored = await read_next(bus, stream, 1, pattern)
        while stored is not None and len(found) < 2:  # noqa: PLR2004 -- one, or not one
            waiting = _waiting(stored)
            found += [waiting] if waiting is not None else []
            stored = await read_next(bus, stream, stored.seq + 1, pattern)
        if found:
            return found
    return []


async def cancel(bus: HubBus, workspace: str, waiting: Waiting) -> bool:
    """Take a schedule back; False when it fell due before."""
    try:
        return await bus.js().delete_msg(subjects.schedule_stream(workspace), waiting.stored.seq)
    except APIError as error:
        if error.err_code in _NO_SUCH_MESSAGE:
            return False
        raise BusUnavailableError(f"The broker did not cancel it: {error.description}") from None
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not cancel it: {error}") from None


async def hasten(bus: HubBus, workspace: str, waiting: Waiting, now: datetime) -> bool:
    """Make a schedule due now; False when it fell due before."""
    plan = msgspec.structs.replace(waiting.plan, due_at=rfc3339(now))
    headers = _headers(workspace, plan, plan.due_at)
    headers["Nats-Expected-Last-Subject-Sequence"] = str(waiting.stored.seq)
    bus.js()
    try:
        await bus.bus.client.jetstream().publish(waiting.stored.subject, waiting.stored.payload, headers=headers)
    except APIError as error:
        if error.err_code == _WRONG_LAST_SEQ:
            return False
        raise BusUnavailableError(f"The broker did not take it: {error.description}") from None
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not take it: {error}") from None
    return True


async def sweep(bus: HubBus, workspace: str, consumer: str) -> None:
    """Remove what fell due and was carried on: all up to where `consumer` acknowledged everything."""
    stream = subjects.schedule_stream(workspace)
    try:
        info = await bus.js().consumer_info(stream, consumer)
        floor = info.ack_floor.stream_seq if info.ack_floor else 0
        if floor:
            await bus.js().purge_stream(stream, seq=floor + 1, subject=f"{subjects.ROOT}.{workspace}.due.>")
    except NotFoundError:
        return
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not purge what was carried on: {error}") from None


def plan_of(headers: dict[str, str]) -> Plan | None:
    """Return the plan a hub wrote beside a message; None where there is none."""
    try:
        return msgspec.json.decode(headers.get(HEADER_PLAN, ""), type=Plan)
    except msgspec.DecodeError:
        return None


def _headers(workspace: str, plan: Plan, due_at: str) -> dict[str, str]:
    return {
        "Nats-Schedule": f"@at {due_at}",
        "Nats-Schedule-Target": f"{subjects.ROOT}.{workspace}.due.{plan.kind}.{plan.id}",
        HEADER_PLAN: json.dumps(msgspec.to_builtins(plan), separators=(",", ":")),
    }


def _waiting(stored: Stored) -> Waiting | None:
    plan = plan_of(stored.headers)
    return None if plan is None else Waiting(plan=plan, stored=stored)


def _wrong(pointer: str, detail: str) -> RequestInvalidError:
    return RequestInvalidError(errors=[FieldError(pointer, detail)])


def _message_key(message_id: str) -> str:
    """Return a message id as one token; senders choose ids of any length."""
    encoded = subjects.token(message_id)
    if len(encoded) <= _MAX_KEY_CHARS:
        return encoded
    return hashlib.sha256(message_id.encode(errors="replace")).hexdigest()
