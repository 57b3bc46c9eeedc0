"""Keeping the record: the courses of tasks, folded into SQL."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Literal

import structlog

from trunkline.protocol.errors import TrunklineError
from trunkline.protocol.tasks import TaskState
from trunkline_hub.bus import HubBus, course
from trunkline_hub.bus.course import Followed, Step, step_of_fed
from trunkline_hub.bus.feed import Fed
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.component import Component
from trunkline_hub.core.metrics import Gauge
from trunkline_hub.db import Database, Tx
from trunkline_hub.tasks import model, store
from trunkline_hub.tasks.model import Record

_log = structlog.get_logger("tasks")
_BATCH = 500
_LOOK_S = 2.0
_TEND_S = 60.0
_UNBEGUN_S = 15.0
"""A hub that died may have left a task on record without its job; so long it has to say that it is in the queue."""

Workspaces = Callable[[], Awaitable[list[str]]]


class TaskBook(Component):
    """Folds the courses of all tasks into their records; one hub of a cluster does."""

    name: ClassVar[str] = "task-book"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, bus: HubBus, db: Database, clock: Clock, workspaces: Workspaces, *, keep_s: float) -> None:
        super().__init__()
        self._bus = bus
        self._db = db
        self._clock = clock
        self._workspaces = workspaces
        self._keep_s = keep_s
        self._born: dict[str, str] = {}
        self._open: list[tuple[str, str, int]] = []

    def gauges(self) -> Iterator[Gauge]:
        """Yield how many tasks are in each state but an end."""
        for workspace, state, count in self._open:
            named = {"workspace": workspace, "state": state}
            yield "trunkline_tasks", "Tasks that have not ended, by state.", named, count

    async def run(self) -> None:
        followed = Followed(self._bus)
        loop = asyncio.get_running_loop()
        look_at = tend_at = 0.0
        try:
            while True:
                if loop.time() >= look_at:
                    await self._look(followed)
                    look_at = loop.time() + _LOOK_S
                    self.started.set()
                if loop.time() >= tend_at:
                    await self._prune()
                    tend_at = loop.time() + _TEND_S
                for workspace, taken in followed.take(_BATCH):
                    await self._enter(workspace, taken)
                await followed.wait(max(0.0, look_at - loop.time()))
        finally:
            await followed.close()

    async def _look(self, followed: Followed) -> None:
        """Follow each workspace from where its records stand; a stream that was made anew, from its beginning."""
        async with self._db.read() as tx:
            self._open = await store.by_state(tx)
        for workspace in await self._workspaces():
            if workspace in followed:
                continue
            found = await course.span(self._bus, workspace)
            if found is None:
                continue
            async with self._db.read() as tx:
                position = await store.position(tx, workspace)
            known = position is not None and position[0] == found.born and position[1] <= found.last_seq
            self._born[workspace] = found.born
            followed.add(workspace, after_seq=position[1] if position is not None and known else 0)

    async def _enter(self, workspace: str, taken: list[Fed]) -> None:
        steps = [step for step in map(step_of_fed, taken) if step is not None]
        await self._db.commit(partial(self._write, workspace, steps, taken[-1].seq))

    async def _write(self, workspace: str, steps: list[Step], seq: int, tx: Tx) -> None:
        present = await store.some(tx, workspace, sorted({step.task_id for step in steps}))
        before = {task_id: record.state for task_id, record in present.items()}
        records: dict[str, Record | None] = dict(present)
        for step in steps:
            known = records.get(step.task_id)
            records[step.task_id] = model.fold(known, step.writer, step.agent, step.task_id, step.seq, step.event)
        for task_id, record in records.items():
            if record is not None:
                await store.put(tx, workspace, record, is_new=task_id not in present)
        await self._tell(tx, workspace, before, records)
        await store.set_position(tx, workspace, self._born[workspace], seq)

    async def _tell(
        self, tx: Tx, workspace: str, before: dict[str, TaskState], records: dict[str, Record | None]
    ) -> None:
        """Publish which tasks changed their state."""
        facts: list[tuple[dict[str, Any], str | None]] = [
            (model.fact(record), task_id)
            for task_id, record in records.items()
            if record is not None and record.state != before.get(task_id)
        ]
        if facts:
            await tx.emit_all(workspace, "trunkline.task.changed", facts)

    async def _prune(self) -> None:
        before = self._clock.now() - timedelta(seconds=self._keep_s)
        forgotten = await self._db.commit(lambda tx: store.prune(tx, before, _BATCH))
        if forgotten:
            _log.info("tasks_forgotten", count=forgotten)


class TaskSweep(Component):
    """Hands over once more what was put on record by a hub that died before it could."""

    name: ClassVar[str] = "task-sweep"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, db: Database, clock: Clock, hand_over: Callable[[str, Record], Awaitable[None]]) -> None:
        super().__init__()
        self._db = db
        self._clock = clock
        self._hand_over = hand_over

    async def run(self) -> None:
        self.started.set()
        while True:
            await asyncio.sleep(_UNBEGUN_S)
            await self.sweep()

    async def sweep(self) -> None:
        """Look through all that wait to be begun, some at a time."""
        until = self._clock.now() - timedelta(seconds=_UNBEGUN_S)
        after: datetime | None = None
        while True:
            async with self._db.read() as tx:
                left = await store.unbegun(tx, until, after=after, limit=_BATCH)
            for workspace, record in left:
                after = datetime.fromisoformat(record.state_at)
                if record.handed_over != record.turn:
                    await self._again(workspace, record)
            if len(left) < _BATCH:
                return

    async def _again(self, workspace: str, record: Record) -> None:
        try:
            await self._hand_over(workspace, record)
            _log.info("task_handed_over", task=record.id)
        except TrunklineError as error:
            _log.warning("task_not_handed_over", task=record.id, error=str(error))
