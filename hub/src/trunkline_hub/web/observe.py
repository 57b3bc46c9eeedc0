"""Every request gets an id, a trace, a line in the log and a place in the metrics."""

import time
from typing import Any

import structlog
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.protocol.ids import new_id
from trunkline.protocol.trace import child_of, current_traceparent, is_traceparent
from trunkline_hub.core.metrics import RequestMetrics

_log = structlog.get_logger("http")
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})
_STATE_KEY = "trunkline_request_id"


class Observe(ASGIMiddleware):
    """Outermost middleware: identity of the request, its log line, its metrics."""

    def __init__(self, metrics: RequestMetrics) -> None:
        self._metrics = metrics

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        identity = new_id()
        scope["state"][_STATE_KEY] = identity
        sent = _header(scope, b"traceparent")
        current_traceparent.set(child_of(sent if sent and is_traceparent(sent) else None))
        structlog.contextvars.bind_contextvars(request_id=identity)
        started = time.perf_counter()
        status = 500

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", identity.encode())]
            await send(message)

        try:
            await next_app(scope, receive, send_observed)
        finally:
            self._record(scope, status, time.perf_counter() - started)
            structlog.contextvars.clear_contextvars()

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"]
        route = str(scope.get("path_template") or "unknown")
        method = str(scope.get("method", ""))
        self._metrics.observe_request(method, route, status, seconds)
        if path not in _QUIET:
            _log.info("request", method=method, path=path, status=status, ms=round(seconds * 1000, 1))


def request_id(scope: Scope) -> str | None:
    """Return the id given to this request."""
    found: Any = scope.get("state", {}).get(_STATE_KEY)
    return found if isinstance(found, str) else None


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)
