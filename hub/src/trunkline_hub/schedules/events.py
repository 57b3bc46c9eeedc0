"""What time brings: messages that fell due, messages that workers put off, schedules that fire."""

import asyncio
import contextlib
import re
from datetime import timedelta
from typing import ClassVar, Literal

import msgspec
import structlog

from trunkline.delivery import Delivery, first_attempt
from trunkline.protocol import frames, modes, subjects
from trunkline.protocol.errors import (
    MessageTooLargeError,
    QueueFullError,
    QueueUnknownError,
    TrunklineError,
    UnavailableError,
)
from trunkline.protocol.homes import home
from trunkline.protocol.subjects import Lane
from trunkline.wire import header_lines
from trunkline_hub.bus import HubBus, schedule
from trunkline_hub.bus.carrier import Carrier
from trunkline_hub.bus.reconciler import Workspaces
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.component import Component
from trunkline_hub.schedules.ports import Work
from trunkline_hub.schedules.service import Schedules

_log = structlog.get_logger("schedules")
REASON_UNROUTABLE = "unroutable"
_FULL_AGAIN_S = 15.0
_LONGEST_SLEEP_S = 1.0
"""The clock may jump; it is asked again this often."""
_HEADER_NAME = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = ("nats-", "tl-subject", "tl-due", "tl-plan")
_SWEEPS = 2
_CLAIMED = {frames.HEADER_UNPROVEN: "1"}
"""Whoever reads a queue puts its messages off, and says who sent them; a hub says what is so."""


class Mover(Carrier):
    """Carries what fell due to where it was meant for."""

    name: ClassVar[str] = "due-mover"
    durable: ClassVar[str] = "hub_due_mover"

    def __init__(self, bus: HubBus, workspaces: Workspaces, clock: Clock, work: Work) -> None:
        super().__init__(bus, workspaces)
        self._clock = clock
        self._work = work
        self._unswept: dict[str, int] = {}
        """How often each workspace is still to be swept: the broker takes note of acknowledgements a little later."""

    def stream(self, workspace: str) -> str:
        return subjects.schedule_stream(workspace)

    def subjects_of(self, workspace: str) -> str:
        return f"{subjects.ROOT}.{workspace}.due.>"

    async def carry(self, delivery: Delivery) -> None:
        workspace = subjects.workspace_of(delivery.subject)
        self._unswept[workspace] = _SWEEPS
        plan = schedule.plan_of(delivery.headers)
        if plan is None:
            _log.error("plan_unreadable", subject=delivery.subject, seq=delivery.stream_seq)
            return
        if plan.queue is None:
            stream, headers = subjects.events_stream(workspace), header_lines(plan.headers)
            await self._bus.store(stream, plan.subject, delivery.payload, msg_id=plan.store_id, headers=headers)
            return
        try:
            await self._work.carry(
                workspace, plan.queue, plan.subject, delivery.payload, store_id=plan.store_id, headers=plan.headers
            )
        except QueueFullError:  # it waits where it takes no place from others
            later = rfc3339(self._clock.now() + timedelta(seconds=_FULL_AGAIN_S))
            await schedule.put(self._bus, workspace, msgspec.structs.replace(plan, due_at=later), delivery.payload)
        except QueueUnknownError as error:
            claimed = frames.HEADER_UNPROVEN in plan.headers
            await _bury(self._bus, delivery, ("queue", plan.queue), plan.subject, str(error), claimed=claimed)

    async def tidy(self, workspace: str) -> None:
        if self._unswept.get(workspace, _SWEEPS) > 0:
            self._unswept[workspace] = self._unswept.get(workspace, _SWEEPS) - 1
            await schedule.sweep(self._bus, workspace, self.durable)


