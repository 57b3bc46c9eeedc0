"""Following the courses that somebody on this hub waits for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from trunkline.protocol import subjects
from trunkline_hub.bus import HubBus, course
from trunkline_hub.bus.course import Followed, Step, step_of_fed
from trunkline_hub.bus.feed import Fed
from trunkline_hub.core.component import Component

_BATCH = 500
_LOOK_S = 2.0


class TaskWatch(Component):
    """Follows the courses that somebody on this hub waits for."""

    name: ClassVar[str] = "task-watch"

    def __init__(self, bus: HubBus) -> None:
        super().__init__()
        self._bus = bus
        self._followed = Followed(bus)
        self._watching: dict[tuple[str, str], set[asyncio.Queue[Step]]] = {}
        self._opening = asyncio.Lock()

    async def run(self) -> None:
        self.started.set()
        try:
            while True:
                await self._followed.wait(_LOOK_S)
                for workspace, taken in self._followed.take(_BATCH):
                    for fed in taken:
                        self._tell(workspace, fed)
        finally:
            await self._followed.close()

    @asynccontextmanager
    async def watch(self, workspace: str, task_id: str) -> AsyncIterator["asyncio.Queue[Step]"]:
        """Give a queue into which every further step of a task goes."""
        steps: asyncio.Queue[Step] = asyncio.Queue()
        watching = self._watching.setdefault((workspace, task_id), set())
        watching.add(steps)
        try:
            await self._open(workspace)
            yield steps
        finally:
            watching.discard(steps)
            if not watching:
                self._watching.pop((workspace, task_id), None)

    async def _open(self, workspace: str) -> None:
        async with self._opening:
            if workspace not in self._followed:
                found = await course.span(self._bus, workspace)
                self._followed.add(workspace, after_seq=found.last_seq if found is not None else 0)

    def _tell(self, workspace: str, fed: Fed) -> None:
        task_id = subjects.untoken(fed.subject.rsplit(".", 1)[1])
        watching = self._watching.get((workspace, task_id))
        step = step_of_fed(fed) if watching else None
        for steps in watching or ():
            if step is not None:
                steps.put_nowait(step)
