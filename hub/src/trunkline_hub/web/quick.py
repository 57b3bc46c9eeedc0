"""A lane past the framework for operations that are asked thousands of times a second.

It takes plain requests only, and answers only those that go well; all else, and
every refusal, goes the usual way, which has the last word on what is right.
What the usual way does for a request is done here too: guard, budget, request
id, trace, metrics. A line in the log is not: what it would say is stored.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.protocol.errors import TrunklineError
from trunkline.protocol.ids import new_id
from trunkline.protocol.trace import child_of, current_traceparent, is_traceparent
from trunkline_hub.core.metrics import RequestMetrics
from trunkline_hub.core.principal import Principal
from trunkline_hub.web.guard import admit
from trunkline_hub.web.limits import Budgets, spend_of

ByToken = Callable[[str], Awaitable[Principal]]
Headers = Sequence[tuple[bytes, bytes]]

_PREFIX = "/api/v1/w/"
_TEMPLATE = "/api/v1/w/{workspace}"
_BEARER = b"bearer "
_NOT_PLAIN = frozenset({
    b"idempotency-key", b"if-match", b"if-none-match", b"cookie", b"origin", b"expect", b"transfer-encoding",
    b"content-encoding",
})  # fmt: skip
_CREATED = 201
_JSON = (b"content-type", b"application/json")
_VARY = (b"vary", b"Accept")


@dataclass(frozen=True, kw_only=True)
class QuickRoute:
    """A POST below a workspace."""

    path: str
    """What follows the workspace: `/events`."""
    permission: str
    answer: Callable[[Principal, str, Headers, bytes], Awaitable[Any]]
    """(principal, workspace, headers, body) → what was created; None, or an error, where the usual way is to be gone."""


class QuickLane:
    """An ASGI application before another one."""

    def __init__(
        self, inner: Any, routes: Sequence[QuickRoute], by_token: ByToken,
        workspaces: Callable[[], Awaitable[list[str]]], budgets: Budgets, metrics: RequestMetrics, *,
        max_body_bytes: int,
    ) -> None:  # fmt: skip
        self._inner = inner
        self._routes = {route.path: route for route in routes}
        self._by_token = by_token
        self._workspaces = workspaces
        self._budgets = budgets
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        found = self._plain(scope)
        if found is None:
            await self._inner(scope, receive, send)
            return
        route, workspace, token, length = found
        body = b""
        while len(body) < length:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
        if not await self._answered(scope, send, route, (workspace, token, body)):
            await self._inner(scope, _Again(receive, body), send)

    def _plain(self, scope: Any) -> tuple[QuickRoute, str, str, int] | None:
        """Return what a request wants, if it is as plain as can be."""
        path: str = scope.get("path", "")
        if (
            scope["type"] != "http"
            or scope["method"] != "POST"
            or not path.startswith(_PREFIX)
            or scope["query_string"]
        ):
            return None
        workspace, slash, rest = path[len(_PREFIX) :].partition("/")
        route = self._routes.get(slash + rest)
        if route is None:
            return None
        token, length = b"", -1
        for name, value in scope["headers"]:
            if name in _NOT_PLAIN or (name == b"accept" and b"*/*" not in value and b"application/json" not in value):
                return None
            if name == b"authorization":
                if token or value[: len(_BEARER)].lower() != _BEARER:
                    return None
                token = value[len(_BEARER) :].strip()
            elif name == b"content-length":
                length = int(value) if value.isdigit() else -1
        if not token or not token.isascii() or not 0 < length <= self._max_body_bytes:
            return None
        return route, workspace, token.decode(), length

    async def _answered(self, scope: Any, send: Any, route: QuickRoute, asked: tuple[str, str, bytes]) -> bool:
        workspace, token, body = asked
        began, headers = time.perf_counter(), scope["headers"]
        sent = next((value.decode("latin-1") for name, value in headers if name == b"traceparent"), None)
        current_traceparent.set(child_of(sent if sent and is_traceparent(sent) else None))
        try:
            principal = await self._by_token(token)
            await admit(principal, workspace, route.permission, self._workspaces)
            budget = spend_of(scope, self._budgets, principal, f"POST {_TEMPLATE}{route.path}")
            made = await route.answer(principal, workspace, headers, body)
        except TrunklineError:
            return False
        if made is None:
            return False
        answer = msgspec.json.encode(made)
        told = [_JSON, (b"content-length", b"%d" % len(answer)), _VARY, (b"x-request-id", new_id().encode())]
        told += budget.headers() if budget is not None else []
        await send({"type": "http.response.start", "status": _CREATED, "headers": told})
        await send({"type": "http.response.body", "body": answer})
        self._metrics.observe_request("POST", f"{_TEMPLATE}{route.path}", _CREATED, time.perf_counter() - began)
        return True


class _Again:
    """A body that was read already, read once more."""

    def __init__(self, receive: Any, body: bytes) -> None:
        self._receive = receive
        self._body: bytes | None = body

    async def __call__(self) -> Any:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
