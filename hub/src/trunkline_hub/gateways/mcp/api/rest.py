"""Routes of upstreams and toolsets."""

from typing import Any

from litestar import Request, Router, delete, get, post, put

from trunkline.protocol.resources import (
    McpOffer,
    McpUpstream,
    McpUpstreamDeclaration,
    McpUpstreamPage,
    Toolset,
    ToolsetDeclaration,
    ToolsetPage,
)
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.gateways.mcp.service import Toolsets, Upstreams
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.preconditions import volatile

AnyRequest = Request[Principal, Any, Any]
_OBSERVED = volatile("state", "detail", "refreshed_at")
"""What is seen of one, beside what was declared."""


@post("/mcp/preview", opt=requires("mcp:write", audited=False), status_code=200)
async def preview(data: McpUpstreamDeclaration, upstreams: Upstreams, name: str = "preview") -> McpOffer:
    """Connect to an MCP server once and tell what it would bring under `name`; nothing is stored."""
    return await upstreams.preview(name, data)


@get("/mcp/upstreams", opt=requires("mcp:read"))
async def list_upstreams(
    workspace: str, tx: Tx, upstreams: Upstreams, cursor: Cursor = None, limit: Limit = 50
) -> McpUpstreamPage:
    """List MCP upstreams and how they are; credentials are never shown."""
    return await upstreams.page(tx, workspace, cursor=cursor, limit=limit)


@get("/mcp/upstreams/{name:str}", opt=requires("mcp:read") | _OBSERVED)
async def get_upstream(workspace: str, name: str, tx: Tx, upstreams: Upstreams) -> McpUpstream:
    """Show one MCP upstream."""
    return await upstreams.get(tx, workspace, name)


@put("/mcp/upstreams/{name:str}", opt=requires("mcp:write"))
async def add_upstream(
    workspace: str, name: str, data: McpUpstreamDeclaration, request: AnyRequest, upstreams: Upstreams
) -> McpUpstream:
    """Take an MCP server into the catalogue: its tools become skills of an agent of this name."""
    return await upstreams.add(request.user, workspace, name, data)


@post("/mcp/upstreams/{name:str}/refresh", opt=requires("mcp:write"), status_code=200)
async def refresh_upstream(workspace: str, name: str, request: AnyRequest, upstreams: Upstreams) -> McpUpstream:
    """Read an upstream's tools anew, now."""
    return await upstreams.refresh(request.user, workspace, name)


@post("/mcp/upstreams/{name:str}/approve", opt=requires("mcp:write"), status_code=200)
async def approve_upstream(workspace: str, name: str, request: AnyRequest, upstreams: Upstreams) -> McpUpstream:
    """Approve what an upstream says of itself and its tools now."""
    return await upstreams.approve(request.user, workspace, name)


@delete("/mcp/upstreams/{name:str}", opt=requires("mcp:write"))
async def remove_upstream(workspace: str, name: str, request: AnyRequest, tx: Tx, upstreams: Upstreams) -> None:
    """Take an upstream and its agent out of the catalogue."""
    await upstreams.remove(tx, request.user, workspace, name)


@get("/mcp/toolsets", opt=requires("mcp:read"))
async def list_toolsets(
    workspace: str, tx: Tx, toolsets: Toolsets, cursor: Cursor = None, limit: Limit = 50
) -> ToolsetPage:
    """List stored sets of tools."""
    return await toolsets.page(tx, workspace, cursor=cursor, limit=limit)


@get("/mcp/toolsets/{name:str}", opt=requires("mcp:read"))
async def get_toolset(workspace: str, name: str, tx: Tx, toolsets: Toolsets) -> Toolset:
    """Show one set of tools."""
    return await toolsets.get(tx, workspace, name)


@put("/mcp/toolsets/{name:str}", opt=requires("mcp:write"))
async def put_toolset(
    workspace: str, name: str, data: ToolsetDeclaration, request: AnyRequest, tx: Tx, toolsets: Toolsets
) -> Toolset:
    """Store a set of tools, or change it."""
    return await toolsets.put(tx, request.user, workspace, name, data)


@delete("/mcp/toolsets/{name:str}", opt=requires("mcp:write"))
async def remove_toolset(workspace: str, name: str, request: AnyRequest, tx: Tx, toolsets: Toolsets) -> None:
    """Forget a set of tools."""
    await toolsets.remove(tx, request.user, workspace, name)


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[
        preview, list_upstreams, get_upstream, add_upstream, refresh_upstream, approve_upstream, remove_upstream, list_toolsets,
        get_toolset, put_toolset, remove_toolset,
    ],
    tags=["mcp"],
)  # fmt: skip
