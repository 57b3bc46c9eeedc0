"""Routes of schedules, and of messages that wait for their time."""

from typing import Annotated, Any

from litestar import Request, Router, delete, get, post, put
from litestar.params import QueryParameter

from trunkline.protocol.resources import (
    CronTimes,
    Firing,
    FiringPage,
    Schedule,
    Scheduled,
    ScheduledDetail,
    ScheduleDeclaration,
    ScheduledPage,
    SchedulePage,
)
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.schedules.service import ScheduledMessages, Schedules
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.preconditions import volatile

AnyRequest = Request[Principal, Any, Any]
OfQueue = Annotated[str | None, QueryParameter(name="queue", description="Only what goes to this queue.")]
_OBSERVED = volatile("next_at")
"""What is seen of one, beside what was declared."""


@get("/schedules", opt=requires("schedules:read"))
async def list_schedules(
    workspace: str, tx: Tx, schedules: Schedules, cursor: Cursor = None, limit: Limit = 50
) -> SchedulePage:
    """List cron schedules by name, each with its next firings."""
    return await schedules.page(tx, workspace, cursor=cursor, limit=limit)


@put("/schedules/{name:str}", opt=requires("schedules:write"))
async def declare(
    workspace: str, name: str, data: ScheduleDeclaration, request: AnyRequest, tx: Tx, schedules: Schedules
) -> Schedule:
    """Create a schedule or change it. What it sends carries the name of who declared it last."""
    return await schedules.declare(tx, request.user, workspace, name, data)


@get("/schedules/{name:str}", opt=requires("schedules:read") | _OBSERVED)
async def get_schedule(workspace: str, name: str, tx: Tx, schedules: Schedules) -> Schedule:
    """Show a schedule with its next firings."""
    return await schedules.get(tx, workspace, name)


@delete("/schedules/{name:str}", opt=requires("schedules:write"))
async def remove(workspace: str, name: str, request: AnyRequest, tx: Tx, schedules: Schedules) -> None:
    """Remove a schedule and the record of its firings; what it sent stays."""
    await schedules.remove(tx, request.user, workspace, name)


@post("/schedules/{name:str}/pause", opt=requires("schedules:write"), status_code=200)
async def pause(workspace: str, name: str, request: AnyRequest, tx: Tx, schedules: Schedules) -> Schedule:
    """Let a schedule fire no more until it is resumed."""
    return await schedules.pause(tx, request.user, workspace, name)


@post("/schedules/{name:str}/resume", opt=requires("schedules:write"), status_code=200)
async def resume(workspace: str, name: str, request: AnyRequest, tx: Tx, schedules: Schedules) -> Schedule:
    """Let a schedule fire again, from now on."""
    return await schedules.resume(tx, request.user, workspace, name)


@post("/schedules/{name:str}/run", opt=requires("schedules:write"), status_code=200)
async def run(workspace: str, name: str, request: AnyRequest, schedules: Schedules) -> Firing:
    """Fire a schedule now, beside its plan."""
    return await schedules.run(request.user, workspace, name)


@get("/cron-times", opt=requires("schedules:read"))
async def cron_times(
    workspace: str,  # noqa: ARG001 -- part of the address
    cron: str,
    schedules: Schedules,
    timezone: str = "UTC",
) -> CronTimes:
    """Show when an expression would fire next; nothing is declared."""
    return schedules.times(cron, timezone)


@get("/schedules/{name:str}/firings", opt=requires("schedules:read"))
async def list_firings(
    workspace: str, name: str, tx: Tx, schedules: Schedules, cursor: Cursor = None, limit: Limit = 50
) -> FiringPage:
    """List how a schedule fired, newest first, with the ids of the messages."""
    return await schedules.firings(tx, workspace, name, cursor=cursor, limit=limit)


@get("/scheduled", opt=requires("schedules:read"))
async def list_scheduled(
    workspace: str, scheduled: ScheduledMessages, queue: OfQueue = None, cursor: Cursor = None, limit: Limit = 50
) -> ScheduledPage:
    """List messages that wait for their time, in the order in which they were sent."""
    return await scheduled.page(workspace, queue, cursor=cursor, limit=limit)


@get("/scheduled/{message_id:str}", opt=requires("schedules:read"))
async def get_scheduled(workspace: str, message_id: str, scheduled: ScheduledMessages) -> ScheduledDetail:
    """Show a message that waits for its time, by its id here or its own."""
    return await scheduled.get(workspace, message_id)


@delete("/scheduled/{message_id:str}", opt=requires("schedules:write"))
async def cancel(workspace: str, message_id: str, request: AnyRequest, scheduled: ScheduledMessages) -> None:
    """Take a message back before its time. It is gone for good."""
    await scheduled.cancel(request.user, workspace, message_id)


@post("/scheduled/{message_id:str}/run", opt=requires("schedules:write"), status_code=200)
async def run_scheduled(
    workspace: str, message_id: str, request: AnyRequest, scheduled: ScheduledMessages
) -> Scheduled:
    """Let a message go out now instead of at its time."""
    return await scheduled.run(request.user, workspace, message_id)


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[
        list_schedules, declare, get_schedule, remove, pause, resume, run, cron_times, list_firings,
        list_scheduled, get_scheduled, cancel, run_scheduled,
    ],
    tags=["schedules"],
)  # fmt: skip
