"""Builds the ASGI application from what the features bring."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, fields
from typing import Any

from litestar import Litestar, Request, Response
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide

from trunkline_hub.core.metrics import RequestMetrics
from trunkline_hub.core.transaction import Transactions
from trunkline_hub.web.guard import Authenticate, guard
from trunkline_hub.web.health import ROUTES as HEALTH_ROUTES
from trunkline_hub.web.idempotency import Claims, Idempotency, claimed
from trunkline_hub.web.limits import Budgets, TellBudget
from trunkline_hub.web.negotiation import NegotiatedRequest, NegotiatedResponse
from trunkline_hub.web.observe import Observe
from trunkline_hub.web.openapi import openapi_config
from trunkline_hub.web.preconditions import Preconditions, conditions, readers_of
from trunkline_hub.web.problems import answer
from trunkline_hub.web.quick import ByToken, QuickLane, QuickRoute
from trunkline_hub.web.settings import WebSettings
from trunkline_hub.web.transactions import provider

_UNPACKED = ["/events/tail", "/overview/live", "/events/export", "/replays/[^/]+/file", "/blobs", "^/mcp/", "^/a2a/"]
"""Streams: packing would hold them back."""
_PACKED = 5
"""Takes a quarter of the time of the highest level, for a sixth more bytes."""

_TAKEN = [
    "Authorization", "Content-Type", "Accept", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID", "Range",
    "traceparent", "tracestate", "A2A-Version", "A2A-Extensions", "MCP-Protocol-Version", "Mcp-Session-Id",
    "Mcp-Method", "Mcp-Name",
]  # fmt: skip
_SHOWN = [
    "ETag", "Idempotent-Replayed", "Location", "Mcp-Session-Id", "RateLimit", "RateLimit-Policy", "Retry-After",
    "WWW-Authenticate", "X-Request-Id",
]  # fmt: skip

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Admission:
    """What a request meets before its route: who asks, where to, how often, and whether it was here before."""

    authenticate: Authenticate
    by_token: ByToken
    workspaces: Callable[[], Awaitable[list[str]]]
    budgets: Budgets
    claims: Claims


def build_application(
    settings: WebSettings,
    *,
    routes: Sequence[Any],
    quick: Sequence[QuickRoute],
    services: Mapping[str, object],
    db: Transactions,
    metrics: RequestMetrics,
    admission: Admission,
    lifespan: Lifespan,
) -> Litestar:
    """Return the application; `services` are injected into handlers by parameter name."""
    provided = {name: Provide(_constant(service), sync_to_thread=False) for name, service in services.items()}
    provided["db"] = Provide(_constant(db), sync_to_thread=False)
    provided["tx"] = Provide(provider(db))
    made = Litestar(
        route_handlers=[*HEALTH_ROUTES, *routes],
        dependencies=provided,
        guards=[guard],
        before_request=_before,
        exception_handlers={Exception: answer},
        request_class=NegotiatedRequest,
        response_class=NegotiatedResponse,
        middleware=[Observe(metrics), TellBudget(), Idempotency(), Preconditions()],
        lifespan=[lifespan],
        state=State({"metrics": metrics, **_named(admission)}),
        request_max_body_size=settings.max_body_bytes,
        cors_config=_cors(settings.cors_origins),
        compression_config=CompressionConfig(backend="gzip", gzip_compress_level=_PACKED, exclude=_UNPACKED),
        openapi_config=openapi_config(),
        logging_config=None,
    )
    admission.budgets.check(
        {f"{method} {route.path_format}" for route in made.routes for method in getattr(route, "methods", ())}
    )
    made.asgi_handler = QuickLane(
        made.asgi_handler, quick, admission.by_token, admission.workspaces, admission.budgets, metrics,
        max_body_bytes=settings.max_body_bytes,
    )  # fmt: skip
    made.state.readers = readers_of(made, services, db)
    return made


async def _before(request: Request[Any, Any, Any]) -> Response[bytes] | None:
    """Answer a request that was here before; check what another asks of its resource."""
    answered = await claimed(request)
    if answered is None:
        await conditions(request)
    return answered


def _named(admission: Admission) -> dict[str, Any]:
    return {field.name: getattr(admission, field.name) for field in fields(admission)}


def _cors(origins: list[str]) -> CORSConfig | None:
    """Let pages of other origins in, with a token only: no cookie is ever sent along."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=origins, allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], allow_headers=_TAKEN,
        expose_headers=_SHOWN, allow_credentials=False, max_age=600,
    )  # fmt: skip


def _constant(value: object) -> Callable[[], Any]:
    def provide() -> Any:
        return value

    return provide
