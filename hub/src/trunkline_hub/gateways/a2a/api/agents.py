"""Routes of imported A2A agents."""

from typing import Any

from litestar import Request, Router, delete, get, post

from trunkline.protocol.resources import A2AAgent, A2AAgentDeclaration, A2AAgentPage, A2ALook, A2APreview
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.gateways.a2a.service import Remotes
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.preconditions import volatile

AnyRequest = Request[Principal, Any, Any]
_OBSERVED = volatile("state", "problem", "refreshed_at")
"""What is seen of one, beside what was declared."""


@post("/a2a/agents/preview", opt=requires("a2a:write", audited=False), status_code=200)
async def preview(workspace: str, data: A2ALook, remotes: Remotes) -> A2APreview:  # noqa: ARG001 -- the guard's
    """Read an A2A agent's card and show what it would bring; nothing is stored."""
    return await remotes.preview(data)


@post("/a2a/agents", opt=requires("a2a:write"))
async def add(workspace: str, data: A2AAgentDeclaration, request: AnyRequest, remotes: Remotes) -> A2AAgent:
    """Take an A2A agent in: its skills become those of an agent of the catalogue, its card counts as approved."""
    return await remotes.add(request.user, workspace, data)


@get("/a2a/agents", opt=requires("a2a:read"))
async def list_remotes(
    workspace: str, tx: Tx, remotes: Remotes, cursor: Cursor = None, limit: Limit = 50
) -> A2AAgentPage:
    """List imported A2A agents, with what changed on their cards."""
    return await remotes.page(tx, workspace, cursor=cursor, limit=limit)


@get("/a2a/agents/{name:str}", opt=requires("a2a:read") | _OBSERVED)
async def get_remote(workspace: str, name: str, tx: Tx, remotes: Remotes) -> A2AAgent:
    """Show one imported A2A agent."""
    return await remotes.get(tx, workspace, name)


@post("/a2a/agents/{name:str}/refresh", opt=requires("a2a:write"), status_code=200)
async def refresh(workspace: str, name: str, request: AnyRequest, remotes: Remotes) -> A2AAgent:
    """Read an agent's card anew, now."""
    return await remotes.refresh(request.user, workspace, name)


@post("/a2a/agents/{name:str}/approve", opt=requires("a2a:write"), status_code=200)
async def approve(workspace: str, name: str, request: AnyRequest, tx: Tx, remotes: Remotes) -> A2AAgent:
    """Approve an agent's changed card."""
    return await remotes.approve(tx, request.user, workspace, name)


@delete("/a2a/agents/{name:str}", opt=requires("a2a:write"))
async def remove_remote(workspace: str, name: str, request: AnyRequest, tx: Tx, remotes: Remotes) -> None:
    """Take an A2A agent out of the catalogue."""
    await remotes.remove(tx, request.user, workspace, name)


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[preview, add, list_remotes, get_remote, refresh, approve, remove_remote],
    tags=["a2a"],
)
