"""The server of MCP, for skills."""

import asyncio
from typing import Any, ClassVar

from trunkline_hub.core.component import Component
from trunkline_hub.gateways.mcp.providers import load
from trunkline_hub.gateways.mcp.service import Mount, Work


class McpServer(Component):
    """Serves MCP; started for good when somebody first asks."""

    name: ClassVar[str] = "mcp-server"

    def __init__(self, work: Work, *, max_body_bytes: int) -> None:
        super().__init__()
        self._work = work
        self._max_body_bytes = max_body_bytes
        self._wanted = asyncio.Event()
        self._up = asyncio.Event()
        self._server: Any = None

    async def run(self) -> None:
        self.started.set()
        await self._wanted.wait()
        provider = await load("server")
        self._server = provider.SkillServer(self._work, max_body_bytes=self._max_body_bytes)
        async with self._server.running():
            self._up.set()
            try:
                await asyncio.Event().wait()
            finally:
                self._up.clear()

    async def serve(self, mount: Mount, scope: Any, receive: Any, send: Any) -> None:
        """Serve one HTTP request."""
        self._wanted.set()
        await self._up.wait()
        await self._server.serve(mount, scope, receive, send)
