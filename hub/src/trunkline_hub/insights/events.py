"""Follows the receipts of the workspaces that somebody looks at."""

import asyncio
import contextlib
from datetime import timedelta
from typing import ClassVar

from trunkline.protocol import subjects
from trunkline.tasks import Tasks
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.direct import read_run
from trunkline_hub.bus.feed import Extent, Feed, extent
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.component import Component
from trunkline_hub.insights.model import WINDOWS, Traffic

_UNSEEN_S = 300.0
"""How long a workspace is followed after somebody last looked."""
_CHECK_S = 30.0
_PATIENCE_S = 2.0
_BATCH = 10
"""Batches counted in one go; each holds up to 500 receipts."""
_FORGET_S = 5.0


class Followed:
    """One workspace's traffic, and where its stream was read to."""

    def __init__(self, bus: HubBus, stream: str, found: Extent, *, after_seq: int, arrived: asyncio.Event) -> None:
        self.feed = Feed(bus, stream, after_seq=after_seq, arrived=arrived)
        self.traffic = Traffic()
        self.born = found.born
        self.target = found.last_seq
        self.seq = after_seq
        self.caught_up = asyncio.Event()
        self.seen_at = self.checked_at = asyncio.get_running_loop().time()
        self.task: asyncio.Task[None] | None = None
        self._note()

    @property
    def behind(self) -> int:
        return max(0, self.target - self.seq)

    def take(self) -> bool:
        """Count some of what has arrived; whether there was any."""
        taken = self.feed.take(_BATCH)
        for fed in taken:
            self.traffic.apply(fed.stored_us, fed.subject, fed.payload)
            self.seq = fed.seq
        self._note()
        return bool(taken)

    def _note(self) -> None:
        if self.behind == 0:
            self.caught_up.set()


class TrafficWatch(Component):
    """Reads along on each hub, so that any of them answers for all."""

    name: ClassVar[str] = "traffic-watch"

    def __init__(self, bus: HubBus, clock: Clock) -> None:
        super().__init__()
        self._bus = bus
        self._clock = clock
        self._followed: dict[str, Followed] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._arrived = asyncio.Event()
        self._tasks = Tasks()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        forget_at = 0.0
        self.started.set()
        try:
            while True:
                self._arrived.clear()
                while sum(followed.take() for followed in list(self._followed.values())):
                    await asyncio.sleep(0)
                if loop.time() >= forget_at:
                    forget_at = loop.time() + _FORGET_S
                    self._forget()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_FORGET_S):
                        await self._arrived.wait()
        finally:
            self._followed.clear()
            await self._tasks.close()

    async def of(self, workspace: str) -> tuple[Traffic, int]:
        """Return a workspace's traffic and how many batches are still to be read; waits a moment for the first look.

        Raises:
            BusUnavailableError
        """
        followed = await self._open(workspace)
        if followed is None:
            return Traffic(), 0
        followed.seen_at = asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await followed.caught_up.wait()
        return followed.traffic, followed.behind

    async def _open(self, workspace: str) -> Followed | None:
        """Return what is followed of a workspace; begin to where nobody looked lately, or its stream is another."""
        now = asyncio.get_running_loop().time()
        async with self._opening.setdefault(workspace, asyncio.Lock()):
            known = self._followed.get(workspace)
            if known is not None and now - known.checked_at < _CHECK_S:
                return known
            found = await extent(self._bus, subjects.receipts_stream(workspace))
            if known is not None and found is not None and found.born == known.born:
                known.checked_at = now
                return known
            self._drop(workspace)
            return None if found is None else await self._follow(workspace, found)

    async def _follow(self, workspace: str, found: Extent) -> Followed:
        stream = subjects.receipts_stream(workspace)
        since = self._clock.now() - timedelta(seconds=WINDOWS[-1])
        run = await read_run(self._bus, stream, ">", since=since, limit=1)
        after_seq = run.messages[0].seq - 1 if run.messages else found.last_seq
        followed = Followed(self._bus, stream, found, after_seq=after_seq, arrived=self._arrived)
        followed.task = self._tasks.spawn(followed.feed.run(), name=f"traffic-{stream}")
        self._followed[workspace] = followed
        return followed

    def _drop(self, workspace: str) -> None:
        followed = self._followed.pop(workspace, None)
        if followed is not None and followed.task is not None:
            followed.task.cancel()

    def _forget(self) -> None:
        loop_now, now_us = asyncio.get_running_loop().time(), int(self._clock.now().timestamp() * 1e6)
        for workspace, followed in list(self._followed.items()):
            if loop_now - followed.seen_at > _UNSEEN_S:
                self._drop(workspace)
            else:
                followed.traffic.forget(now_us)
