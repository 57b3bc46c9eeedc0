"""A POST that is sent again with its Idempotency-Key is answered, not done again.

After draft-ietf-httpapi-idempotency-key-header-07: the key is a quoted string
(bare ones are taken too), belongs to one principal and one request, and gives
400 where it is none, 409 while the first is at work, 422 for another request.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.protocol.errors import IdempotencyKeyInvalidError
from trunkline_hub.core.principal import Principal
from trunkline_hub.core.transaction import UnitOfWork

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
STREAMED = "streamed"
"""Route option: the body is never whole in memory, so it does not count to what makes the request the same."""
_NAME = b"idempotency-key"
_STATE_KEY = "trunkline_claim"
_MOST_CHARS = 255
_SAYS_NOTHING = frozenset({401, 403, 408, 425, 429, 499})
"""Answers to the sender rather than to what was sent: the same request may be answered otherwise a moment later."""
_FAILED = 500
_NOT_KEPT = frozenset({b"date", b"content-length", b"connection", b"transfer-encoding"})
_STREAM = b"text/event-stream"


class Kept(msgspec.Struct):
    """An answer that was given."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to do a request, held by whoever sent it first."""

    id: str
    token: str
    secret: bytes
    """Opens the answer: made of the key, which is not stored."""


class Claims(Protocol):
    """Remembers requests by their keys, for all hubs."""

    async def begin(self, principal: Principal, key: str, fingerprint: str) -> Claim | Kept:
        """Claim a request, or return how it was answered.

        Raises:
            IdempotencyInProgressError, IdempotencyKeyReusedError, IdempotencyOutcomeLostError
        """
        ...

    async def carried_out(self, tx: UnitOfWork, claim: Claim) -> None:
        """Note, in the transaction itself, that the request has had its effect."""
        ...

    async def keep(self, claim: Claim, answer: Kept) -> None:
        """Remember the answer."""
        ...

    async def release(self, claim: Claim) -> None:
        """Forget a request that had no effect; it may be sent again."""
        ...


async def claimed(request: Request[Any, Any, Any]) -> Response[bytes] | None:
    """Claim the request, whose principal is known by now, or return what it was answered before."""
    if not _is_ours(request.scope) or "user" not in request.scope:
        return None
    key = _key(request.headers.get(HEADER))
    if key is None:
        return None
    found = await request.app.state.claims.begin(request.user, key, await _fingerprint(request))
    if isinstance(found, Claim):
        request.scope["state"][_STATE_KEY] = found
        return None
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in found.headers}
    kind = headers.pop("content-type", "application/octet-stream")
    return Response(found.body, status_code=found.status, headers={**headers, REPLAYED: "true"}, media_type=kind)


def claim_of(scope: Mapping[str, Any]) -> Claim | None:
    """Return what a request has claimed."""
    found: Claim | None = scope["state"].get(_STATE_KEY)
    return found


class Idempotency(ASGIMiddleware):
    """Keeps the answers to claimed requests before they are sent."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if not _is_ours(scope) or all(name != _NAME for name, _value in scope["headers"]):
            await next_app(scope, receive, send)
            return
        # What is kept is for all who may ask again, packed for none of them.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        keeper = _Keeper(scope, send)
        try:
            await next_app(scope, receive, keeper.send)
        finally:
            await keeper.end()


class _Keeper:
    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._parts: list[bytes] = []
        self._is_settled = False

    async def send(self, message: Message) -> None:
        claim = claim_of(self._scope)
        if claim is None or self._is_settled:
            await self._send(message)
            return
        if message["type"] == "http.response.start":
            self._start = message
            if (b"content-type", _STREAM) in [(name, value[: len(_STREAM)]) for name, value in message["headers"]]:
                await self.end()
                await self._send(message)
            return
        if message["type"] != "http.response.body" or self._start is None:
            await self._send(message)
            return
        self._parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            await self._settle(claim, self._start)

    async def end(self) -> None:
        """Give a claim back that came to no answer."""
        claim = claim_of(self._scope)
        if claim is not None and not self._is_settled:
            self._is_settled = True
            await self._scope["app"].state.claims.release(claim)

    async def _settle(self, claim: Claim, start: Any) -> None:
        claims: Claims = self._scope["app"].state.claims
        status, body = start["status"], b"".join(self._parts)
        self._is_settled = True
        if status >= _FAILED or status in _SAYS_NOTHING:
            await claims.release(claim)
        else:
            headers = [(name.lower(), value) for name, value in start["headers"] if name.lower() not in _NOT_KEPT]
            await claims.keep(claim, Kept(status, headers, body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


def _is_ours(scope: Any) -> bool:
    """Whether a request is a POST of the API: mounted protocols have ways of their own."""
    return scope.get("method") == "POST" and str(scope["path"]).startswith("/api/")


def _key(given: str | None) -> str | None:
    """Return the key in a header.

    Raises:
        IdempotencyKeyInvalidError
    """
    if given is None:
        return None
    key = given.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not 0 < len(key) <= _MOST_CHARS or not key.isascii() or not key.isprintable():
        raise IdempotencyKeyInvalidError
    return key


async def _fingerprint(request: Request[Any, Any, Any]) -> str:
    """Return what makes a request the same one: method, address, kind of body and body."""
    told = hashlib.blake2b(digest_size=32)
    body = b"" if request.route_handler.opt.get(STREAMED) else await request.body()
    kind = request.headers.get("content-type", "")
    for part in (request.method, request.url.path, request.url.query, kind):
        told.update(part.encode())
        told.update(b"\0")
    told.update(body)
    return told.hexdigest()
