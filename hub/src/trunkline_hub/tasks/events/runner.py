"""Tasks of agents that know plain calls only: a hub calls, and writes the course."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import msgspec

from trunkline.context import Context
from trunkline.delivery import Delivery
from trunkline.payloads import Codec
from trunkline.processing import Identity
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import AgentOfflineError, MessageTooLargeError, TrunklineError, UnavailableError
from trunkline.protocol.frames import Progress, Reader
from trunkline.protocol.tasks import INTERRUPTED, TaskEvent, TaskJob
from trunkline.tasks import Tasks
from trunkline_hub.bus import HubBus, course
from trunkline_hub.bus.desk import Worker
from trunkline_hub.bus.signals import HubCalls, NobodyThereError, listen
from trunkline_hub.bus.workforce import Key, Post, Workforce
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.db import Database
from trunkline_hub.tasks import model
from trunkline_hub.tasks.events.book import Workspaces
from trunkline_hub.tasks.ports import Doer, QueueLane

_AT_ONCE = 64
_TIMEOUT_S = 3600.0
_OUTPUT = Codec(Any)
Write = Callable[[TaskEvent, str], Coroutine[Any, Any, None]]
"""(step, its mark within the run): writes a step once, however often the run says it."""


class TaskRunner(Workforce):
    """Takes the jobs of plain skills, on every hub."""

    name: ClassVar[str] = "task-runner"

    def __init__(
        self, bus: HubBus, db: Database, clock: Clock, by: tuple[HubCalls, Sequence[Doer]], queues: QueueLane,
        workspaces: Workspaces, *, hub_id: str,
    ) -> None:  # fmt: skip
        super().__init__()
        self._bus = bus
        self._db = db
        self._clock = clock
        self._calls, self._doers = by
        self._queues = queues
        self._workspaces = workspaces
        self._hub_id = hub_id
        self._tasks = Tasks()

    async def run(self) -> None:
        await listen(self._bus, subjects.cancel_filter("*", None, subjects.HUB), self._called_off)
        try:
            await super().run()
        finally:
            await self._tasks.close()

    async def wanted(self) -> Mapping[Key, Post]:
        """Return a worker for each workspace whose queue of calls exists."""
        found: dict[Key, Post] = {}
        for workspace in await self._workspaces():
            async with self._db.read() as tx:
                frames = await self._queues.readers(tx, workspace, [model.HUB_QUEUE])
            for frame in frames:
                version = msgspec.json.encode(frame)
                found[workspace, frame.name] = Post(version=version, make=partial(self._worker, workspace, frame))
        return found

    def _worker(self, workspace: str, frame: Reader) -> Worker:
        identity = Identity(agent=f"hub {self._hub_id}", instance=self._hub_id, version="")
        return Worker(
            self._bus, workspace, frame, partial(self._work, workspace), concurrency=_AT_ONCE, identity=identity
        )

    async def _work(self, workspace: str, delivery: Delivery, context: Context) -> None:
        """Do one job; a task that is called off meanwhile is let go without a word: its course has it already."""
        job = msgspec.json.decode(context.message.data, type=TaskJob)
        write = partial(self._write, workspace, job, (job.turn, delivery.attempt), context.message.id)
        await self._tasks.revocable(self._call(workspace, job, write), name=f"task-{job.task_id}")

    async def _called_off(self, subject: str, _payload: bytes) -> None:
        self._tasks.call_off(f"task-{subjects.untoken(subject.rsplit('.', 1)[1])}")

    async def _call(self, workspace: str, job: TaskJob, write: Write) -> None:
        kind: Literal["resumed", "status"] = "resumed" if job.state in INTERRUPTED else "status"
        await write(TaskEvent(kind=kind, at=self._now(), state="working"), "working")
        try:
            steps = await self._steps(workspace, job, self._reporter(write))
        except UnavailableError:
            raise
        except TrunklineError as error:
            await write(model.failure(error.to_problem(), self._now()), "failed")
            return
        try:
            for index, step in enumerate(steps):
                await write(step, f"end.{index}")
        except MessageTooLargeError as error:
            await write(model.failure(error.to_problem(), self._now()), "failed")

    async def _steps(self, workspace: str, job: TaskJob, report: Callable[[Progress], None]) -> list[TaskEvent]:
        """Have the work done; returns the steps by which this run ends."""
        for doer in self._doers:
            if await doer.takes(workspace, job.seed.agent):
                return await doer.do(workspace, job, report)
        artifact = model.result_of(await self._ask(workspace, job, report), job.task_id)
        return [
            TaskEvent(kind="artifact", at=self._now(), artifact=artifact),
            TaskEvent(kind="status", at=self._now(), state="completed"),
        ]

    async def _ask(self, workspace: str, job: TaskJob, on_progress: Callable[[Progress], None]) -> Any:
        seed = job.seed
        request = ce.new_envelope(
            type=f"call.{seed.skill}", source=f"/{workspace}/{seed.caller}", id=f"{job.task_id}.{job.turn}",
            data=msgspec.json.encode(model.call_input(seed)), correlationid=seed.context_id,
            traceparent=seed.traceparent,
        )  # fmt: skip
        try:
            reply = await self._calls.call(
                workspace, seed.caller, seed.skill, seed.agent, request, timeout_s=_TIMEOUT_S, on_progress=on_progress
            )
        except NobodyThereError:
            raise AgentOfflineError(f"No instance of {seed.agent!r} is connected") from None
        return _OUTPUT.read(reply)

    def _reporter(self, write: Write) -> Callable[[Progress], None]:
        count = iter(range(1_000_000))

        def report(progress: Progress) -> None:
            step = TaskEvent(kind="progress", at=self._now(), progress=progress)
            self._tasks.spawn(write(step, f"progress.{next(count)}"), name="task-progress")

        return report

    async def _write(
        self, workspace: str, job: TaskJob, run: tuple[int, int], message_id: str, event: TaskEvent, mark: str
    ) -> None:
        event.run = run
        msg_id = f"{message_id}.{run[1]}.{mark}"
        await course.write(self._bus, workspace, job.seed.agent, job.task_id, event, msg_id=msg_id)

    def _now(self) -> str:
        return rfc3339(self._clock.now())
