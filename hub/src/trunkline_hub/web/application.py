"""Builds the ASGI application from what the features bring."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.di import Provide

from trunkline_hub.core.metrics import RequestMetrics
from trunkline_hub.core.transaction import Transactions
from trunkline_hub.web.guard import Authenticate, guard
from trunkline_hub.web.health import ROUTES as HEALTH_ROUTES
from trunkline_hub.web.negotiation import NegotiatedRequest, NegotiatedResponse
from trunkline_hub.web.observe import Observe
from trunkline_hub.web.openapi import openapi_config
from trunkline_hub.web.problems import answer
from trunkline_hub.web.settings import WebSettings
from trunkline_hub.web.transactions import provider

_UNPACKED = ["/events/tail", "/overview/live", "/events/export", "/replays/[^/]+/file", "/blobs", "^/mcp/", "^/a2a/"]
"""Streams: packing would hold them back."""
_PACKED = 5
"""Takes a quarter of the time of the highest level, for a sixth more bytes."""

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def build_application(
    settings: WebSettings,
    *,
    routes: Sequence[Any],
    services: Mapping[str, object],
    db: Transactions,
    metrics: RequestMetrics,
    authenticate: Authenticate,
    workspaces: Callable[[], Awaitable[list[str]]],
    lifespan: Lifespan,
) -> Litestar:
    """Return the application; `services` are injected into handlers by parameter name."""
    provided = {name: Provide(_constant(service), sync_to_thread=False) for name, service in services.items()}
    provided["db"] = Provide(_constant(db), sync_to_thread=False)
    provided["tx"] = Provide(provider(db))
    return Litestar(
        route_handlers=[*HEALTH_ROUTES, *routes],
        dependencies=provided,
        guards=[guard],
        exception_handlers={Exception: answer},
        request_class=NegotiatedRequest,
        response_class=NegotiatedResponse,
        middleware=[Observe(metrics)],
        lifespan=[lifespan],
        state=State({"authenticate": authenticate, "workspaces": workspaces, "metrics": metrics}),
        request_max_body_size=settings.max_body_bytes,
        compression_config=CompressionConfig(backend="gzip", gzip_compress_level=_PACKED, exclude=_UNPACKED),
        openapi_config=openapi_config(),
        logging_config=None,
    )


def _constant(value: object) -> Callable[[], Any]:
    def provide() -> Any:
        return value

    return provide
