"""Who may call a route. Every route names its permission; without one it is refused."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from trunkline.protocol.errors import (
    CrossSiteError,
    PermissionDeniedError,
    RequestMalformedError,
    WorkspaceUnknownError,
)
from trunkline_hub.core.permission import allows
from trunkline_hub.core.principal import Principal
from trunkline_hub.web.limits import spend

PUBLIC = "public"
"""No credentials needed. Listed and argued for in the architecture tests."""
ANYONE = "anyone"
"""Any authenticated principal."""

SESSION_HEADER = "X-Trunkline-Session"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Connection = ASGIConnection[Any, Any, Any, Any]
Authenticate = Callable[[Connection], Awaitable[Principal]]


def requires(permission: str, *, audited: bool = True) -> dict[str, Any]:
    """Return the route options that name its permission.

    A mutating route must leave an audit row in its transaction unless
    `audited` is False: for messages, the log itself is the record.
    """
    return {"permission": permission, "audited": audited}


async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let the request pass if its principal holds the route's permission.

    Raises:
        TokenMissingError, TokenInvalidError, TokenExpiredError: nobody known.
        RequestMalformedError: the address cannot be one.
        CrossSiteError: a browser session was used from another site.
        WorkspaceUnknownError: not this principal's workspace.
        PermissionDeniedError: the scope is missing.
        RateLimitedError: its principal has no request left.
    """
    if "\0" in connection.scope["path"] or b"%00" in connection.scope["query_string"]:
        raise RequestMalformedError("An address cannot contain NUL")
    permission = handler.opt.get("permission")
    if permission == PUBLIC:
        return
    authenticate = cast("Authenticate", connection.app.state.authenticate)
    principal = await authenticate(connection)
    connection.scope["user"] = principal
    if principal.via == "session" and _changes_something(connection) and SESSION_HEADER not in connection.headers:
        raise CrossSiteError
    if permission is None:
        raise PermissionDeniedError("The route names no permission, so nobody may call it")
    await admit(principal, connection.path_params.get("workspace"), permission, connection.app.state.workspaces)
    spend(connection, principal)


async def admit(
    principal: Principal, workspace: str | None, permission: str, workspaces: Callable[[], Awaitable[list[str]]]
) -> None:
    """Let a principal into a workspace if it holds a permission there, whatever door it stands at.

    Raises:
        WorkspaceUnknownError, PermissionDeniedError
    """
    if workspace is not None and not (principal.works_in(workspace) and workspace in await workspaces()):
        raise WorkspaceUnknownError(f"There is no workspace {workspace!r} for this token")
    if permission != ANYONE and not allows(principal.scopes, permission):
        raise PermissionDeniedError(f"The token of {principal.name!r} lacks the scope {permission!r}")


def _changes_something(connection: Connection) -> bool:
    return connection.scope.get("method", "GET") not in _SAFE_METHODS
