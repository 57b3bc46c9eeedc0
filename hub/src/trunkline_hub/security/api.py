"""Routes of identity: tokens, sign-in, sessions, and how to reach the bus."""

from typing import Any

from litestar import Request, Response, Router, delete, get, post
from litestar.datastructures import Cookie

from trunkline.protocol.errors import TokenMissingError
from trunkline.protocol.frames import Connection
from trunkline.protocol.resources import (
    SigninLink,
    SigninRequest,
    TokenCreated,
    TokenPage,
    TokenRequest,
    Whoami,
)
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.security.service import Security
from trunkline_hub.web import ANYONE, PUBLIC, requires
from trunkline_hub.web.guard import Connection as HttpConnection
from trunkline_hub.web.openapi import OPEN
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.settings import WebSettings

COOKIE = "trunkline_session"
_BEARER = "bearer "

AnyRequest = Request[Principal, Any, Any]


def authenticator(security: Security) -> Any:
    """Return the guard's question "who is this?": a bearer token first, then the session cookie."""

    async def authenticate(connection: HttpConnection) -> Principal:
        header = connection.headers.get("authorization", "")
        if header.lower().startswith(_BEARER):
            return await security.by_token(header[len(_BEARER) :].strip())
        cookie = connection.cookies.get(COOKIE)
        if cookie:
            return await security.by_session(cookie)
        raise TokenMissingError

    return authenticate


@get("/tokens", opt=requires("tokens:read"))
async def list_tokens(
    workspace: str, tx: Tx, security: Security, cursor: Cursor = None, limit: Limit = 50
) -> TokenPage:
    """List the workspace's tokens; secrets are never shown again."""
    return await security.list_tokens(tx, workspace, cursor=cursor, limit=limit)


@post("/tokens", opt=requires("tokens:write"))
async def create_token(
    workspace: str, data: TokenRequest, request: AnyRequest, tx: Tx, security: Security
) -> TokenCreated:
    """Create a token. Its secret is in this answer and nowhere else."""
    return await security.create_token(tx, request.user, workspace, data)


@delete("/tokens/{token_id:str}", opt=requires("tokens:write"))
async def revoke_token(workspace: str, token_id: str, request: AnyRequest, tx: Tx, security: Security) -> None:
    """Revoke a token at once, with the sessions that stand on it."""
    await security.revoke_token(tx, request.user, workspace, token_id)


@get("/connection", opt=requires(ANYONE))
async def connection(workspace: str, request: AnyRequest, bus_settings: BusSettings) -> Connection:
    """Tell how to reach the bus: the same token opens it, with the same rights."""
    return bus_settings.connection_for(workspace, request.user.name, governed=request.user.governed)


@get("/scopes", opt=requires(ANYONE))
async def list_scopes(security: Security) -> dict[str, str]:
    """List every scope a token may carry, with what it lets do."""
    return dict(sorted(security.permissions.items()))


@post("/signin-links", opt=requires("signin:write"))
async def create_signin_link(request: AnyRequest, tx: Tx, security: Security, web_settings: WebSettings) -> SigninLink:
    """Make a link that signs a browser in, once, as the caller."""
    base = web_settings.public_url or str(request.base_url)
    return await security.create_signin_link(tx, request.user, base.rstrip("/"))


@post("/session", security=OPEN, opt=requires(PUBLIC))
async def sign_in(data: SigninRequest, request: AnyRequest, tx: Tx, security: Security) -> Response[Whoami]:
    """Trade a sign-in link's secret for a session cookie."""
    secret, principal = await security.sign_in(tx, data.secret)
    cookie = Cookie(
        key=COOKIE, value=secret, httponly=True, samesite="strict", path="/", secure=request.url.scheme == "https"
    )
    return Response(_whoami(principal), cookies=[cookie])


@get("/session", opt=requires(ANYONE))
async def whoami(request: AnyRequest) -> Whoami:
    """Tell who the caller is."""
    return _whoami(request.user)


@delete("/session", opt=requires(ANYONE))
async def sign_out(request: AnyRequest, tx: Tx, security: Security) -> Response[None]:
    """End the browser's session."""
    await security.sign_out(tx, request.user, request.cookies.get(COOKIE, ""))
    return Response(None, status_code=204, cookies=[Cookie(key=COOKIE, value="", max_age=0, path="/")])


def _whoami(principal: Principal) -> Whoami:
    return Whoami(principal=principal.name, workspace=principal.workspace, scopes=sorted(principal.scopes))


in_workspace = Router(
    "/api/v1/w/{workspace:str}", route_handlers=[list_tokens, create_token, revoke_token, connection], tags=["security"]
)
above = Router(
    "/api/v1", route_handlers=[list_scopes, create_signin_link, sign_in, whoami, sign_out], tags=["security"]
)
