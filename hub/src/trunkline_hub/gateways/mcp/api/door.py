"""The addresses at which MCP is spoken, who may come in, and where clients learn how."""

from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import HttpMethod, Request, Response, get, route
from litestar.response.base import ASGIResponse
from litestar.types import HTTPScope, Receive, Scope, Send

from trunkline.protocol.errors import CrossSiteError, SettingInvalidError
from trunkline_hub.core.principal import Principal
from trunkline_hub.gateways.mcp.events import McpServer, StdioUpstreams
from trunkline_hub.gateways.mcp.providers import load
from trunkline_hub.gateways.mcp.service import Keys, Mount, Upstreams
from trunkline_hub.gateways.mcp.settings import McpSettings
from trunkline_hub.outbound import Outbound
from trunkline_hub.web import PUBLIC, requires
from trunkline_hub.web.guard import Authenticate
from trunkline_hub.web.guard import Connection as HttpConnection
from trunkline_hub.web.settings import WebSettings

_ROOT = "/mcp/w/{workspace:str}"
_WELL_KNOWN = "/.well-known/oauth-protected-resource"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
_ANYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 -- to be recognised
_MOST_HOSTS = 100
_SCOPE = "mcp:use"
ANONYMOUS = Principal(
    name="anonymous", workspace="default", scopes=frozenset({_SCOPE, "event_types:read"}), via="token", key_id=""
)

AnyRequest = Request[Principal, Any, Any]


