"""The last net: what the broker gave up delivering becomes a dead letter all the same.

A worker normally writes the dead letter itself. Where workers die before they
can, the broker stops after `max_deliver`. Its advisory says which message; a
periodic scan finds those whose advisory was lost, for in a work queue they
would lie there for ever, seen by nobody.
"""

import asyncio
from typing import ClassVar, Literal

import msgspec
import structlog
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from trunkline.delivery import Delivery
from trunkline.protocol import subjects
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.letters import write_letter
from trunkline_hub.bus.log import Stored, read_next, read_one
from trunkline_hub.bus.observer import Observer
from trunkline_hub.bus.reconciler import Workspaces, consumers
from trunkline_hub.bus.streams import ADVISORIES
from trunkline_hub.core.component import Component

_log = structlog.get_logger("backstop")
_SCAN_S = 30.0
_SCAN_LIMIT = 500
REASON = "deliveries_exhausted"


class _Advisory(msgspec.Struct):
    stream: str
    consumer: str
    stream_seq: int
    deliveries: int


class Backstop(Observer):
    """Moves what the broker gave up to the dead letters, as its advisories tell."""

    name: ClassVar[str] = "backstop"
    durable: ClassVar[str] = "backstop"

    def __init__(self, bus: HubBus) -> None:
        super().__init__(bus, _advisory_stream, self._on_advisories)

    async def _on_advisories(self, batch: list[Delivery]) -> None:
        for delivery in batch:
            advisory = msgspec.json.decode(delivery.payload, type=_Advisory)
            message = await read_one(self._bus, advisory.stream, advisory.stream_seq)
            if message is not None and advisory.stream.startswith(("TASKS_", "EVENTS_")):
                await bury(self._bus, advisory.stream, advisory.consumer, message, advisory.deliveries)


class OrphanScan(Component):
    """Finds queue messages that no consumer will ever deliver again."""

    name: ClassVar[str] = "orphan-scan"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, bus: HubBus, workspaces: Workspaces, *, interval_s: float = _SCAN_S) -> None:
        super().__init__()
        self._bus = bus
        self._workspaces = workspaces
        self._interval_s = interval_s

    async def run(self) -> None:
        self.started.set()
        while True:
            await asyncio.sleep(self._interval_s)
            for workspace in await self._workspaces():
                await self.scan(workspace)

    async def scan(self, workspace: str) -> int:
        """Bury the orphans of one workspace; how many."""
        buried = 0
        stream = subjects.tasks_stream(workspace)
        for info in await consumers(self._bus.js(), stream):
            if info.config.filter_subjects or info.config.filter_subject:
                buried += await self._scan_queue(stream, info)
        return buried

    async def _scan_queue(self, stream: str, info: ConsumerInfo) -> int:
        """What was delivered and is not pending is settled: if it is still stored, it is an orphan.

        The acknowledgement floor alone would not do: giving a message up does not move it.
        """
        settled = info.ack_floor if info.num_ack_pending else info.delivered
        floor = settled.stream_seq if settled else 0
        buried = 0
        for subject in info.config.filter_subjects or [info.config.filter_subject or ">"]:
            message = await read_next(self._bus, stream, 1, subject) if floor else None
            while message is not None and message.seq <= floor and buried < _SCAN_LIMIT:
                await bury(self._bus, stream, info.name, message, info.config.max_deliver or 0)
                buried += 1
                message = await read_next(self._bus, stream, message.seq + 1, subject)
        return buried


async def bury(bus: HubBus, stream: str, consumer: str, message: Stored, deliveries: int) -> None:
    """Store a dead letter for `message`, then take it off its queue."""
    lane: subjects.Lane = "queue" if stream.startswith("TASKS_") else "group"
    reader = subjects.untoken(consumer.split("_", 1)[1])
    error = f"{deliveries} workers took the message and none of them settled it"
    await write_letter(
        bus, (lane, reader), message, reason=REASON, error=error, stream=stream,
        deliveries=deliveries,
    )  # fmt: skip
    if lane == "queue":
        try:
            await bus.js().delete_msg(stream, message.seq)
        except NotFoundError:
            _log.debug("already_gone", stream=stream, seq=message.seq)
    _log.warning("message_given_up", stream=stream, consumer=consumer, seq=message.seq)


async def _advisory_stream() -> list[str]:
    return [ADVISORIES]
