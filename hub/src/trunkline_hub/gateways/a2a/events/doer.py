"""Tasks of imported agents: a task here for a task there, turn by turn, whichever hub goes on with it."""

import asyncio
from collections.abc import Callable

import msgspec

from trunkline.protocol.errors import CallFailedError, TrunklineError
from trunkline.protocol.frames import Progress
from trunkline.protocol.resources import TaskRequest
from trunkline.protocol.tasks import TaskEvent, TaskJob, TaskMessage
from trunkline_hub.blobs import Blobs
from trunkline_hub.bus.host import CallInfo
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.principal import ordered_by
from trunkline_hub.db import Database
from trunkline_hub.gateways.a2a import store
from trunkline_hub.gateways.a2a.events.remotes import RemoteCall, errand_of
from trunkline_hub.gateways.a2a.model import remote
from trunkline_hub.gateways.a2a.ports import Engines, Turn
from trunkline_hub.gateways.a2a.service import files
from trunkline_hub.tasks import Tasks
from trunkline_hub.tasks.model import failure

_NOTED_S, _LOOK_S = 3.0, 0.2


class RemoteTasks:
    """Does the tasks of imported agents on this hub."""

    def __init__(self, db: Database, clock: Clock, engines: Engines, tasks: Tasks, blobs: Blobs) -> None:
        self._db = db
        self._clock = clock
        self._engines = engines
        self._tasks = tasks
        self._blobs = blobs

    async def takes(self, workspace: str, agent: str) -> bool:
        """Whether an agent was imported."""
        async with self._db.read() as tx:
            return await store.remote(tx, workspace, agent) is not None

    async def do(self, workspace: str, job: TaskJob, report: Callable[[Progress], None]) -> list[TaskEvent]:
        """Say the caller's latest message there, and return how the remote task stands afterwards.

        Raises:
            A2AAgentBrokenError, OutboundErrors, BlobUnknownError
        """
        errand = await self.errand(workspace, job)
        engine = await self._engines.get()
        turn = await engine.courier.turn(errand, await self._message(workspace, job, errand), report)
        return await self._steps(workspace, turn)

    async def call_off(self, workspace: str, job: TaskJob) -> None:
        """Carry a cancel to the agent, as soon as it is known what it calls the task."""
        errand = await self.errand(workspace, job)
        remote_id = await errand.begun() or await errand.waiting()
        until = asyncio.get_running_loop().time() + _NOTED_S
        while remote_id is None and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_LOOK_S)
            remote_id = await errand.begun()
        if remote_id is not None:
            engine = await self._engines.get()
            await engine.courier.call_off(errand, remote_id)

    async def adopt(self, errand: RemoteCall, payload: object, call: CallInfo, remote_id: str) -> str:
        """Make a task of a plain call whose agent asks back; it has the call's id where that can be one."""
        task_id = await self._tasks.id_for(call.workspace, call.request.id)
        async with self._db.write() as tx:
            await store.keep_remote_task(tx, call.workspace, f"{task_id}.1", errand.agent, remote_id)
        by = ordered_by(call.caller, call.workspace)
        wanted = TaskRequest(skill=call.skill, agent=errand.agent, input=payload)
        record = await self._tasks.begin(by, call.workspace, wanted, origin="a2a", task_id=task_id)
        return record.id

    async def errand(self, workspace: str, job: TaskJob) -> RemoteCall:
        """Return what a task's present turn is to the agent that it is for.

        Raises:
            CallFailedError: the agent was taken out.
        """
        async with self._db.read() as tx:
            row = await store.remote(tx, workspace, job.seed.agent)
        if row is None:
            raise CallFailedError(f"The agent {job.seed.agent!r} was taken out")
        return errand_of(self._db, row, job.seed.skill, f"{job.task_id}.{job.turn}")

    async def _message(self, workspace: str, job: TaskJob, errand: RemoteCall) -> TaskMessage:
        if job.turn == 1 and job.seed.input is not msgspec.UNSET:
            return remote.message_of(job.seed.input, errand.skill, job.seed.message.id)
        said = next(one for one in reversed(job.history) if one.role == "user")
        parts = await files.fetched(self._blobs, workspace, said.parts)
        return msgspec.structs.replace(said, parts=parts, metadata={**said.metadata, "skill": errand.skill})

    async def _steps(self, workspace: str, turn: Turn) -> list[TaskEvent]:
        """Return what the remote task made and how it stands, as steps of ours."""
        now, steps = rfc3339(self._clock.now()), []
        for made in turn.artifacts:
            kept = msgspec.structs.replace(made, parts=await files.stored(self._blobs, workspace, made.parts))
            steps.append(TaskEvent(kind="artifact", at=now, artifact=kept))
        if turn.state == "failed":
            error: TrunklineError = CallFailedError(f"The remote task failed: {turn.said.text if turn.said else ''}")
            failed = failure(error.to_problem(), now)
            return [*steps, msgspec.structs.replace(failed, message=turn.said)]
        return [*steps, TaskEvent(kind="status", at=now, state=turn.state, message=turn.said)]
