"""MCP servers for tests: real ones on sockets, good and bad."""

import asyncio
import socket
from contextlib import asynccontextmanager

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError


class Upstream:
    """A running MCP server."""

    def __init__(self, server: MCPServer, url: str) -> None:
        self.server = server
        self.url = url
        self.seen: list[dict[str, str]] = []
        """Headers of every request."""


def make_server() -> MCPServer:
    server = MCPServer("tests", version="1.2.3", instructions="For tests.")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        return a + b

    @server.tool()
    def fail(why: str) -> str:
        """Fails."""
        raise ToolError(why)

    @server.tool()
    async def slow(seconds: float, ctx: Context) -> str:
        """Takes its time, and says so."""
        await ctx.report_progress(1, 2, "half-way")
        await asyncio.sleep(seconds)
        return "done"

    return server


@asynccontextmanager
async def upstream(server=None, *, app=None, wrap=None):
    """Serve an MCP server (or any ASGI application) on a free port of this machine."""
    server = server or make_server()
    opened = socket.socket()
    opened.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{opened.getsockname()[1]}/mcp"
    running = Upstream(server, url)
    inner = app or server.streamable_http_app()
    if wrap is not None:
        inner = wrap(inner)

    async def watched(scope, receive, send):
        if scope["type"] == "http":
            running.seen.append({k.decode(): v.decode() for k, v in scope["headers"]})
        await inner(scope, receive, send)

    config = uvicorn.Config(
        watched, log_config=None, lifespan="on" if app is None else "off", timeout_graceful_shutdown=1
    )
    web = uvicorn.Server(config)
    task = asyncio.get_running_loop().create_task(web.serve(sockets=[opened]))
    while not web.started:
        assert not task.done(), task.exception()
        await asyncio.sleep(0.01)
    try:
        yield running
    finally:
        web.should_exit = True
        await asyncio.wait({task}, timeout=5)
        task.cancel()
        opened.close()
