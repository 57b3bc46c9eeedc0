"""The protocol's own routes: JSON-RPC, HTTP+JSON, cards, keys, files. Errors here are those of A2A, not problem details."""

import asyncio
from datetime import UTC
from email.utils import format_datetime
from typing import Any

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.response import Stream
from litestar.types import ASGIApp

from trunkline.protocol.errors import AccessError, PermissionDeniedError, TrunklineError
from trunkline_hub.core.permission import allows
from trunkline_hub.core.principal import EVERY_WORKSPACE, Principal
from trunkline_hub.gateways.a2a.model import Place
from trunkline_hub.gateways.a2a.model.refusal import body_of, names_of
from trunkline_hub.gateways.a2a.providers import Engines
from trunkline_hub.gateways.a2a.service import Cards, Desk
from trunkline_hub.gateways.a2a.service.gate import CARD_PATH, LEGACY_PATH, RUN, USE
from trunkline_hub.gateways.a2a.settings import A2ASettings
from trunkline_hub.web import requires
from trunkline_hub.web.cloudevents import UNTRUSTED
from trunkline_hub.web.problems import answer, translate
from trunkline_hub.web.settings import WebSettings

AnyRequest = Request[Principal, Any, Any]
_OURS = requires(USE, audited=False)
_HUB, _AGENT = "/w/{workspace:str}", "/w/{workspace:str}/agents/{agent:str}"
_DEFAULT = "default"
_NOT_MODIFIED = 304


def _below(path: str) -> list[str]:
    """Return where a route lies: below an agent, and below the hub, which speaks for all of a workspace."""
    return [f"{_AGENT}{path}", f"{_HUB}{path}"]


