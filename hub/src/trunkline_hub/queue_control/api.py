"""Routes that operate queues."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Router, get, post
from litestar.params import QueryParameter

from trunkline.protocol.resources import (
    Cancelled,
    DeleteRequest,
    MoveRequest,
    PurgeRequest,
    Queue,
    QueuedMessage,
    QueuedMessagePage,
    QueueStatus,
    QueueWork,
    Reason,
    RevisionPage,
    Rollback,
)
from trunkline_hub.bus import Reconciler
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.queue_control.model import Verb, sequence
from trunkline_hub.queue_control.service import QueueControl
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit

AnyRequest = Request[Principal, Any, Any]
Type = Annotated[str | None, QueryParameter(name="type", description="Only messages of this event type.")]
Since = Annotated[datetime | None, QueryParameter(description="Only what was enqueued at this moment or later.")]


@get("/queues/{name:str}/admission", opt=requires("queues:submit"))
async def admission(workspace: str, name: str, tx: Tx, queue_control: QueueControl) -> QueueStatus:
    """Answer whether the queue takes work in; a problem says why not."""
    return await queue_control.admission(tx, workspace, name)


@post("/queues/{name:str}/pause", opt=requires("queues:operate"), status_code=200)
async def pause(
    workspace: str, name: str, request: AnyRequest, db: Database, queue_control: QueueControl,
    reconciler: Reconciler,
    data: Reason | None = None,
) -> QueueStatus:  # fmt: skip
    """Hand out nothing from now on. Senders go on; messages in flight end normally."""
    return await _steer((workspace, name, "pause"), data, request, db, queue_control, reconciler)


@post("/queues/{name:str}/drain", opt=requires("queues:operate"), status_code=200)
async def drain(
    workspace: str, name: str, request: AnyRequest, db: Database, queue_control: QueueControl,
    reconciler: Reconciler,
    data: Reason | None = None,
) -> QueueStatus:  # fmt: skip
    """Take nothing in from now on; workers finish what is there."""
    return await _steer((workspace, name, "drain"), data, request, db, queue_control, reconciler)


@post("/queues/{name:str}/resume", opt=requires("queues:operate"), status_code=200)
async def resume(
    workspace: str, name: str, request: AnyRequest, db: Database, queue_control: QueueControl,
    reconciler: Reconciler,
    data: Reason | None = None,
) -> QueueStatus:  # fmt: skip
    """End a pause or a drain."""
    return await _steer((workspace, name, "resume"), data, request, db, queue_control, reconciler)


@get("/queues/{name:str}/peek", opt=requires("queues:read"))
async def peek(
    workspace: str,
    name: str,
    tx: Tx,
    queue_control: QueueControl,
    event_type: Type = None,
    sender: str | None = None,
    key: str | None = None,
    since: Since = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> QueuedMessagePage:
    """Look at messages without taking them, oldest first."""
    filters = {"type": event_type, "sender": sender, "key": key, "since": since}
    return await queue_control.peek(tx, workspace, name, filters, cursor=cursor, limit=limit)


@get("/queues/{name:str}/messages/{seq:str}", opt=requires("queues:read"))
async def get_message(workspace: str, name: str, seq: str, tx: Tx, queue_control: QueueControl) -> QueuedMessage:
    """Look at one message, whole."""
    return await queue_control.message(tx, workspace, name, sequence(seq))


@post("/queues/{name:str}/messages/{seq:str}/cancel", opt=requires("queues:operate"), status_code=200)
async def cancel(
    workspace: str, name: str, seq: str, request: AnyRequest, queue_control: QueueControl, data: Reason | None = None
) -> Cancelled:
    """Take a waiting message out for good; its discarded dead letter keeps it."""
    return await queue_control.cancel(request.user, workspace, name, sequence(seq), (data or Reason()).reason)


@post("/queues/{name:str}/purge", opt=requires("queues:operate"), status_code=202)
async def purge(
    workspace: str, name: str, data: PurgeRequest, request: AnyRequest, queue_control: QueueControl
) -> QueueWork:
    """Count what a queue holds, or empty it of that in a job."""
    return await queue_control.purge(request.user, workspace, name, data)


@post("/queues/{name:str}/move", opt=requires("queues:operate"), status_code=202)
async def move(
    workspace: str, name: str, data: MoveRequest, request: AnyRequest, queue_control: QueueControl
) -> QueueWork:
    """Count what waits and matches, or move it to another queue in a job."""
    return await queue_control.move(request.user, workspace, name, data)


@post("/queues/{name:str}/delete", opt=requires("queues:operate"), status_code=202)
async def delete_queue(
    workspace: str, name: str, data: DeleteRequest, request: AnyRequest, queue_control: QueueControl
) -> QueueWork:
    """Delete a queue in a job. With `force` what it holds goes to the dead letters; without, it must be unused."""
    return await queue_control.delete(request.user, workspace, name, data)


@get("/queues/{name:str}/revisions", opt=requires("queues:read"))
async def list_revisions(
    workspace: str, name: str, tx: Tx, queue_control: QueueControl, cursor: Cursor = None, limit: Limit = 50
) -> RevisionPage:
    """Show what the queue's settings were, newest first."""
    return await queue_control.history(tx, workspace, name, cursor=cursor, limit=limit)


@post("/queues/{name:str}/rollback", opt=requires("queues:write"), status_code=200)
async def rollback(
    workspace: str, name: str, data: Rollback, request: AnyRequest, db: Database, queue_control: QueueControl,
    reconciler: Reconciler,
) -> Queue:  # fmt: skip
    """Give the queue the settings of an earlier revision again."""
    await queue_control.check_rollback(workspace, name, data.revision)
    async with db.write() as tx:
        await queue_control.rollback(tx, request.user, workspace, name, data.revision, data.note)
        tx.after_commit(reconciler.converge)
    async with db.read() as tx:
        return await queue_control.queue(tx, workspace, name)


async def _steer(
    what: tuple[str, str, Verb], data: Reason | None, request: AnyRequest, db: Database, queue_control: QueueControl,
    reconciler: Reconciler,
) -> QueueStatus:  # fmt: skip
    workspace, name, verb = what
    async with db.write() as tx:
        status = await queue_control.steer(tx, request.user, workspace, name, verb, (data or Reason()).reason)
        tx.after_commit(reconciler.converge)
    return status


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[
        admission, pause, drain, resume, peek, get_message, cancel, purge, move, delete_queue, list_revisions, rollback,
    ],
    tags=["queues"],
)  # fmt: skip
