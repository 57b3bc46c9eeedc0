"""Routes of queues."""

from typing import Annotated, Any

from litestar import Request, Router, get, post, put
from litestar.params import QueryParameter

from trunkline.protocol.frames import Ack
from trunkline.protocol.resources import EnqueueRequest, Queue, QueueDeclaration, QueuePage
from trunkline_hub.bus import Reconciler
from trunkline_hub.bus.schedule import Later
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.queues.service import Queues
from trunkline_hub.web import requires
from trunkline_hub.web.cloudevents import is_event, receive
from trunkline_hub.web.negotiation import decode_body
from trunkline_hub.web.openapi import body_or_event
from trunkline_hub.web.parameters import Cursor, Limit

AnyRequest = Request[Principal, Any, Any]
Text = Annotated[str | None, QueryParameter(description="Only queues whose name holds this, in either case.")]
Delay = Annotated[float | None, QueryParameter(description="For a CloudEvent: seconds to wait before it enters.")]
DeliverAt = Annotated[str | None, QueryParameter(description="For a CloudEvent: RFC 3339, wait until then.")]


@get("/queues", opt=requires("queues:read"))
async def list_queues(
    workspace: str, tx: Tx, queues: Queues, text: Text = None, cursor: Cursor = None, limit: Limit = 50
) -> QueuePage:
    """List queues with depth and messages in flight."""
    return await queues.page(tx, workspace, text=text, cursor=cursor, limit=limit)


@put("/queues/{name:str}", opt=requires("queues:write"))
async def declare(
    workspace: str, name: str, data: QueueDeclaration, request: AnyRequest, db: Database, queues: Queues,
    reconciler: Reconciler,
) -> Queue:  # fmt: skip
    """Create a queue or change its settings; answered when the broker knows it."""
    async with db.write() as tx:
        await queues.declare(tx, request.user, workspace, name, data)
        tx.after_commit(reconciler.converge)
    async with db.read() as tx:
        return await queues.get(tx, workspace, name)


@get("/queues/{name:str}", opt=requires("queues:read"))
async def get_queue(workspace: str, name: str, tx: Tx, queues: Queues) -> Queue:
    """Show one queue with depth and messages in flight."""
    return await queues.get(tx, workspace, name)


@get("/queues/{name:str}/declaration", opt=requires("queues:submit"))
async def get_declaration(workspace: str, name: str, tx: Tx, queues: Queues) -> QueueDeclaration:
    """Show a queue's settings; senders ask it to know that the queue exists."""
    return await queues.declaration(tx, workspace, name)


@post(
    "/queues/{name:str}/messages", opt=requires("queues:submit", audited=False),
    operation_class=body_or_event(EnqueueRequest),
)  # fmt: skip
async def enqueue(
    workspace: str,
    name: str,
    body: bytes,
    request: AnyRequest,
    queues: Queues,
    delay_s: Delay = None,
    deliver_at: DeliverAt = None,
) -> Ack:
    """Put work into a queue, now or later: a payload with its options, or a CloudEvent as it is.

    Answered when it is on disk.
    """
    if is_event(request):
        later = Later(delay_s=delay_s, deliver_at=deliver_at)
        return await queues.enqueue_event(request.user, workspace, name, receive(request, body), later)
    return await queues.enqueue(request.user, workspace, name, decode_body(request, body, EnqueueRequest))


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[list_queues, declare, get_queue, get_declaration, enqueue],
    tags=["queues"],
)
