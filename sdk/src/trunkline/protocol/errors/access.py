"""Who asks, and may they."""

from trunkline.protocol.errors.base import NotFoundError, TrunklineError


class AccessError(TrunklineError):
    code, status = "access.refused", 403
    title = "Access refused"
    remedy = "Use a token that is allowed to do this."


class TokenMissingError(AccessError):
    code, status = "access.token_missing", 401
    title = "No credentials were sent"
    remedy = "Send `Authorization: Bearer <token>`, or sign in with `trunkline signin`."


class TokenInvalidError(AccessError):
    code, status = "access.token_invalid", 401
    title = "The token is not known here"
    remedy = "Check that it is complete, of this hub, and not revoked: `trunkline tokens list`."


class TokenExpiredError(AccessError):
    code, status = "access.token_expired", 401
    title = "The token has expired"
    remedy = "Create a new one with `trunkline tokens create`."


class PermissionDeniedError(AccessError):
    code, status = "access.denied", 403
    title = "The token lacks the permission for this"
    remedy = "Use a token with the scope named in `detail`."


class CrossSiteError(AccessError):
    code, status = "access.cross_site", 403
    title = "A change was requested from another site"
    remedy = "Browser sessions must send `X-Trunkline-Session: 1` from the hub's own pages."


class SigninLinkInvalidError(AccessError):
    code, status = "access.signin_link_invalid", 401
    title = "The sign-in link was used already or has expired"
    remedy = "Make a new one with `trunkline signin`."


class TokenUnknownError(NotFoundError):
    code = "token.unknown"
    title = "There is no such token"
    remedy = "`trunkline tokens list` shows the ids."


class WorkspaceUnknownError(NotFoundError):
    code = "workspace.unknown"
    title = "There is no such workspace, or the token is not of it"
    remedy = "Use the workspace that the token was made for."
