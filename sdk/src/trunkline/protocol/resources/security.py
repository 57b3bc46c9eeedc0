"""Tokens, sign-in, and who the caller is."""

import msgspec


class TokenRequest(msgspec.Struct, kw_only=True):
    """A new API key: for whom, what it may do, and until when."""

    name: str
    scopes: list[str]
    principal: str | None = None
    """Created when it does not exist; the caller's own when absent."""
    expires_in_s: int | None = None


class Token(msgspec.Struct, kw_only=True):
    """An API key as it can be shown: never its secret."""

    id: str
    name: str
    principal: str
    workspace: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class TokenCreated(msgspec.Struct, kw_only=True):
    """The only moment at which the secret is shown."""

    secret: str
    token: Token


class TokenPage(msgspec.Struct, kw_only=True):
    items: list[Token]
    next: str | None = None


class SigninLink(msgspec.Struct, kw_only=True):
    """A link that signs a browser in once, within its life."""

    url: str
    expires_at: str


class SigninRequest(msgspec.Struct, kw_only=True):
    """The one-time secret out of a sign-in link."""

    secret: str


class Whoami(msgspec.Struct, kw_only=True):
    """Who the caller is, and what they may do."""

    principal: str
    workspace: str
    scopes: list[str]
