"""How queues fare over time: depth and rates, sampled on each hub, kept in memory."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

import structlog

from trunkline.protocol.errors import BusUnavailableError
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.reconciler import Workspaces
from trunkline_hub.bus.state import EMPTY, ReaderState, reader_states
from trunkline_hub.core.component import Component

_log = structlog.get_logger("trends")
_DUTY = 20
"""Sampling takes at most this fraction of the time."""
_RATE_S = 60.0


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    delivered: int
    waiting: int
    in_flight: int


@dataclass(slots=True)
class _History:
    depths: deque[int]
    recent: deque[_Sample] = field(default_factory=deque)


@dataclass(frozen=True, kw_only=True)
class Trend:
    """One queue over time."""

    depths: list[int]
    in_per_s: float
    out_per_s: float


class Trends(Component):
    """Samples every queue of every workspace."""

    name: ClassVar[str] = "queue-trends"

    def __init__(self, bus: HubBus, workspaces: Workspaces, *, sample_s: float, history: int) -> None:
        super().__init__()
        self.sample_s = sample_s
        self._bus = bus
        self._workspaces = workspaces
        self._history = history
        self._queues: dict[tuple[str, str], _History] = {}

    async def run(self) -> None:
        while True:
            began = time.monotonic()
            for workspace in await self._workspaces():
                try:
                    self._take_in(workspace, await reader_states(self._bus, workspace, "queue"))
                except BusUnavailableError as error:
                    _log.debug("not_sampled", workspace=workspace, error=str(error))
            self.started.set()
            await asyncio.sleep(max(self.sample_s, (time.monotonic() - began) * _DUTY))

    def of(self, workspace: str, queue: str) -> Trend:
        """Return what is known of a queue."""
        history = self._queues.get((workspace, queue))
        if history is None or not history.recent:
            return Trend(depths=[], in_per_s=0.0, out_per_s=0.0)
        first, last = history.recent[0], history.recent[-1]
        seconds = max(last.at - first.at, 0.001)
        given = max(0, last.delivered - first.delivered)
        came = max(0, given + last.waiting - first.waiting)
        done = max(0, given - last.in_flight + first.in_flight)
        one = len(history.recent) == 1
        return Trend(
            depths=list(history.depths),
            in_per_s=0.0 if one else round(came / seconds, 2),
            out_per_s=0.0 if one else round(done / seconds, 2),
        )

    def _take_in(self, workspace: str, states: dict[str, ReaderState]) -> None:
        now = time.monotonic()
        gone = [key for key in self._queues if key[0] == workspace and key[1] not in states]
        for key in gone:
            del self._queues[key]
        for queue, state in states.items():
            self._remember((workspace, queue), state, now)

    def _remember(self, key: tuple[str, str], state: ReaderState, now: float) -> None:
        history = self._queues.get(key)
        if history is None:
            if state == EMPTY:
                return
            history = self._queues[key] = _History(depths=deque(maxlen=self._history))
        history.depths.append(state.waiting)
        recent = history.recent
        recent.append(_Sample(now, state.delivered, state.waiting, state.in_flight))
        while now - recent[0].at > _RATE_S and now - recent[1].at >= _RATE_S:
            recent.popleft()
