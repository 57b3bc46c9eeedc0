"""Opening a connection: guarded, with the hub's own credentials, and one failed request failing nothing else.

The library ends a whole session when one request meets a network error. So
errors of the network become JSON-RPC errors of that request here.
"""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import INTERNAL_ERROR, Implementation

from trunkline.protocol.errors import OutboundError, OutboundTimeoutError, OutboundUnreachableError
from trunkline.protocol.resources import McpUpstreamDeclaration
from trunkline_hub import __version__
from trunkline_hub.outbound import Guard
from trunkline_hub.outbound.transports import httpx2_transport

PROBLEM = "problem"
"""Key in a JSON-RPC error's `data`: the problem it stands for."""
_STREAM = "text/event-stream"
_OWN_NAME = Implementation(name="trunkline", version=__version__)
_BAD_GATEWAY = 502


@asynccontextmanager
async def dial(
    wanted: McpUpstreamDeclaration, guard: Guard, *, read_s: float, mode: str = "auto",
    auth: httpx2.Auth | None = None, **callbacks: Any,
) -> AsyncIterator[Client]:  # fmt: skip
    """Connect to an MCP server, in the newest era that it speaks unless `mode` says which."""
    async with AsyncExitStack() as stack:
        if wanted.transport == "stdio":
            command, *arguments = wanted.command
            server: Any = StdioServerParameters(command=command, args=arguments, env=wanted.env)
        else:
            http = httpx2.AsyncClient(
                transport=Isolated(httpx2_transport(guard)), headers=wanted.headers, auth=auth, trust_env=False,
                timeout=httpx2.Timeout(read_s, connect=guard.settings.connect_s),
            )  # fmt: skip
            await stack.enter_async_context(http)
            server = streamable_http_client(wanted.url, http_client=http, max_sse_event_size=guard.settings.max_bytes)
        client = Client(server, mode=mode, read_timeout_seconds=read_s, client_info=_OWN_NAME, cache=None, **callbacks)
        yield await stack.enter_async_context(client)


class Isolated(httpx2.AsyncBaseTransport):
    """Turns what the network does into an answer to this one request."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._inner.handle_async_request(request)
            if not response.headers.get("content-type", "").startswith(_STREAM):
                await response.aread()
        except OutboundError as error:
            return _failed(error)
        except httpx2.TimeoutException:
            return _failed(OutboundTimeoutError(f"{request.url.host} did not answer in time"))
        except (httpx2.TransportError, httpx2.StreamError) as error:
            return _failed(OutboundUnreachableError(f"{request.url.host}: {type(error).__name__}"))
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _failed(error: OutboundError) -> httpx2.Response:
    problem = {"code": error.code, "detail": error.detail}
    body = {
        "jsonrpc": "2.0", "id": None,
        "error": {"code": INTERNAL_ERROR, "message": error.detail, "data": {PROBLEM: problem}},
    }  # fmt: skip
    return httpx2.Response(
        _BAD_GATEWAY, headers={"content-type": "application/json"}, content=json.dumps(body).encode()
    )
