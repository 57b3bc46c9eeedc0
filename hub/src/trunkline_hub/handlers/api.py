"""Routes of handlers."""

from typing import Any

from litestar import Request, Router, delete, get, post, put

from trunkline.protocol.resources import Handler, HandlerDeclaration, HandlerPage
from trunkline_hub.bus import Reconciler
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.handlers.service import Handlers
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.preconditions import volatile

AnyRequest = Request[Principal, Any, Any]
_OBSERVED = volatile("waiting", "in_flight", "redelivered")
"""What is seen of one, beside what was declared."""


@get("/handlers", opt=requires("handlers:read"))
async def list_handlers(
    workspace: str, tx: Tx, handlers: Handlers, cursor: Cursor = None, limit: Limit = 50
) -> HandlerPage:
    """List declared handlers and how far they are."""
    return await handlers.page(tx, workspace, cursor=cursor, limit=limit)


@get("/handlers/{name:str}", opt=requires("handlers:read") | _OBSERVED)
async def get_handler(workspace: str, name: str, tx: Tx, handlers: Handlers) -> Handler:
    """Show one handler and how far it is."""
    return await handlers.get(tx, workspace, name)


@put("/handlers/{name:str}", opt=requires("handlers:write"))
async def declare(
    workspace: str, name: str, data: HandlerDeclaration, request: AnyRequest, db: Database, handlers: Handlers,
    reconciler: Reconciler,
) -> Handler:  # fmt: skip
    """Create a handler or change it; answered when its place in the log is made."""
    async with db.write() as tx:
        await handlers.declare(tx, request.user, workspace, name, data)
        tx.after_commit(reconciler.converge)
    async with db.read() as tx:
        return await handlers.get(tx, workspace, name)


@delete("/handlers/{name:str}", opt=requires("handlers:write"))
async def remove(
    workspace: str, name: str, request: AnyRequest, tx: Tx, handlers: Handlers, reconciler: Reconciler
) -> None:
    """Take a handler away, and its place in the log with it."""
    await handlers.remove(tx, request.user, workspace, name)
    tx.after_commit(reconciler.converge)


@post("/handlers/{name:str}/pause", opt=requires("handlers:write"), status_code=200)
async def pause(workspace: str, name: str, request: AnyRequest, tx: Tx, handlers: Handlers) -> Handler:
    """Have a handler stop; events wait for it."""
    await handlers.set_paused(tx, request.user, workspace, name, paused=True)
    return await handlers.get(tx, workspace, name)


@post("/handlers/{name:str}/resume", opt=requires("handlers:write"), status_code=200)
async def resume(workspace: str, name: str, request: AnyRequest, tx: Tx, handlers: Handlers) -> Handler:
    """Have a paused handler go on from where it stopped."""
    await handlers.set_paused(tx, request.user, workspace, name, paused=False)
    return await handlers.get(tx, workspace, name)


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[list_handlers, get_handler, declare, remove, pause, resume],
    tags=["handlers"],
)
