"""Messages whose time ended while nobody worked become dead letters too.

A worker refuses an expired message when it takes it. This sweep reads what
still waits, a bounded part each turn, and buries what is past its time. What
was handed out already is the worker's to judge.
"""

import asyncio
from typing import ClassVar, Literal

from trunkline.protocol import queueing
from trunkline.protocol.errors import EnvelopeInvalidError
from trunkline.protocol.expiry import expiry_moment
from trunkline.protocol.queueing import Layout
from trunkline_hub.bus import facts
from trunkline_hub.bus.backstop import Death, bury
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.log import Stored, read_batch
from trunkline_hub.bus.place import said
from trunkline_hub.bus.reconciler import Workspaces
from trunkline_hub.bus.state import queue_streams
from trunkline_hub.bus.strays import Layouts
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.component import Component

_SWEEP_S = 10.0
_BATCH = 500
_TURN_LIMIT = 2000
"""Messages read from one stream in one turn."""
_GRACE_S = 5.0
"""A worker whose clock is a little behind must not be at work on what is buried here."""
REASON = "expired"


class ExpirySweep(Component):
    """Walks through what waits, in turn."""

    name: ClassVar[str] = "expiry-sweep"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(
        self, bus: HubBus, workspaces: Workspaces, layouts: Layouts, clock: Clock, *, interval_s: float = _SWEEP_S
    ) -> None:
        super().__init__()
        self._bus = bus
        self._workspaces = workspaces
        self._layouts = layouts
        self._clock = clock
        self._interval_s = interval_s
        self._next: dict[str, int] = {}

    async def run(self) -> None:
        self.started.set()
        while True:
            await asyncio.sleep(self._interval_s)
            for workspace in await self._workspaces():
                await self.sweep(workspace)

    async def sweep(self, workspace: str) -> int:
        """Bury what expired, in the part of each stream whose turn it is; how many."""
        buried = 0
        for stream in await queue_streams(self._bus, workspace):
            dead = await self._read(stream)
            if dead:
                layouts = await self._layouts(workspace)
                for message in dead:
                    buried += await self._bury(stream, message, layouts.get(queueing.spot(message.subject).queue))
        return buried

    async def _read(self, stream: str) -> list[Stored]:
        """Return what expired among the next messages; at the end, begin again."""
        held = await facts.counts(self._bus, stream)
        if held is None or not held.messages:
            return []
        now = self._clock.now().timestamp() - _GRACE_S
        position = max(self._next.get(stream, 1), held.first_seq)
        found: list[Stored] = []
        for _ in range(_TURN_LIMIT // _BATCH):
            batch = await read_batch(self._bus, stream, position, ">", limit=_BATCH)
            if not batch:
                position = 1
                break
            position = batch[-1].seq + 1
            found += [message for message in batch if _has_expired(message, now)]
        self._next[stream] = position
        return found

    async def _bury(self, stream: str, message: Stored, layout: Layout | None) -> bool:
        """Bury one that was never handed out."""
        spot = queueing.spot(message.subject)
        if layout is None or not queueing.is_covered(spot, layout):
            return False  # a stray; its own scan finds it
        names = [
            lane.consumer
            for lane in queueing.lanes(spot.queue, layout)
            if lane.priority == spot.priority and (lane.partition is None or str(lane.partition) == spot.partition)
        ]
        one = await facts.consumer(self._bus, stream, names[0])
        if one is not None and one.delivered.stream_seq >= message.seq:
            return False
        expired = said(message.payload, message.headers).expirytime
        await bury(self._bus, stream, spot.queue, message, Death(reason=REASON, error=f"It expired at {expired}"))
        return True


def _has_expired(message: Stored, now: float) -> bool:
    try:
        expirytime = said(message.payload, message.headers).expirytime
        return expirytime is not None and expiry_moment(expirytime) <= now
    except EnvelopeInvalidError:
        return False
