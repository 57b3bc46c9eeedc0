"""MCP upstreams and toolsets over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources


class McpApi:
    """MCP servers that are agents of the catalogue, and stored sets of tools."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def preview(self, wanted: resources.McpUpstreamDeclaration) -> resources.McpOffer:
        """Connect to an MCP server once and tell what it would bring; nothing is stored."""
        return await self._api.post("/mcp/preview", resources.McpOffer, wanted)

    async def list(self, **filters: Any) -> resources.McpUpstreamPage:
        """List upstreams and how they are; filters: `limit`, `cursor`."""
        return await self._api.get("/mcp/upstreams", resources.McpUpstreamPage, **filters)

    async def get(self, name: str) -> resources.McpUpstream:
        """Return one upstream, or raise McpUpstreamUnknownError."""
        return await self._api.get(f"/mcp/upstreams/{segment(name)}", resources.McpUpstream)

    async def add(self, name: str, wanted: resources.McpUpstreamDeclaration) -> resources.McpUpstream:
        """Take an MCP server into the catalogue: its tools become skills of an agent of this name."""
        return await self._api.put(f"/mcp/upstreams/{segment(name)}", resources.McpUpstream, wanted)

    async def refresh(self, name: str) -> resources.McpUpstream:
        """Read an upstream's tools anew, now."""
        return await self._api.post(f"/mcp/upstreams/{segment(name)}/refresh", resources.McpUpstream)

    async def approve(self, name: str) -> resources.McpUpstream:
        """Approve what an upstream says of itself and its tools now."""
        return await self._api.post(f"/mcp/upstreams/{segment(name)}/approve", resources.McpUpstream)

    async def remove(self, name: str) -> None:
        """Take an upstream and its agent out of the catalogue."""
        await self._api.delete(f"/mcp/upstreams/{segment(name)}")

    async def toolsets(self, **filters: Any) -> resources.ToolsetPage:
        """List stored sets of tools; filters: `limit`, `cursor`."""
        return await self._api.get("/mcp/toolsets", resources.ToolsetPage, **filters)

    async def store_toolset(self, name: str, wanted: resources.ToolsetDeclaration) -> resources.Toolset:
        """Store a set of tools, or change it."""
        return await self._api.put(f"/mcp/toolsets/{segment(name)}", resources.Toolset, wanted)

    async def remove_toolset(self, name: str) -> None:
        """Forget a set of tools."""
        await self._api.delete(f"/mcp/toolsets/{segment(name)}")
