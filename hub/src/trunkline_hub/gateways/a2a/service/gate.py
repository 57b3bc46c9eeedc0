"""Who may come in by another door than the hub's HTTP guard, under the very same rules."""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

from trunkline.protocol.errors import SettingInvalidError, TokenMissingError
from trunkline_hub.core.principal import EVERY_WORKSPACE, Principal
from trunkline_hub.gateways.a2a.model import Place
from trunkline_hub.gateways.a2a.ports import Tokens
from trunkline_hub.gateways.a2a.settings import A2ASettings
from trunkline_hub.web.guard import admit

USE, RUN = "a2a:use", "tasks:run"
CARD_PATH = "/.well-known/agent-card.json"
LEGACY_PATH = "/.well-known/agent.json"
_BEARER = "bearer "
Authenticate = Callable[[Any], Awaitable[Principal]]


class Gate:
    """Judges callers that bring a token, and those from this machine where the settings let them in without one."""

    def __init__(self, settings: A2ASettings, tokens: Tokens, *, web_host: str) -> None:
        self._settings = settings
        self._tokens = tokens
        if settings.anonymous and not all(is_loopback(host) for host in (web_host, settings.grpc_host)):
            raise SettingInvalidError(
                "a2a.anonymous: only a hub that listens on loopback lets callers in without a token"
            )

    async def admit(self, authorization: str, tenant: str, *, local: bool, base_url: str) -> Place:
        """Return where a request goes, if its caller may; `tenant` is `workspace/agent`.

        Raises:
            TokenMissingError, TokenInvalidError, TokenExpiredError, WorkspaceUnknownError, PermissionDeniedError
        """
        workspace, _slash, agent = (tenant or self._settings.grpc_default).partition("/")
        principal = await self._who(authorization, local=local)
        for permission in (USE, RUN):
            await admit(principal, workspace, permission, self._tokens.workspaces)
        return Place(by=principal, workspace=workspace, agent=agent, base_url=base_url)

    def authenticator(self, inner: Authenticate) -> Authenticate:
        """Return the HTTP guard's question "who is this?", which knows the callers without a token, of A2A alone."""

        async def authenticate(connection: Any) -> Principal:
            path = connection.scope["path"].rstrip("/")
            if not path.startswith("/a2a/") or "authorization" in connection.headers or connection.cookies:
                return await inner(connection)
            client = connection.client
            if self._settings.anonymous and client is not None and is_loopback(client.host):
                return self._anonymous()
            if self._settings.public_cards and path.endswith((CARD_PATH, LEGACY_PATH)):
                return _anybody(frozenset({USE}))
            return await inner(connection)

        return authenticate

    async def _who(self, authorization: str, *, local: bool) -> Principal:
        if authorization.lower().startswith(_BEARER):
            return await self._tokens.by_token(authorization[len(_BEARER) :].strip())
        if local and self._settings.anonymous and not authorization:
            return self._anonymous()
        raise TokenMissingError

    def _anonymous(self) -> Principal:
        return _anybody(frozenset(self._settings.anonymous))


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _anybody(scopes: frozenset[str]) -> Principal:
    return Principal(name="anonymous", workspace=EVERY_WORKSPACE, scopes=scopes, via="token", key_id="")
