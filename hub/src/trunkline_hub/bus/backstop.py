"""The last net: what the broker gave up delivering becomes a dead letter all the same.

A worker normally writes the dead letter itself. Where workers die before they
can, the broker stops after `max_deliver`. Its advisory says which message; a
periodic scan finds those whose advisory was lost, for in a work queue they
would lie there for ever, seen by nobody.
"""

import asyncio
from dataclasses import dataclass
from typing import ClassVar, Literal

import msgspec
import structlog
from nats.js.errors import NotFoundError

from trunkline.delivery import Delivery
from trunkline.protocol import subjects
from trunkline.protocol.subjects import reader_of_consumer
from trunkline_hub.bus import facts
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.facts import ConsumerFacts
from trunkline_hub.bus.letters import write_letter
from trunkline_hub.bus.log import Stored, read_next, read_one
from trunkline_hub.bus.observer import Observer
from trunkline_hub.bus.reconciler import Workspaces
from trunkline_hub.bus.state import queue_streams
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
            ours = advisory.stream.startswith(("TASKS_", "EVENTS_")) and advisory.consumer.startswith(("q_", "g_"))
            if message is not None and ours:
                reader = reader_of_consumer(advisory.consumer)
                await bury(self._bus, advisory.stream, reader, message, given_up(advisory.deliveries))


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
        for stream in await queue_streams(self._bus, workspace):
            stored = await facts.counts(self._bus, stream, ">")
            held = _by_place(stored.subjects or {}) if stored else {}
            for one in await facts.consumers(self._bus, stream) if held else []:
                count = sum(held.get(_place(subject), 0) for subject in one.config.filters)
                if one.name.startswith("q_") and count > one.num_pending + one.num_ack_pending:
                    buried += await self._scan_queue(stream, one)
        return buried

    async def _scan_queue(self, stream: str, one: ConsumerFacts) -> int:
        """What was delivered and is not pending is settled: if it is still stored, it is an orphan.

        The acknowledgement floor alone would not do: giving a message up does not move it.
        """
        settled = one.ack_floor if one.num_ack_pending else one.delivered
        floor = settled.stream_seq
        buried = 0
        for subject in one.config.filters:
            message = await read_next(self._bus, stream, 1, subject) if floor else None
            while message is not None and message.seq <= floor and buried < _SCAN_LIMIT:
                await bury(self._bus, stream, reader_of_consumer(one.name), message, given_up(one.config.max_deliver))
                buried += 1
                message = await read_next(self._bus, stream, message.seq + 1, subject)
        return buried


def _place(subject: str) -> tuple[str, str, str]:
    """Return (queue, class, partition) of a subject or filter, encoded as they are."""
    words = subject.split(".")
    at = 4 if words[2:3] == ["paged"] else 3
    queue, priority, number = (*words[at : at + 3], "", "", "")[:3]
    return queue, priority, number


def _by_place(held: dict[str, int]) -> dict[tuple[str, str, str], int]:
    """Count messages by (queue, class, partition), and by (queue, class, any)."""
    found: dict[tuple[str, str, str], int] = {}
    for subject, count in held.items():
        queue, priority, number = _place(subject)
        for place in ((queue, priority, number), (queue, priority, "*"), (queue, "*", "*")):
            found[place] = found.get(place, 0) + count
    return found


@dataclass(frozen=True, kw_only=True)
class Death:
    """Why a message dies by the hub's hand."""

    reason: str
    error: str
    deliveries: int = 0


def given_up(deliveries: int) -> Death:
    """Return the death of a message that was delivered often and settled never."""
    sentence = f"{deliveries} workers took the message and none of them settled it"
    return Death(reason=REASON, error=sentence, deliveries=deliveries)


async def bury(bus: HubBus, stream: str, reader: str, message: Stored, death: Death) -> None:
    """Store a dead letter for `message`, then take it off its queue."""
    lane: subjects.Lane = "queue" if stream.startswith("TASKS_") else "group"
    await write_letter(
        bus, (lane, reader), message, reason=death.reason, error=death.error, stream=stream,
        deliveries=death.deliveries,
    )  # fmt: skip
    if lane == "queue":
        await take_off(bus, stream, message.seq)
    _log.warning("message_buried", stream=stream, reader=reader, seq=message.seq, reason=death.reason)


async def take_off(bus: HubBus, stream: str, seq: int) -> None:
    """Delete a message that is stored elsewhere now."""
    try:
        await bus.js().delete_msg(stream, seq)
    except NotFoundError:
        _log.debug("already_gone", stream=stream, seq=seq)


async def _advisory_stream() -> list[str]:
    return [ADVISORIES]