class Door:
    """Decides who comes in, and hands each request to whoever serves its mount."""

    def __init__(
        self, settings: McpSettings, web: WebSettings, by: tuple[McpServer, StdioUpstreams], upstreams: Upstreams,
        keys: Keys, outbound: Outbound,
    ) -> None:  # fmt: skip
        if settings.anonymous and web.host not in _LOOPBACK:
            raise SettingInvalidError("mcp.anonymous: only with `web.host` on loopback")
        self._settings = settings
        self._web = web
        self._server, self._stdio = by
        self._upstreams = upstreams
        self._keys = keys
        self._outbound = outbound
        self._relay: Any = None
        self._known_hosts: set[str] = set()

    async def skills(self, mount: Mount, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the skills of a workspace or an agent."""
        await self._server.serve(mount, scope, receive, send)

    async def upstream(self, request: AnyRequest, workspace: str, name: str) -> ASGIResponse:
        """Pass one upstream through, as it is."""
        wanted, _offer = await self._upstreams.target(workspace, name)
        seal = await self._keys.seal(workspace, name, request.user.name)
        if wanted.transport == "stdio":
            return _Served(partial(self._stdio.serve, (workspace, name), wanted, request.user.name, seal))
        if self._relay is None:
            self._relay = (await load("relay")).Relay(
                self._outbound, self._settings, max_body_bytes=self._web.max_body_bytes
            )
        relay = self._relay
        way = (await load("relay")).Route(url=wanted.url, credentials=wanted.headers, seal=seal)

        async def serve(scope: HTTPScope, receive: Receive, send: Send) -> None:
            await relay.serve(way, scope, receive, send)

        return _Served(serve)

    def check_origin(self, request: AnyRequest) -> None:
        """Refuse what a foreign page, or a name turned to this machine, would send (DNS rebinding).

        Raises:
            CrossSiteError
        """
        host = request.headers.get("host", "")
        if host not in self._known_hosts and not self._knows_host(host):
            raise CrossSiteError(f"MCP is not served as {host!r}")
        if len(self._known_hosts) < _MOST_HOSTS:
            self._known_hosts.add(host)
        origin = request.headers.get("origin")
        if origin is None or origin in self._settings.allowed_origins:
            return
        parts = urlsplit(origin)
        if parts.netloc != host and not (parts.netloc and parts.netloc == urlsplit(self._web.public_url).netloc):
            raise CrossSiteError(f"MCP does not answer to pages of {origin!r}")

    def base(self, request: AnyRequest) -> str:
        """Return the hub's address as clients see it."""
        return (self._web.public_url or str(request.base_url)).rstrip("/")

    def metadata(self, request: AnyRequest, path: str) -> dict[str, Any]:
        """Return what RFC 9728 lets a client know of this resource."""
        return {
            "resource": f"{self.base(request)}{path}", "authorization_servers": self._settings.authorization_servers,
            "scopes_supported": [_SCOPE], "bearer_methods_supported": ["header"], "resource_name": "Trunkline",
        }  # fmt: skip

    def _knows_host(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname or ""
        public = urlsplit(self._web.public_url)
        allowed = {*self._settings.allowed_hosts, public.netloc, public.hostname or ""}
        if host in allowed or name in allowed or name in _LOOPBACK:
            return True
        if self._web.host in _LOOPBACK or self._settings.allowed_hosts:
            return False
        return self._web.host in _ANYWHERE or name == self._web.host


class _Served(ASGIResponse):
    """An answer that writes itself."""

    __slots__ = ("_serve",)

    def __init__(self, serve: Any) -> None:
        super().__init__()
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._serve(scope, receive, send)


def anonymous(settings: McpSettings, authenticate: Authenticate) -> Authenticate:
    """Return the guard's question, which on a hub set up for it lets MCP in without a token, from this machine."""
    if not settings.anonymous:
        return authenticate

    async def with_anonymous(connection: HttpConnection) -> Principal:
        from_here = connection.client is not None and connection.client.host in _LOOPBACK
        if from_here and connection.url.path.startswith("/mcp/") and "authorization" not in connection.headers:
            return ANONYMOUS
        return await authenticate(connection)

    return with_anonymous


def challenge(request: AnyRequest, error: str) -> str:
    """Return what a client without sufficient credentials is told (RFC 6750, RFC 9728)."""
    door: Door = request.app.state.mcp_door
    parts = ['Bearer realm="trunkline"']
    if error:
        parts.append(f'error="{error}"')
    parts += [f'scope="{_SCOPE}"', f'resource_metadata="{door.base(request)}{_WELL_KNOWN}{request.url.path}"']
    return ", ".join(parts)


_OPTIONS = {**requires(_SCOPE, audited=False), "challenge": challenge}
_METHODS = [HttpMethod.GET, HttpMethod.POST, HttpMethod.DELETE]


@route(_ROOT, http_method=_METHODS, opt=_OPTIONS, include_in_schema=False, status_code=200)
async def workspace_mount(workspace: str, request: AnyRequest, mcp_door: Door, toolset: str | None = None) -> _Served:
    """All skills of a workspace, or those of a toolset."""
    return _serve(mcp_door, request, Mount(request.user, workspace, toolset=toolset))


@route(_ROOT + "/agents/{agent:str}", http_method=_METHODS, opt=_OPTIONS, include_in_schema=False, status_code=200)
async def agent_mount(
    workspace: str, agent: str, request: AnyRequest, mcp_door: Door, toolset: str | None = None
) -> _Served:
    """The skills of one agent."""
    return _serve(mcp_door, request, Mount(request.user, workspace, agent=agent, toolset=toolset))


@route(_ROOT + "/upstreams/{name:str}", http_method=_METHODS, opt=_OPTIONS, include_in_schema=False, status_code=200)
async def upstream_mount(workspace: str, name: str, request: AnyRequest, mcp_door: Door) -> ASGIResponse:
    """One upstream, passed through."""
    mcp_door.check_origin(request)
    return await mcp_door.upstream(request, workspace, name)


@get(_WELL_KNOWN + "/mcp/w/{rest:path}", opt=requires(PUBLIC), include_in_schema=False)
async def metadata(rest: str, request: AnyRequest, mcp_door: Door) -> Response[bytes]:
    """How to get in: the same words for every address, whether there is anything or not (RFC 9728)."""
    found = mcp_door.metadata(request, f"/mcp/w/{rest.lstrip('/')}")
    return Response(msgspec.json.encode(found), media_type="application/json")


def _serve(door: Door, request: AnyRequest, mount: Mount) -> _Served:
    door.check_origin(request)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await door.skills(mount, scope, receive, send)

    return _Served(serve)


mounts = [workspace_mount, agent_mount, upstream_mount, metadata]