async def may_run(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse whoever may not run tasks: by A2A nobody may do more than over the hub's own API.

    Raises:
        PermissionDeniedError
    """
    if not allows(connection.user.scopes, RUN):
        raise PermissionDeniedError(f"The token of {connection.user.name!r} lacks the scope {RUN!r}")


@post(_below(""), opt=_OURS, status_code=200)
async def rpc(request: AnyRequest, engines: Engines, web_settings: WebSettings) -> ASGIApp:
    """Answer a JSON-RPC request."""
    engine = await _engine(request, engines)
    place = _place(request, web_settings)
    response: ASGIApp = await engine.http.rpc(request.scope, request.receive, await request.body(), place)
    return response


@get([*_below("/tasks"), *_below("/tasks/{task_id:str}"), *_below("/extendedAgentCard"),
      *_below("/tasks/{task_id:str}/pushNotificationConfigs"),
      *_below("/tasks/{task_id:str}/pushNotificationConfigs/{config_id:str}"), *_below("/v1/card"),
      *_below("/v1/tasks/{task_id:str}"), *_below("/v1/tasks/{task_id:str}/pushNotificationConfigs"),
      *_below("/v1/tasks/{task_id:str}/pushNotificationConfigs/{config_id:str}")], opt=_OURS)  # fmt: skip
async def rest_get(request: AnyRequest, engines: Engines, web_settings: WebSettings) -> ASGIApp:
    """Answer an HTTP+JSON request that reads, or streams."""
    return await _rest(request, engines, _place(request, web_settings))


@post([*_below("/message:send"), *_below("/message:stream"), *_below("/tasks/{task_id:str}"),
       *_below("/tasks/{task_id:str}/pushNotificationConfigs"), *_below("/v1/message:send"),
       *_below("/v1/message:stream"), *_below("/v1/tasks/{task_id:str}"),
       *_below("/v1/tasks/{task_id:str}/pushNotificationConfigs")], opt=_OURS, status_code=200)  # fmt: skip
async def rest_post(request: AnyRequest, engines: Engines, web_settings: WebSettings) -> ASGIApp:
    """Answer an HTTP+JSON request that sends, cancels, subscribes or configures."""
    return await _rest(request, engines, _place(request, web_settings))


@delete(_below("/tasks/{task_id:str}/pushNotificationConfigs/{config_id:str}"), opt=_OURS, status_code=200)
async def rest_delete(request: AnyRequest, engines: Engines, web_settings: WebSettings) -> ASGIApp:
    """Take a push notification away."""
    return await _rest(request, engines, _place(request, web_settings))


@get(_below("/tasks/{task_id:str}/files/{blob_id:str}"), opt=_OURS)
async def file(task_id: str, blob_id: str, request: AnyRequest, desk: Desk, web_settings: WebSettings) -> Stream:
    """Send what a part of a task of the caller's refers to."""
    info, content = await desk.file(_place(request, web_settings), task_id, blob_id)
    headers = {**UNTRUSTED, "Content-Type": info.content_type, "Content-Length": str(info.size)}
    return Stream(content, headers=headers)


@get([*_below(CARD_PATH), *_below(LEGACY_PATH)], opt=requires(USE))
async def card(
    request: AnyRequest, engines: Engines, cards: Cards, a2a: A2ASettings, web_settings: WebSettings
) -> Response[bytes]:
    """Show an agent's card, signed."""
    engine = await engines.get()
    return await _card(request, cards, engine, _place(request, web_settings), a2a)


@get(CARD_PATH, opt=requires(USE))
async def own_card(
    request: AnyRequest, engines: Engines, cards: Cards, a2a: A2ASettings, web_settings: WebSettings
) -> Response[bytes]:
    """Show the card of the hub, in the caller's own workspace."""
    engine = await engines.get()
    home = _DEFAULT if request.user.workspace == EVERY_WORKSPACE else request.user.workspace
    place = Place(by=request.user, workspace=home, base_url=_base(request, web_settings))
    return await _card(request, cards, engine, place, a2a)


@get([f"{_HUB}/jwks.json"], opt=requires(USE))
async def jwks(workspace: str, engines: Engines, cards: Cards) -> Response[bytes]:
    """Show the public key that the workspace's cards are signed with."""
    engine = await engines.get()
    found = engine.signer.jwks(await cards.key(workspace, engine.signer))
    return Response(msgspec.json.encode(found), media_type="application/jwk-set+json")


async def _card(request: AnyRequest, cards: Cards, engine: Any, place: Place, a2a: A2ASettings) -> Response[bytes]:
    named = request.headers.get("a2a-version") or str(request.query_params.get("A2A-Version", ""))
    legacy = a2a.legacy_cards or named.startswith("0.3") or request.scope["path"].endswith(LEGACY_PATH)
    found = await cards.card(place, engine.signer, legacy=legacy)
    who = "public" if a2a.public_cards else "private"
    headers = {
        "ETag": found.etag, "Cache-Control": f"{who}, max-age={a2a.card_max_age_s}",
        "Last-Modified": format_datetime(found.changed_at.astimezone(UTC), usegmt=True),
    }  # fmt: skip
    held = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if held & {found.etag.removeprefix("W/"), "*"}:
        return Response(b"", status_code=_NOT_MODIFIED, headers=headers)
    return Response(msgspec.json.encode(found.body), media_type="application/json", headers=headers)


async def _rest(request: AnyRequest, engines: Engines, place: Place) -> ASGIApp:
    path = request.scope["path"].rstrip("/")
    for named in (value for name, value in request.path_params.items() if name in {"workspace", "agent"}):
        marker = f"/{named}"
        path = path[path.index(marker) + len(marker) :]
    engine = await _engine(request, engines)
    response: ASGIApp = await engine.http.rest(request.scope, request.receive, await request.body(), place, path)
    return response


async def _engine(request: AnyRequest, engines: Engines) -> Any:
    engine = await engines.get()
    closing: asyncio.Event = request.app.state.closing
    engine.closing = closing
    return engine


def _place(request: AnyRequest, web: WebSettings) -> Place:
    given = request.headers.getall("a2a-extensions", []) + request.headers.getall("x-a2a-extensions", [])
    extensions = frozenset(uri for value in given for one in value.split(",") if (uri := one.strip()))
    return Place(
        by=request.user, workspace=request.path_params["workspace"], agent=request.path_params.get("agent", ""),
        base_url=_base(request, web), extensions=extensions,
    )  # fmt: skip


def _base(request: AnyRequest, web: WebSettings) -> str:
    return (web.public_url or str(request.base_url)).rstrip("/")


def refused(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Tell of what failed before any operation began, in the words of the binding that was spoken."""
    known: TrunklineError = translate(error)
    plain = answer(request, error)
    headers = dict(plain.headers)
    if request.scope["path"].rstrip("/").endswith((CARD_PATH, LEGACY_PATH, "jwks.json")) and not isinstance(
        known, AccessError
    ):
        return plain
    is_rpc = request.method == "POST" and request.scope["path"].rstrip("/").count("/") in names_of(request.path_params)
    return Response(
        body_of(known, rpc=is_rpc), status_code=known.status, headers=headers, media_type="application/json"
    )


def routers() -> list[Router]:
    """Return the protocol's routes; none of them is in the contract of the hub's own API."""
    talking = [rpc, rest_get, rest_post, rest_delete, file]
    return [
        Router("/a2a", route_handlers=talking, guards=[may_run], exception_handlers={Exception: refused}, include_in_schema=False),
        Router("/a2a", route_handlers=[card, jwks], exception_handlers={Exception: refused}, include_in_schema=False),
        Router("/", route_handlers=[own_card], include_in_schema=False),
    ]  # fmt: skip
