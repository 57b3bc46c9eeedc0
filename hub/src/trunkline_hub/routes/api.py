"""Routes of routes."""

from typing import Any

import msgspec
from litestar import Request, Router, delete, get, post, put

from trunkline.protocol.resources import (
    DeadEndPage,
    Explanation,
    RevisionPage,
    Rollback,
    Route,
    RouteDeclaration,
    RoutePage,
    RouteSample,
)
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.routes.service import Routes
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.preconditions import volatile

AnyRequest = Request[Principal, Any, Any]


class ExplainRequest(msgspec.Struct, kw_only=True):
    """A sample message, and routes to be tried as if they were declared."""

    sample: RouteSample
    proposed: dict[str, RouteDeclaration] = {}


_OBSERVED = volatile("counts")
"""What is seen of one, beside what was declared."""


@get("/routes", opt=requires("routes:read"))
async def list_routes(workspace: str, tx: Tx, routes: Routes, cursor: Cursor = None, limit: Limit = 50) -> RoutePage:
    """List routes and what they did."""
    return await routes.page(tx, workspace, cursor=cursor, limit=limit)


@get("/routes/{name:str}", opt=requires("routes:read") | _OBSERVED)
async def get_route(workspace: str, name: str, tx: Tx, routes: Routes) -> Route:
    """Show one route and what it did."""
    return await routes.get(tx, workspace, name)


@put("/routes/{name:str}", opt=requires("routes:write"))
async def declare(
    workspace: str, name: str, data: RouteDeclaration, request: AnyRequest, tx: Tx, routes: Routes
) -> Route:
    """Create a route or change it. It holds for what is published after the answer."""
    return await routes.declare(tx, request.user, workspace, name, data)


@delete("/routes/{name:str}", opt=requires("routes:write"))
async def remove(workspace: str, name: str, request: AnyRequest, tx: Tx, routes: Routes) -> None:
    """Take a route away; its history stays and can be gone back to."""
    await routes.remove(tx, request.user, workspace, name)


@get("/routes/{name:str}/revisions", opt=requires("routes:read"))
async def history(
    workspace: str, name: str, tx: Tx, routes: Routes, cursor: Cursor = None, limit: Limit = 50
) -> RevisionPage:
    """List what a route was, newest first."""
    return await routes.history(tx, workspace, name, cursor=cursor, limit=limit)


@post("/routes/{name:str}/rollback", opt=requires("routes:write"), status_code=200)
async def rollback(workspace: str, name: str, data: Rollback, request: AnyRequest, tx: Tx, routes: Routes) -> Route:
    """Declare again what a route was in an earlier revision."""
    return await routes.rollback(tx, request.user, workspace, name, data.revision, data.note)


@post("/route-explanations", opt=requires("routes:read", audited=False), status_code=200)
async def explain(workspace: str, data: ExplainRequest, tx: Tx, routes: Routes) -> Explanation:
    """Tell where a message would go and why. Nothing is sent."""
    return await routes.explain(tx, workspace, data.sample, data.proposed)


@get("/dead-ends", opt=requires("routes:read"))
async def list_dead_ends(
    workspace: str, tx: Tx, routes: Routes, cursor: Cursor = None, limit: Limit = 50
) -> DeadEndPage:
    """List what led nowhere, the most frequent first; counted where a workspace has routes."""
    return await routes.dead_ends(tx, workspace, cursor=cursor, limit=limit)


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[list_routes, get_route, declare, remove, history, rollback, explain, list_dead_ends],
    tags=["routes"],
)