class Deferrals(Carrier):
    """Makes schedules of what workers put off."""

    name: ClassVar[str] = "deferrals"
    durable: ClassVar[str] = "hub_deferrals"

    def __init__(self, bus: HubBus, workspaces: Workspaces, clock: Clock) -> None:
        super().__init__(bus, workspaces)
        self._clock = clock

    def stream(self, workspace: str) -> str:
        return subjects.deferred_stream(workspace)

    def subjects_of(self, workspace: str) -> str:
        return f"{subjects.ROOT}.{workspace}.deferred.>"

    async def carry(self, delivery: Delivery) -> None:
        """Schedule a worker's copy for its queue or group and no other place; what cannot be is a dead letter."""
        _root, workspace, _deferred, principal, on_lane, reader_token = delivery.subject.split(".")
        lane: Lane = "queue" if on_lane == "queue" else "group"
        reader = subjects.untoken(reader_token)
        claimed = delivery.headers.get(frames.HEADER_SUBJECT, "")
        subject = home(workspace, lane, reader, claimed)
        if subject is None:
            words = f"put off as coming from {claimed[:200]!r}, which is not where {lane} {reader!r} reads"
            await _bury(self._bus, delivery, (lane, reader), claimed, words, claimed=True)
            return
        marks = {} if subjects.untoken(principal) == subjects.HUB else _CLAIMED
        now = self._clock.now()
        due = schedule.parse_moment(delivery.headers.get(frames.HEADER_DUE, "")) or now
        due = min(due, now + timedelta(seconds=schedule.MAX_DELAY_S))
        plan = schedule.Plan(
            kind="retry", queue=reader if lane == "queue" else None, target=reader, subject=subject,
            by=_sender(subject), message_id=_message_id(delivery), store_id=f"retry:{delivery.stream_seq}",
            due_at=rfc3339(due), headers=_headers(delivery) | marks, attempt=first_attempt(delivery.headers),
            key=f"{lane}:{delivery.stream_seq}",
        )  # fmt: skip
        try:
            await schedule.put(self._bus, workspace, plan, delivery.payload)
        except MessageTooLargeError as error:
            await _bury(self._bus, delivery, (lane, reader), claimed, str(error), claimed=True)


class Clockwork(Component):
    """Fires the schedules; one hub of many does."""

    name: ClassVar[str] = "schedules"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, schedules: Schedules, clock: Clock) -> None:
        super().__init__()
        self._schedules = schedules
        self._clock = clock
        self._ailment: str | None = None

    async def run(self) -> None:
        self.started.set()
        while True:
            wait_s = _LONGEST_SLEEP_S
            try:
                following = await self._schedules.tick()
                self._ailment = None
                if following is not None:
                    wait_s = min(wait_s, max(0.0, (following - self._clock.now()).total_seconds()))
            except UnavailableError as error:
                self._ailment = str(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._schedules.changed.wait()

    def ailment(self) -> str | None:
        return self._ailment


async def _bury(
    bus: HubBus, delivery: Delivery, of: tuple[Lane, str], subject: str, error: str, *, claimed: bool
) -> None:
    """Keep as a dead letter what cannot be brought where it was to go."""
    lane, reader = of
    workspace = subjects.workspace_of(delivery.subject)
    kept = {
        name: delivery.headers[name]
        for name in (frames.HEADER_REDRIVE_OF, frames.HEADER_REPLAY)
        if name in delivery.headers
    }
    headers = (
        modes.kept(delivery.headers)
        | kept
        | (_CLAIMED if claimed else {})
        | {
            frames.HEADER_SUBJECT: subject,
            frames.HEADER_STREAM_SEQ: delivery.headers.get(frames.HEADER_ORIGIN_SEQ, "0"),
            frames.HEADER_DELIVERIES: str(first_attempt(delivery.headers) - 1),
            frames.HEADER_REASON: REASON_UNROUTABLE,
            frames.HEADER_ERROR: error,
        }
    )
    await bus.store(
        subjects.dead_stream(workspace), subjects.dead(workspace, subjects.HUB, lane, reader), delivery.payload,
        msg_id=f"{delivery.subject}:{delivery.stream_seq}", headers=header_lines(headers),
    )  # fmt: skip
    _log.warning("message_unroutable", workspace=workspace, lane=lane, reader=reader, error=error)


def _headers(delivery: Delivery) -> dict[str, str]:
    """Return what of a copy's headers goes back with it: its own, but nothing that the broker would obey."""
    return {
        name: value.encode(errors="replace").decode()
        for name, value in delivery.headers.items()
        if _HEADER_NAME.fullmatch(name) and not name.lower().startswith(_CONTROL)
    }


def _sender(subject: str) -> str:
    try:
        return subjects.sender_of(subject)
    except (KeyError, IndexError, UnicodeDecodeError):
        return "unknown"


def _message_id(delivery: Delivery) -> str:
    try:
        return modes.read(delivery.payload, delivery.headers).id
    except TrunklineError:
        return delivery.headers.get("ce-id", f"deferred-{delivery.stream_seq}")
