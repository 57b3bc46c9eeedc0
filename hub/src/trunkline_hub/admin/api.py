"""Routes of the overview, and the dashboard's files."""

import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.response import ServerSentEvent, ServerSentEventMessage

from trunkline.protocol.errors import RouteUnknownError
from trunkline.protocol.resources import Overview
from trunkline_hub.admin.service import Overviews
from trunkline_hub.core.principal import Principal
from trunkline_hub.web import PUBLIC, requires
from trunkline_hub.web.streams import Messages, stream

AnyRequest = Request[Principal, Any, Any]

DASHBOARD = Path(__file__).parent / "dashboard"
_PAGE, _REFERENCE = "index.html", "docs.html"
_YEAR = "public, max-age=31536000, immutable"
_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@get("/overview", opt=requires("overview:read"))
async def overview(workspace: str, overviews: Overviews) -> Overview:
    """Show the workspace at a glance: agents, rates, queues, dead letters, with two minutes of history."""
    return overviews.now(workspace)


@get("/overview/live", opt=requires("overview:read"))
async def overview_live(workspace: str, request: AnyRequest, overviews: Overviews) -> ServerSentEvent:
    """Follow the overview as server-sent events, one a second."""
    return stream(request, _messages(overviews.follow(workspace)))


async def _messages(followed: AsyncIterator[Overview | None]) -> Messages:
    async for view in followed:
        if view is None:
            yield ServerSentEventMessage(data=None, comment="still here")
        else:
            yield ServerSentEventMessage(data=msgspec.json.encode(view).decode(), event="overview")


@get(["/", "/{path:path}"], opt=requires(PUBLIC), include_in_schema=False)
async def dashboard(path: str = "") -> Response[bytes]:
    """Serve the dashboard: a built file, or its page for every address that the page itself resolves."""
    name = path.strip("/")
    if name.split("/", 1)[0] in {"api", "a2a", "mcp"}:
        raise RouteUnknownError(f"There is nothing at /{name}")
    file = (DASHBOARD / name).resolve()
    if name and file.is_relative_to(DASHBOARD) and file.is_file():
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        cached = {"Cache-Control": _YEAR} if name.startswith("assets/") else {}
        return Response(file.read_bytes(), media_type=kind, headers=_SECURITY_HEADERS | cached)
    # The page's own addresses end in names, and names may be dotted: `types/order.created`.
    if "." in name and ("/" not in name or name.startswith("assets/")):
        raise RouteUnknownError(f"There is nothing at /{name}")
    return _page()


@get("/api/docs", opt=requires(PUBLIC), include_in_schema=False)
async def reference() -> Response[bytes]:
    """Serve the page that shows the contract and lets one try it; all of it from here, nothing from elsewhere."""
    return _page(_REFERENCE)


def _page(name: str = _PAGE) -> Response[bytes]:
    page = DASHBOARD / name
    if not page.is_file():
        raise RouteUnknownError("The dashboard is not built in this checkout; `make ui` builds it")
    return Response(
        page.read_bytes(),
        media_type="text/html; charset=utf-8",
        headers=_SECURITY_HEADERS | {"Cache-Control": "no-cache"},
    )


router = Router("/api/v1/w/{workspace:str}", route_handlers=[overview, overview_live], tags=["overview"])
