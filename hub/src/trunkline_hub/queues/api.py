"""Routes of queues."""

from functools import partial
from typing import Annotated, Any

from litestar import Request, Router, get, post, put
from litestar.params import HeaderParameter, QueryParameter

from trunkline.protocol.binary import unquote
from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.frames import HEADER_DEDUPE_KEY, Ack
from trunkline.protocol.resources import EnqueueRequest, Queue, QueueDeclaration, QueuePage, QueueSettings
from trunkline_hub.bus import Reconciler
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.queues.service import Queues
from trunkline_hub.web import requires
from trunkline_hub.web.cloudevents import is_event, receive
from trunkline_hub.web.negotiation import decode_body
from trunkline_hub.web.openapi import body_or_event
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.preconditions import volatile

AnyRequest = Request[Principal, Any, Any]
Text = Annotated[str | None, QueryParameter(description="Only queues whose name holds this, in either case.")]
Delay = Annotated[float | None, QueryParameter(description="For a CloudEvent: seconds to wait before it enters.")]
DedupeKey = Annotated[
    str | None,
    HeaderParameter(
        name=HEADER_DEDUPE_KEY,
        description="For a CloudEvent, percent-encoded: stored once within the queue's window, whatever its id.",
    ),
]
ExpiresIn = Annotated[
    float | None, QueryParameter(description="For a CloudEvent without `expirytime`: seconds it may wait in the queue.")
]
DeliverAt = Annotated[str | None, QueryParameter(description="For a CloudEvent: RFC 3339, wait until then.")]
_OBSERVED = volatile(
    "depth",
    "in_flight",
    "redelivered",
    "workers_waiting",
    "workers",
    "consumers",
    "oldest_age_s",
    "in_per_s",
    "out_per_s",
    "trend",
    "trend_s",
    "lanes",
    "dead",
)
"""What is seen of one, beside what was declared."""


@get("/queues", opt=requires("queues:read"))
async def list_queues(
    workspace: str, tx: Tx, queues: Queues, text: Text = None, cursor: Cursor = None, limit: Limit = 50
) -> QueuePage:
    """List queues with depth, rates, age and workers."""
    return await queues.page(tx, workspace, text=text, cursor=cursor, limit=limit)


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


@get("/queues/{name:str}", opt=requires("queues:read") | _OBSERVED)
async def get_queue(workspace: str, name: str, tx: Tx, queues: Queues) -> Queue:
    """Show one queue with what is in it, by class and partition where it has any."""
    return await queues.get(tx, workspace, name)


@get("/queues/{name:str}/declaration", opt=requires("queues:submit"))
async def get_declaration(workspace: str, name: str, tx: Tx, queues: Queues) -> QueueSettings:
    """Show a queue's settings and its page; senders ask it to know where the queue's messages go."""
    return await queues.declaration(tx, workspace, name)


@post("/queues/{name:str}/declaration/preview", opt=requires("queues:write", audited=False), status_code=200)
async def preview(workspace: str, name: str, data: QueueDeclaration, queues: Queues) -> QueueDeclaration:
    """Show the settings that declaring would leave, and refuse what it would refuse; changes nothing."""
    return (await queues.preview(workspace, name, data)).declaration()


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
    dedupe_key: DedupeKey = None,
    expires_in_s: ExpiresIn = None,
) -> Ack:
    """Put work into a queue, now or later: a payload with its options, or a CloudEvent as it is.

    Answered when it is on disk.
    """
    if is_event(request):
        terms = EnqueueRequest(
            delay_s=delay_s, deliver_at=deliver_at, dedupe_key=_decoded(dedupe_key), expires_in_s=expires_in_s
        )
        return await queues.enqueue_event(request.user, workspace, name, receive(request, body), terms)
    return await queues.enqueue(request.user, workspace, name, decode_body(request, body, EnqueueRequest))


def _decoded(key: str | None) -> str | None:
    try:
        return None if key is None else unquote(key)
    except ValueError:
        problem = FieldError(f"header:{HEADER_DEDUPE_KEY}", "is not percent-encoded UTF-8")
        raise RequestInvalidError(errors=[problem]) from None


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[list_queues, declare, get_queue, get_declaration, preview, enqueue],
    tags=["queues"],
)
