"""Long work, from the worker's side: how a task's job is done."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from nats.aio.msg import Msg

from trunkline import payloads
from trunkline.blobs import Blob
from trunkline.connection import Bus
from trunkline.context import Context
from trunkline.handlers import ReaderSpec, SkillSpec
from trunkline.payloads import Codec
from trunkline.processing import words_of
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import CallFailedError, TaskUnknownError, TrunklineError
from trunkline.protocol.tasks import TERMINAL, Artifact, TaskEvent, TaskJob, TaskMessage, TaskState
from trunkline.retry import PermanentError, decide
from trunkline.task_runs import SuspendedError, TaskRun, agent_message
from trunkline.tasks import Tasks

_log = logging.getLogger("trunkline.agent")

TASKS_AT_ONCE = 16
_LEASE_S = 10.0
"""So soon after its worker died a task goes to another one."""
_FRESH_S = 2.0
"""What waited longer may have been called off meanwhile: the hub is asked how it stands."""
WORKER_RETRY = frames.RetryPolicy(max_attempts=5, base_s=1.0)
"""How often a task outlives its worker."""


class Course:
    """Takes what the runs of a task say, in order."""

    async def say(self, event: TaskEvent) -> None:
        """Put one more step on record."""
        raise NotImplementedError

    async def keep(self, blob: Blob) -> str:
        """Store bytes; where they lie."""
        raise NotImplementedError

    async def status(self, state: TaskState, message: TaskMessage | None = None) -> None:
        """Say in which state the task is."""
        await self.say(TaskEvent(kind="status", at=ce.now_rfc3339(), state=state, message=message))

    async def fail(self, error: TrunklineError) -> None:
        """Say that the task failed."""
        await self.say(TaskEvent(kind="status", at=ce.now_rfc3339(), state="failed", error=error.to_problem()))


class _StoredCourse(Course):
    """Stores each step, acknowledged by the broker, before the next."""

    def __init__(self, client: Any, agent: str, job: TaskJob, attempt: int) -> None:
        self._client = client
        self._job = job
        self._run = (job.turn, attempt)
        self._said = 0
        self._stream = subjects.work_stream(client.workspace)
        self._subject = subjects.work(client.workspace, client.principal, agent, job.task_id)

    async def say(self, event: TaskEvent) -> None:
        event.run = self._run
        self._said += 1
        turn, attempt = self._run
        await self._client.store(
            self._stream, self._subject, msgspec.json.encode(event), key=self._job.task_id,
            msg_id=f"{self._job.task_id}.{turn}.{attempt}.{self._said}",
        )  # fmt: skip

    async def keep(self, blob: Blob) -> str:
        return cast("str", (await self._client.blobs.put(blob)).url)


class TaskWorker:
    """Does the jobs in an agent's queue: finds the skill, runs its handler, writes the task's course."""

    name = "task"
    codec = Codec(TaskJob)

    def __init__(self, agent: str, skills: Mapping[str, SkillSpec]) -> None:
        self._agent = agent
        self._skills = skills
        self._tasks = Tasks()

    def input_schema(self) -> None:
        """Return nothing: what lies in the queue is between hub and worker."""

    def call_off(self, task_id: str) -> None:
        """Stop working on a task that nobody wants any more."""
        self._tasks.call_off(f"task-{task_id}")

    async def __call__(self, job: TaskJob, context: Context) -> None:
        """Bring one job to its end.

        Raises:
            PermanentError: the job is not from a hub, or names a skill that is not here.
        """
        if context.key is not None and context.key.sender != subjects.HUB:
            raise PermanentError("Only a hub hands tasks over")
        client = cast("Any", context.client)
        if context.attempt > 1 or _age_s(context.message.time) > _FRESH_S:
            try:
                job = await client.tasks.job(job.task_id, patience_s=60.0)
            except TaskUnknownError:
                return
        if job.state in TERMINAL or f"{job.task_id}.{job.turn}" != context.id:
            return
        spec = self._skills.get(job.seed.skill)
        if spec is None:
            raise PermanentError(f"{self._agent!r} has no skill {job.seed.skill!r}")
        course = _StoredCourse(client, self._agent, job, context.attempt)
        await self._tasks.revocable(perform(spec, job, context, course), name=f"task-{job.task_id}")


async def perform(spec: SkillSpec, job: TaskJob, context: Context, course: Course) -> None:
    """Run a skill's handler for one job, and write what comes of it.

    Raises:
        Exception: what the handler raised, where the skill's policy says to try again.
    """
    await course.status("working")
    run = TaskRun(job, course.say, course.keep, attempt=context.attempt)
    context.task = run
    try:
        output = await spec.handler(_payload(spec, job, run), context)
        if output is not None:
            await _hand_in(output, run, course)
        else:
            await course.status("completed")
    except SuspendedError as suspended:
        await course.status(suspended.state, suspended.message)
    except TrunklineError as error:
        await _fail(spec, error, context, course)
    except Exception as error:  # noqa: BLE001 -- the edge of user code
        _log.exception("task %s (%s) failed", job.task_id, spec.name)
        await _fail(spec, error, context, course)


async def _hand_in(output: Any, run: TaskRun, course: Course) -> None:
    if isinstance(output, TaskMessage):
        await course.status("completed", output)
        return
    if isinstance(output, Artifact):
        await course.say(TaskEvent(kind="artifact", at=ce.now_rfc3339(), artifact=output))
    else:
        await run.artifact(output, name="result")
    await course.status("completed")


async def _fail(spec: SkillSpec, error: Exception, context: Context, course: Course) -> None:
    """End the task, unless the skill's policy says to try again."""
    if spec.retry is not None and decide(spec.retry, error, context.attempt).reason is None:
        await course.status("working", agent_message(f"Attempt {context.attempt} failed and will be tried again"))
        raise error
    told = error if isinstance(error, TrunklineError) else _as_problem(error)
    await course.fail(told)


def task_readers(agent: str, skills: Mapping[str, SkillSpec], concurrency: int) -> list[ReaderSpec]:
    """Return how an agent reads its tasks; nothing where it has no long skill."""
    long = {name: spec for name, spec in skills.items() if spec.task}
    if not long:
        return []
    worker = cast("Any", TaskWorker(agent, long))
    return [
        ReaderSpec(
            lane="queue", name=subjects.agent_queue(agent), handler=worker, types=[], retry=WORKER_RETRY,
            ack_wait_s=_LEASE_S, concurrency=concurrency,
        )
    ]  # fmt: skip


async def follow_calling_off(bus: Bus, workspace: str, skill: str, readers: Sequence[ReaderSpec]) -> None:
    """Stop working on the tasks of a skill that the hub says are no longer wanted."""
    workers = [cast("TaskWorker", spec.handler) for spec in readers if isinstance(spec.handler, TaskWorker)]

    async def on_cancel(msg: Msg) -> None:
        for worker in workers:
            worker.call_off(subjects.untoken(msg.subject.rsplit(".", 1)[1]))

    await bus.subscribe(subjects.cancel_filter(workspace, skill, subjects.HUB), on_cancel)


def _payload(spec: SkillSpec, job: TaskJob, run: TaskRun) -> Any:
    codec = spec.handler.codec
    if codec.kind is TaskMessage:
        return run.message
    value = job.seed.input
    return codec.decode(b"null" if value is msgspec.UNSET else payloads.encode(value))


def _age_s(time: str | None) -> float:
    return 0.0 if time is None else (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()


def _as_problem(error: Exception) -> TrunklineError:
    return CallFailedError(f"{type(error).__name__}: {words_of(error)}")
