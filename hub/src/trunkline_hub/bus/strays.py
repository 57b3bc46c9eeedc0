"""Messages in a queue's stream that no consumer holds are put where one does.

They come from senders that know neither classes nor partitions, and from those
that sent by settings which changed in that moment. Stored anew under the right
subject first, deleted after; what is for a queue that nobody declared becomes
a dead letter.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, Literal

import structlog

from trunkline.protocol import queueing, subjects
from trunkline.protocol.errors import QueueFullError
from trunkline.protocol.queueing import Layout, Spot
from trunkline.wire import header_lines
from trunkline_hub.bus import facts
from trunkline_hub.bus.backstop import Death, bury, take_off
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.log import Stored, read_batch
from trunkline_hub.bus.place import address, said
from trunkline_hub.bus.reconciler import Workspaces
from trunkline_hub.bus.state import queue_streams
from trunkline_hub.core.component import Component

_log = structlog.get_logger("strays")
_SCAN_S = 30.0
_BATCH = 200
_TURN_LIMIT = 2000
_BROKERS_OWN = "nats-"
REASON = "unroutable"

Layouts = Callable[[str], Awaitable[Mapping[str, Layout]]]
"""Workspace → the layout of each of its queues."""


class StrayScan(Component):
    """Finds strays and brings them home."""

    name: ClassVar[str] = "stray-scan"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, bus: HubBus, workspaces: Workspaces, layouts: Layouts, *, interval_s: float = _SCAN_S) -> None:
        super().__init__()
        self._bus = bus
        self._workspaces = workspaces
        self._layouts = layouts
        self._interval_s = interval_s

    async def run(self) -> None:
        self.started.set()
        while True:
            await asyncio.sleep(self._interval_s)
            for workspace in await self._workspaces():
                await self.scan(workspace)

    async def scan(self, workspace: str) -> int:
        """Bring the strays of one workspace home, or bury them; how many."""
        moved = 0
        for stream in await queue_streams(self._bus, workspace):
            held = await facts.counts(self._bus, stream, ">")
            if held is None or not held.messages:
                continue
            layouts = await self._layouts(workspace)
            for subject in held.subjects or {}:
                spot = _spot(subject)
                layout = layouts.get(spot.queue) if spot else None
                if spot is None or layout is None or not queueing.is_covered(spot, layout):
                    moved += await self._move_all(stream, subject, spot, layout)
        return moved

    async def _move_all(self, stream: str, subject: str, spot: Spot | None, layout: Layout | None) -> int:
        moved, after = 0, 0
        while moved < _TURN_LIMIT:
            batch = await read_batch(self._bus, stream, after + 1, subject, limit=_BATCH)
            if not batch:
                break
            after = batch[-1].seq
            for message in batch:
                if spot is None or layout is None:
                    await bury(self._bus, stream, _reader(spot), message, _homeless(subject))
                elif not await self._bring_home(stream, spot, layout, message):
                    return moved
                moved += 1
        return moved

    async def _bring_home(self, stream: str, spot: Spot, layout: Layout, message: Stored) -> bool:
        """Store a stray where it belongs, then delete it; False when there is no room for it now."""
        words = said(message.payload, message.headers)
        where = address(spot, layout, words, otherwise=str(message.seq))
        headers = {name: value for name, value in message.headers.items() if not name.lower().startswith(_BROKERS_OWN)}
        try:
            await self._bus.store(
                *where, message.payload, msg_id=f"stray:{stream}:{message.seq}", headers=header_lines(headers)
            )
        except QueueFullError:
            return False
        await take_off(self._bus, stream, message.seq)
        _log.info("stray_brought_home", stream=stream, queue=spot.queue, seq=message.seq)
        return True


def _spot(subject: str) -> Spot | None:
    try:
        return queueing.spot(subject)
    except ValueError:
        return None


def _reader(spot: Spot | None) -> str:
    """Return the name under which a dead letter for nobody's queue is listed."""
    return spot.queue if spot is not None and subjects.can_name_reader(spot.queue) else REASON


def _homeless(subject: str) -> Death:
    return Death(reason=REASON, error=f"No queue takes what is sent to {subject}")
