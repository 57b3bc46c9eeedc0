"""Tasks of upstream tools: a tool that asks is answered in a later turn, by whichever hub has it."""

from collections.abc import Callable

import msgspec

from trunkline.protocol.frames import Progress
from trunkline.protocol.ids import new_id
from trunkline.protocol.resources import TaskRequest
from trunkline.protocol.tasks import TaskEvent, TaskJob, TaskMessage
from trunkline_hub.bus.host import CallInfo
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.principal import ordered_by
from trunkline_hub.db import Database
from trunkline_hub.gateways.mcp import model, store
from trunkline_hub.gateways.mcp.events.upstreams import UpstreamRunner
from trunkline_hub.gateways.mcp.model import asked
from trunkline_hub.tasks import Tasks
from trunkline_hub.tasks.model import result_of

_TIMEOUT_S = 3600.0


class UpstreamTasks:
    """Does the tasks of upstream tools on this hub.

    What a tool wants to know, and the state that it wants back with the
    answers, lie in the task's own history: nothing else is to be remembered.
    """

    def __init__(self, db: Database, clock: Clock, tasks: Tasks, runner: Callable[[], UpstreamRunner]) -> None:
        self._db = db
        self._clock = clock
        self._tasks = tasks
        self._runner = runner

    async def takes(self, workspace: str, agent: str) -> bool:
        """Whether an agent is an upstream."""
        async with self._db.read() as tx:
            return await store.get(tx, store.upstreams, workspace, agent) is not None

    async def do(self, workspace: str, job: TaskJob, report: Callable[[Progress], None]) -> list[TaskEvent]:
        """Call the tool, with the caller's answers where it asked; its questions become the task's.

        Raises:
            PayloadInvalidError, McpUpstreamUnavailableError, McpUpstreamBrokenError, CallFailedError, CallTimeoutError
        """
        answers = None
        if job.turn > 1:
            question = next(one for one in reversed(job.history) if one.role == "agent" and asked.KEPT in one.metadata)
            answers, wrong = asked.answers(question, next(one for one in reversed(job.history) if one.role == "user"))
            if wrong:
                return [self._asks(msgspec.structs.replace(asked.again(question, wrong), id=new_id()))]
        link, tool = self._runner().link(workspace, job.seed.agent, job.seed.skill)
        arguments = model.arguments_of(None if job.seed.input is msgspec.UNSET else job.seed.input)
        found = await link.call_tool(tool, arguments, report, _TIMEOUT_S, answers)
        if isinstance(found, asked.Asked):
            return [self._asks(asked.message(found, new_id()))]
        now = rfc3339(self._clock.now())
        return [
            TaskEvent(kind="artifact", at=now, artifact=result_of(found, job.task_id)),
            TaskEvent(kind="status", at=now, state="completed"),
        ]

    async def call_off(self, workspace: str, job: TaskJob) -> None:
        """Nothing waits there between two turns, and a call under way is cancelled with its run."""

    async def adopt(self, agent: str, payload: object, call: CallInfo) -> str:
        """Make a task of a plain call whose tool asks: it is called anew, which by its own word does no harm."""
        task_id = await self._tasks.id_for(call.workspace, call.request.id)
        by = ordered_by(call.caller, call.workspace)
        wanted = TaskRequest(skill=call.skill, agent=agent, input=payload)
        return (await self._tasks.begin(by, call.workspace, wanted, origin="mcp", task_id=task_id)).id

    def _asks(self, said: TaskMessage) -> TaskEvent:
        return TaskEvent(kind="status", at=rfc3339(self._clock.now()), state="input-required", message=said)
