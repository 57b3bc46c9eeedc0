"""Routes of queues."""

from functools import partial
from typing import Any

from litestar import Request, Router, delete, get, post, put

from trunkline.protocol.frames import Ack
from trunkline.protocol.resources import EnqueueRequest, Queue, QueueDeclaration, QueuePage
from trunkline_hub.bus import Reconciler
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.queues.service import Queues
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit

AnyRequest = Request[Principal, Any, Any]


@get("/queues", opt=requires("queues:read"))
async def list_queues(workspace: str, tx: Tx, queues: Queues, cursor: Cursor = None, limit: Limit = 50) -> QueuePage:
    """List queues with depth, rates, age and workers."""
    return await queues.page(tx, workspace, cursor=cursor, limit=limit)


@put("/queues/{name:str}", opt=requires("queues:write"))
async def declare(
    workspace: str, name: str, data: QueueDeclaration, request: AnyRequest, db: Database, queues: Queues,
    reconciler: Reconciler,
) -> Queue:  # fmt: skip
    """Create a queue or change its settings; answered when the broker knows it."""
    await queues.preview(workspace, name, data)
    async with db.write() as tx:
        tx.after_commit(partial(queues.converge, reconciler, workspace, [name]))
        await queues.declare(tx, request.user, workspace, name, data)
    async with db.read() as tx:
        return await queues.get(tx, workspace, name)


@delete("/queues/{name:str}", opt=requires("queues:write"))
async def remove(
    workspace: str, name: str, request: AnyRequest, db: Database, queues: Queues, reconciler: Reconciler
) -> None:
    """Remove an empty queue."""
    await queues.check_empty(workspace, name)
    async with db.write() as tx:
        tx.after_commit(reconciler.converge)
        await queues.remove(tx, request.user, workspace, name)


@get("/queues/{name:str}", opt=requires("queues:read"))
async def get_queue(workspace: str, name: str, tx: Tx, queues: Queues) -> Queue:
    """Show one queue with what is in it, by class and partition where it has any."""
    return await queues.get(tx, workspace, name)


@get("/queues/{name:str}/declaration", opt=requires("queues:submit"))
async def get_declaration(workspace: str, name: str, tx: Tx, queues: Queues) -> QueueDeclaration:
    """Show a queue's settings; senders ask it to know where the queue's messages go."""
    return await queues.declaration(tx, workspace, name)


@post("/queues/{name:str}/declaration/preview", opt=requires("queues:write", audited=False), status_code=200)
async def preview(workspace: str, name: str, data: QueueDeclaration, queues: Queues) -> QueueDeclaration:
    """Show the settings that declaring would leave, and refuse what it would refuse; changes nothing."""
    return (await queues.preview(workspace, name, data)).declaration()


@post("/queues/{name:str}/messages", opt=requires("queues:submit", audited=False))
async def enqueue(workspace: str, name: str, data: EnqueueRequest, request: AnyRequest, queues: Queues) -> Ack:
    """Put work into a queue. Answered when the broker has it on disk."""
    return await queues.enqueue(request.user, workspace, name, data)


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[list_queues, declare, remove, get_queue, get_declaration, preview, enqueue],
    tags=["queues"],
)
