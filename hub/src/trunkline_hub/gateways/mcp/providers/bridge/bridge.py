"""One stdio upstream over HTTP, in both eras.

A session of the 2025 era has a process of its own, from `initialize` to its
end. Requests of the 2026 era carry all they need: those of one principal share
a process, which ends when it is not used.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as types
import structlog
from litestar.types import Receive, Scope, Send
from mcp import MCPError
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from trunkline.protocol.errors import McpUpstreamUnavailableError
from trunkline.protocol.resources import McpUpstreamDeclaration
from trunkline.tasks import Tasks
from trunkline_hub.gateways.mcp.providers.bridge.child import Child
from trunkline_hub.gateways.mcp.providers.server.errors import protocol_error
from trunkline_hub.gateways.mcp.service import Seal
from trunkline_hub.gateways.mcp.settings import McpSettings

_log = structlog.get_logger("mcp")
_LOOK_S = 5.0
_SEAL, _OWNER = "trunkline.seal", "trunkline.owner"
_STATE = "requestState"
_CHILD = "trunkline.child"
_NOT_PASSED = frozenset({"notifications/cancelled"})
"""Cancels name a request by the client's id; the library ends that request, which cancels it at the process."""
_Context = ServerRequestContext[Any, Any]


class Bridge:
    """All sessions and callers of one stdio upstream on this hub."""

    def __init__(
        self, wanted: McpUpstreamDeclaration, settings: McpSettings, has_room: Callable[[], bool], *,
        max_body_bytes: int,
    ) -> None:  # fmt: skip
        self._wanted = wanted
        self._settings = settings
        self._has_room = has_room
        self._tasks = Tasks()
        self._shared: dict[str, Child] = {}
        self._children: set[Child] = set()
        self._starting = asyncio.Lock()
        self._server: Server[Any] = Server("relay", on_list_tools=_never)
        self._server.middleware.append(self._pass_on)
        self._manager = StreamableHTTPSessionManager(
            self._server, max_request_body_size=max_body_bytes, max_sessions=settings.max_sessions,
            session_idle_timeout=settings.process_idle_s,
        )  # fmt: skip

    @property
    def processes(self) -> int:
        """How many processes run."""
        return len(self._children)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve until the block ends, and no process outlives it."""
        try:
            async with self._manager.run():
                self._tasks.spawn(self._tidy(), name="mcp-stdio-tidy")
                yield
        finally:
            await asyncio.gather(*(child.close() for child in [*self._children]))
            await self._tasks.close()

    async def serve(self, owner: str, seal: Seal, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; a session belongs to the principal that opened it."""
        user = AuthenticatedUser(AccessToken(token="", client_id=owner, scopes=[]))  # noqa: S106 -- none is passed on
        own: Any = {**scope, "user": user, _OWNER: owner, _SEAL: seal}
        await self._manager.handle_request(own, receive, send)  # type: ignore[arg-type]

    async def _pass_on(self, ctx: _Context, call_next: Callable[[_Context], Any]) -> Any:
        """Carry a message of the client to its process; the library's own server does nothing but the handshake's book."""
        if ctx.request_id is None:
            child = self._known(ctx)
            if child is not None and ctx.method not in _NOT_PASSED:
                await child.notify(ctx.method, ctx.params)
            return await call_next(ctx)
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS and ctx.method != "initialize":
            return await self._ask_shared(ctx)
        child = await self._opened(ctx) if ctx.method == "initialize" else self._known(ctx)
        if child is None:
            return await call_next(ctx)  # refused: there was no handshake
        return await child.ask(ctx)

    async def _ask_shared(self, ctx: _Context) -> dict[str, Any]:
        assert ctx.request is not None
        seal: Seal = ctx.request.scope[_SEAL]
        async with self._starting:
            owner = ctx.request.scope[_OWNER]
            child = self._shared.get(owner)
            if child is None or child.has_ended:
                child = self._shared[owner] = await self._start()
        result = await child.ask(_with_open_state(seal, ctx))
        if isinstance(result.get(_STATE), str):
            result = {**result, _STATE: seal.close(result[_STATE])}
        return result

    async def _opened(self, ctx: _Context) -> Child:
        """Start the process of a new session, which ends with it."""
        child = await self._start()
        connection = ctx.session._connection  # noqa: SLF001 -- the library shows a session's state to its own only
        connection.state[_CHILD] = child
        telling = self._tasks.spawn(_tell_news(child, connection), name="mcp-stdio-news")

        async def end() -> None:
            telling.cancel()
            await self._end(child)

        connection.exit_stack.push_async_callback(end)
        return child

    def _known(self, ctx: _Context) -> Child | None:
        child: Child | None = ctx.session._connection.state.get(_CHILD)  # noqa: SLF001 -- as above
        if child is not None and child.has_ended and ctx.session._connection.session_id is not None:  # noqa: SLF001
            self._forget(ctx.session._connection.session_id)  # noqa: SLF001
        return child

    def _forget(self, session_id: str) -> None:
        """Let a session end whose process did: its client is told so, and opens another."""
        transport = self._manager._server_instances.get(session_id)  # noqa: SLF001 -- nobody else ends a session
        if transport is not None:
            self._tasks.spawn(transport.terminate(), name="mcp-stdio-terminate")

    async def _start(self) -> Child:
        if not self._has_room():
            most = self._settings.max_processes
            raise protocol_error(McpUpstreamUnavailableError(f"This hub runs {most} processes of upstreams already"))
        child = Child(self._wanted, self._tasks, timeout_s=self._settings.call_timeout_s)
        self._children.add(child)
        try:
            await child.start()
        finally:
            if not child.is_up:
                await self._end(child)
        return child

    async def _end(self, child: Child) -> None:
        try:
            await child.close()
        finally:
            self._children.discard(child)

    async def _tidy(self) -> None:
        """End the shared processes that nobody used for long, and forget those that ended by themselves."""
        while True:
            await asyncio.sleep(min(_LOOK_S, self._settings.process_idle_s))
            before = asyncio.get_running_loop().time() - self._settings.process_idle_s
            for owner, child in [*self._shared.items()]:
                if child.has_ended or (not child.is_busy and child.used_at < before):
                    self._shared.pop(owner)
                    await self._end(child)
                    _log.debug("mcp_process_ended", command=self._wanted.command[0], owner=owner)


async def _tell_news(child: Child, connection: Any) -> None:
    async for told in child.news():
        await connection.notify(*told)


def _with_open_state(seal: Seal, ctx: _Context) -> _Context:
    """Return a request with the state that the process itself gave out."""
    state = (ctx.params or {}).get(_STATE)
    if not isinstance(state, str):
        return ctx
    opened = seal.open(state)
    if opened is None:
        raise MCPError(types.INVALID_PARAMS, "Invalid or expired requestState")
    ctx.params = {**(ctx.params or {}), _STATE: opened}
    return ctx


async def _never(*_given: Any) -> Any:
    """Stands for the process's list of tools, which the library asks for to check headers against."""
    raise MCPError(types.METHOD_NOT_FOUND, "Method not found")
