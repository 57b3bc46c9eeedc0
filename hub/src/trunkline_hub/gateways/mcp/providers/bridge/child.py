"""One process that speaks MCP on its standard input and output, used by one caller.

Messages pass as they are. What must be unique on the one line that all
requests share (ids, progress tokens, subscription ids) is the hub's own
there, and the client's again on the way back. What the process tells while it
works on a request reaches the client before the answer does.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import count
from typing import Any

import mcp_types as types
from mcp import MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.server.context import ServerRequestContext
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher, progress_token_from_params
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY

from trunkline.protocol.errors import McpUpstreamUnavailableError
from trunkline.protocol.resources import McpUpstreamDeclaration
from trunkline.tasks import Tasks
from trunkline_hub.gateways.mcp.providers.server.errors import protocol_error

_CONNECT_S = 20.0
_MOST_TOLD = 10_000
_LISTEN = "subscriptions/listen"
_OWN_BUSINESS = frozenset({"notifications/cancelled"})
"""What the line itself has acted upon already."""
_Context = ServerRequestContext[Any, Any]
_Told = tuple[str, Mapping[str, Any] | None]


class _Asked:
    """A request of the client that the process works on."""

    def __init__(self, ctx: _Context) -> None:
        self.ctx = ctx
        self.token = progress_token_from_params(ctx.params)
        self.told: asyncio.Queue[_Told | None] = asyncio.Queue()


class Child:
    """A running process of an upstream."""

    def __init__(self, wanted: McpUpstreamDeclaration, tasks: Tasks, *, timeout_s: float) -> None:
        command, *arguments = wanted.command
        self._parameters = StdioServerParameters(command=command, args=arguments, env=wanted.env)
        self._tasks = tasks
        self._timeout_s = timeout_s
        self._line: JSONRPCDispatcher | None = None
        self._ids = count(1)
        self._asked: dict[int, _Asked] = {}
        self._news: asyncio.Queue[_Told] | None = None
        self._running: asyncio.Task[None] | None = None
        self.used_at = asyncio.get_running_loop().time()

    @property
    def is_busy(self) -> bool:
        return bool(self._asked)

    @property
    def is_up(self) -> bool:
        """Whether it was started and has not ended."""
        return self._line is not None and not self.has_ended

    @property
    def has_ended(self) -> bool:
        return self._running is not None and self._running.done()

    async def start(self) -> None:
        """Start the process.

        Raises:
            MCPError: it cannot be started.
        """
        ready = asyncio.get_running_loop().create_future()
        self._running = self._tasks.spawn(self._run(ready), name="mcp-stdio", awaited=True)
        await asyncio.wait({ready, self._running}, timeout=_CONNECT_S, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            raise protocol_error(McpUpstreamUnavailableError(self._why()))

    async def close(self) -> None:
        """End the process: first asked, then made to."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    async def ask(self, ctx: _Context) -> dict[str, Any]:
        """Pass a request on, and return its result as it is.

        Raises:
            MCPError: as the process says, or that it ended.
        """
        line, own = self._line, next(self._ids)
        if line is None or self.has_ended:
            raise protocol_error(McpUpstreamUnavailableError(self._why()))
        asked = self._asked[own] = _Asked(ctx)
        telling = self._tasks.spawn(_tell(asked), name="mcp-stdio-tell", awaited=True)
        try:
            result = await line.send_raw_request(ctx.method, _outward(ctx.params, own), self._options(ctx, own))
            asked.told.put_nowait(None)
            await telling
        except MCPError as error:
            if error.error.code == types.CONNECTION_CLOSED and self._running is not None:
                await asyncio.wait({self._running})
                raise protocol_error(McpUpstreamUnavailableError(self._why())) from None
            raise
        finally:
            telling.cancel()
            del self._asked[own]
            self.used_at = asyncio.get_running_loop().time()
        return _inward(result, ctx.request_id) if ctx.method == _LISTEN else result

    async def notify(self, method: str, params: Mapping[str, Any] | None) -> None:
        """Pass a notification of the client on."""
        if self._line is not None:
            await self._line.notify(method, params)

    async def news(self) -> AsyncIterator[_Told]:
        """Yield what the process tells apart from any request, from now on."""
        self._news = asyncio.Queue()
        while True:
            yield await self._news.get()

    async def _run(self, ready: "asyncio.Future[None]") -> None:
        async with stdio_client(self._parameters) as (read, write):
            self._line = JSONRPCDispatcher(read, write)
            await self._line.run(self._asked_back, _nothing, self._heard, task_status=_Started(ready))

    async def _asked_back(self, _dctx: Any, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """Put a question of the process (sampling, elicitation, roots) to its client."""
        if method == "ping":
            return {}
        asked = self._newest()
        if asked is None:
            raise MCPError(types.INVALID_REQUEST, "No request of a client is at work")
        answer: dict[str, Any] = await outbound(asked.ctx).send_raw_request(method, params)
        return answer

    def _heard(self, method: str, params: Mapping[str, Any] | None) -> bool:
        """Put what the process tells with the request that it belongs to, in order; nothing is left to be dispatched."""
        if method in _OWN_BUSINESS:
            return True
        meta = (params or {}).get("_meta")
        subscribed = meta.get(SUBSCRIPTION_ID_META_KEY) if isinstance(meta, dict) else None
        if method == "notifications/progress":
            asked = self._asked.get(_number((params or {}).get("progressToken")))
            if asked is not None and asked.token is not None:
                _put(asked.told, method, {**(params or {}), "progressToken": asked.token})
        elif subscribed is not None:
            asked = self._asked.get(_number(subscribed))
            if asked is not None:
                _put(asked.told, method, _inward(params or {}, asked.ctx.request_id))
        elif method == "notifications/message" and (asked := self._newest()) is not None:
            _put(asked.told, method, params)
        elif self._news is not None:
            _put(self._news, method, params)
        return True

    def _newest(self) -> _Asked | None:
        """Return the request that began last: on one line nothing says which one a question or a log entry belongs to."""
        return next((one for one in reversed(self._asked.values()) if one.ctx.method != _LISTEN), None)

    def _options(self, ctx: _Context, own: int) -> Any:
        return {"request_id": own} | ({} if ctx.method == _LISTEN else {"timeout": self._timeout_s})

    def _why(self) -> str:
        command = self._parameters.command
        ended = self._running is not None and self._running.done() and not self._running.cancelled()
        error = self._running.exception() if ended and self._running is not None else None
        return f"{command!r} could not be started: {error}" if error is not None else f"{command!r} has ended"


class _Started:
    """Tells that the line can be used."""

    def __init__(self, ready: "asyncio.Future[None]") -> None:
        self._ready = ready

    def started(self, _value: object = None) -> None:
        self._ready.set_result(None)


def outbound(ctx: _Context) -> Any:
    """Return the way to the client beside a request: messages as they are, which the library's own ways would read."""
    return ctx.session._request_outbound  # noqa: SLF001 -- see above


async def _tell(asked: _Asked) -> None:
    while (told := await asked.told.get()) is not None:
        await outbound(asked.ctx).notify(*told)


def _put(queue: "asyncio.Queue[Any]", method: str, params: Mapping[str, Any] | None) -> None:
    """Keep what is told for a client; one that reads too slowly misses some of it, as with any notification."""
    if queue.qsize() < _MOST_TOLD:
        queue.put_nowait((method, params))


async def _nothing(*_told: Any) -> None:
    """Everything that is told was put where it belongs when it was heard."""


def _outward(params: Mapping[str, Any] | None, own: int) -> dict[str, Any]:
    sent = dict(params or {})
    if progress_token_from_params(params) is not None:
        sent["_meta"] = {**sent["_meta"], "progressToken": own}
    return sent


def _inward(params: Mapping[str, Any], request_id: Any) -> dict[str, Any]:
    meta = params.get("_meta")
    if not isinstance(meta, dict) or SUBSCRIPTION_ID_META_KEY not in meta:
        return dict(params)
    return {**params, "_meta": {**meta, SUBSCRIPTION_ID_META_KEY: request_id}}


def _number(given: Any) -> int:
    """Return an id as the hub gave it out; some servers give numbers back as texts."""
    try:
        return int(given)
    except (TypeError, ValueError):
        return 0
