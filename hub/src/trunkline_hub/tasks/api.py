"""Routes of tasks. One's own need `tasks:run`; everybody's `tasks:read`, and to steer them `tasks:write`."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from trunkline.protocol.resources import Task, TaskCancel, TaskCourse, TaskPage, TaskReply, TaskRequest, TaskStep
from trunkline.protocol.tasks import TaskJob, TaskState
from trunkline_hub.bus.course import Step
from trunkline_hub.core.principal import Principal
from trunkline_hub.tasks.model import Record
from trunkline_hub.tasks.service import Tasks
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.streams import Messages, stream

AnyRequest = Request[Principal, Any, Any]
State = Annotated[TaskState | None, QueryParameter(name="state", description="Only tasks in this state.")]


@post("/tasks", opt=requires("tasks:run", audited=False), status_code=201)
async def start_task(workspace: str, data: TaskRequest, request: AnyRequest, tasks: Tasks) -> Task:
    """Start a task; answered when it is on record, or with `wait_s` when it is done or waits for you."""
    return await tasks.start(request.user, workspace, data, origin="rest")


@get("/tasks", opt=requires("tasks:run"))
async def list_tasks(
    workspace: str,
    request: AnyRequest,
    tasks: Tasks,
    task_state: State = None,
    agent: str | None = None,
    skill: str | None = None,
    caller: str | None = None,
    context_id: str | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> TaskPage:
    """List tasks, those that changed last first; without `tasks:read` only your own. Messages and artifacts are left out."""
    filters = {"state": task_state, "agent": agent, "skill": skill, "caller": caller, "context_id": context_id}
    return await tasks.page(request.user, workspace, filters, cursor=cursor, limit=limit)


@get("/tasks/{task_id:str}", opt=requires("tasks:run"))
async def get_task(workspace: str, task_id: str, request: AnyRequest, tasks: Tasks) -> Task:
    """Show a task as it stands now: what was said, what came of it."""
    return (await tasks.record(request.user, workspace, task_id)).shown()


@get("/tasks/{task_id:str}/course", opt=requires("tasks:run"))
async def get_course(workspace: str, task_id: str, request: AnyRequest, tasks: Tasks) -> TaskCourse:
    """Show how a task came to be as it is, step by step; what was made and saved is left out."""
    return TaskCourse(items=await tasks.course(request.user, workspace, task_id))


@get("/tasks/{task_id:str}/job", opt=requires("agents:register"))
async def get_job(workspace: str, task_id: str, request: AnyRequest, tasks: Tasks) -> TaskJob:
    """Show what a worker of your own agent needs to go on with a task."""
    return await tasks.job(request.user, workspace, task_id)


@get("/tasks/{task_id:str}/events", opt=requires("tasks:run"))
async def follow_task(workspace: str, task_id: str, request: AnyRequest, tasks: Tasks) -> ServerSentEvent:
    """Follow a task as server-sent events: `task` as it stands, then each `step`, until it ends."""
    record = await tasks.record(request.user, workspace, task_id)
    return stream(request, _messages(tasks.follow(workspace, record), record))


@post("/tasks/{task_id:str}/messages", opt=requires("tasks:run", audited=False), status_code=200)
async def reply_to_task(workspace: str, task_id: str, data: TaskReply, request: AnyRequest, tasks: Tasks) -> Task:
    """Give a task the message that it waits for."""
    return (await tasks.reply(request.user, workspace, task_id, data)).shown()


@post("/tasks/{task_id:str}/cancel", opt=requires("tasks:run", audited=False), status_code=200)
async def cancel_task(workspace: str, task_id: str, data: TaskCancel, request: AnyRequest, tasks: Tasks) -> Task:
    """Call a task off; whoever works on it is told."""
    return (await tasks.cancel(request.user, workspace, task_id, data.reason)).shown()


async def _messages(followed: AsyncIterator[tuple[Record, Step | None]], record: Record) -> Messages:
    yield _message("task", record.seq, record.shown())
    async for _record, step in followed:
        if step is None:
            yield ServerSentEventMessage(data=None, comment="still here")
        else:
            yield _message("step", step.seq, TaskStep(seq=step.seq, task_id=step.task_id, event=step.event))


def _message(name: str, seq: int, body: Any) -> ServerSentEventMessage:
    return ServerSentEventMessage(data=msgspec.json.encode(body).decode(), event=name, id=str(seq))


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[start_task, list_tasks, get_task, get_course, get_job, follow_task, reply_to_task, cancel_task],
    tags=["tasks"],
)
