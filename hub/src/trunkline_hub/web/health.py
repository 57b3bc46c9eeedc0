"""Liveness, readiness, health by component, metrics."""

from typing import Any

from litestar import Request, Response, get

from trunkline.protocol.resources import ComponentHealth, Health
from trunkline_hub import __version__
from trunkline_hub.core.component import Supervisor
from trunkline_hub.core.metrics import RequestMetrics
from trunkline_hub.web.guard import PUBLIC, requires
from trunkline_hub.web.openapi import OPEN

_UNAVAILABLE = 503
_PROMETHEUS = "text/plain"

AnyRequest = Request[Any, Any, Any]


@get("/livez", opt=requires(PUBLIC), tags=["system"], security=OPEN)
async def livez() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@get("/readyz", opt=requires(PUBLIC), tags=["system"], security=OPEN)
async def readyz(request: AnyRequest) -> Response[dict[str, str]]:
    """Say whether the hub can do its work: 200, or 503."""
    ready = all(entry.ailment() is None for entry in _supervisor(request).supervised)
    return Response({"status": "ok" if ready else "unavailable"}, status_code=200 if ready else _UNAVAILABLE)


@get("/health", opt=requires("system:read"), tags=["system"])
async def health(request: AnyRequest) -> Health:
    """List every component of this hub and what ails it."""
    components = [
        ComponentHealth(
            name=entry.component.name,
            ok=entry.ailment() is None,
            detail="standby" if entry.standby else entry.ailment() or entry.component.warning() or "",
            restarts=entry.restarts,
        )
        for entry in _supervisor(request).supervised
    ]
    return Health(ok=all(component.ok for component in components), version=__version__, components=components)


@get("/metrics", opt=requires("system:read"), tags=["system"], media_type=_PROMETHEUS)
async def metrics(request: AnyRequest) -> Response[bytes]:
    """Return this hub's metrics in the Prometheus text format."""
    found: RequestMetrics = request.app.state.metrics
    return Response(found.render(), media_type=found.content_type)


def _supervisor(request: AnyRequest) -> Supervisor:
    found: Supervisor = request.app.state.supervisor
    return found


ROUTES = [livez, readyz, health, metrics]
