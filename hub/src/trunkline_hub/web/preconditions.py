"""ETags, conditional reads, and changes only of what the caller has seen (RFC 9110, 8.8.3 and 13).

An entity tag has two parts where a representation holds what nobody declared
(depths, states, times): `"<declared>.<all>"`. `If-None-Match` compares the
whole, `If-Match` the declared part: a queue that got a message meanwhile is
still the queue that was read.

What `If-Match` asks is checked before the change, and again in the transaction
that makes it, under a lock that every change of the resource takes.
"""

import hashlib
import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.serialization import encode_json, get_serializer
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.protocol.errors import NotFoundError, PreconditionFailedError
from trunkline_hub.core.transaction import FirstWrite, Transactions, UnitOfWork, first_write

AnyRequest = Request[Any, Any, Any]
_VOLATILE = "volatile"
_READS = frozenset({"GET", "HEAD"})
_DIGEST_BYTES = 9
_OK, _NOT_MODIFIED = range(200, 202), 304


def volatile(*fields: str) -> dict[str, Any]:
    """Return the route option of a read that shows, in these fields (`a`, or `a.b`), what nobody declared."""
    return {_VOLATILE: frozenset(fields)}


@dataclass(frozen=True, kw_only=True)
class Readers:
    """How each resource is read, by the template of its address."""

    handlers: Mapping[str, HTTPRouteHandler]
    services: Mapping[str, object]
    db: Transactions

    def of(self, method: str, template: str) -> tuple[str, HTTPRouteHandler] | None:
        """Return the resource that an address changes, itself or by a verb below it, and what reads it."""
        above = template.rsplit("/", 1)[0]
        for place in (template, above):
            if place in self.handlers and "{" in place.rsplit("/", 1)[1]:
                return place, self.handlers[place]
        is_one = template in self.handlers and method != "POST"  # what is posted to a list is new
        return (template, self.handlers[template]) if is_one else None

    async def tag(self, request: AnyRequest, handler: HTTPRouteHandler, tx: UnitOfWork) -> str | None:
        """Return the entity tag of a resource as it is now; None where there is none."""
        given = {**self.services, **request.path_params, "request": request, "tx": tx, "db": self.db}
        wanted = inspect.signature(handler.fn).parameters.values()
        arguments = {one.name: given[one.name] for one in wanted if one.name in given}
        try:
            return tag_of(encode(await handler.fn(**arguments)), handler)
        except NotFoundError:
            return None


def readers_of(app: Litestar, services: Mapping[str, object], db: Transactions) -> Readers:
    """Return how the API's resources are read."""
    found = {
        route.path_format: handler
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if route.path_format.startswith("/api/") and "GET" in getattr(handler, "http_methods", ())
        if _is_struct(handler.parsed_return_field.annotation)
    }
    return Readers(handlers=found, services=services, db=db)


def _is_struct(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


def encode(content: Any) -> bytes:
    """Return what an answer holds as JSON."""
    return encode_json(content, get_serializer())


def tag_of(body: bytes, handler: HTTPRouteHandler, *, is_packed: bool = False) -> str:
    """Return the entity tag of a representation: of what it holds as JSON, and whether it comes as MessagePack."""
    parts = [_digest(body)]
    fields = handler.opt.get(_VOLATILE)
    if fields:
        parts.insert(0, _digest(msgspec.json.encode(_without(msgspec.json.decode(body), fields))))
    return f'"{".".join([*parts, *(["m"] if is_packed else [])])}"'


def conditional(
    request: AnyRequest, status: int, body: bytes, *, is_packed: bool
) -> tuple[str | None, Response[None] | None]:
    """Return the entity tag of an answer, and the answer to give in its stead to those who have it already."""
    handler: Any = request.scope.get("route_handler")
    readers: Readers | None = request.app.state.get("readers")
    if handler is None or readers is None or status not in _OK or not request.url.path.startswith("/api/"):
        return None, None
    if request.method in _READS:
        tag = tag_of(body, handler, is_packed=is_packed)
        if _holds(request.headers.get("if-none-match"), tag, whole=True):
            return tag, Response(None, status_code=_NOT_MODIFIED, headers={"ETag": tag, "Vary": "Accept"})
        return tag, None
    reader = readers.handlers.get(request.scope.get("path_template", ""))
    same = reader is not None and reader.parsed_return_field.annotation is handler.parsed_return_field.annotation
    return (tag_of(body, reader, is_packed=is_packed) if reader is not None and same else None), None


async def conditions(request: AnyRequest) -> None:
    """Check what a change asks of its resource, and have it checked again when the change is made.

    Raises:
        PreconditionFailedError
    """
    readers: Readers | None = request.app.state.get("readers")
    found = (
        None
        if request.method in _READS or readers is None
        else readers.of(request.method, request.scope.get("path_template", ""))
    )
    if found is None or readers is None or "user" not in request.scope:
        return
    place, handler = found
    has, lacks = request.headers.get("if-match"), request.headers.get("if-none-match")

    async def check(tx: UnitOfWork) -> None:
        if has is None and lacks is None:
            return
        tag = await readers.tag(request, handler, tx)
        if (has is not None and not _holds(has, tag, whole=False)) or _holds(lacks, tag, whole=False):
            raise PreconditionFailedError(_told(tag))

    async def locked(tx: UnitOfWork) -> None:
        await tx.lock(place.format(**request.path_params))
        await check(tx)

    if has is not None or lacks is not None:
        async with readers.db.read() as tx:
            await check(tx)
    first_write.set(FirstWrite(locked))


class Preconditions(ASGIMiddleware):
    """Lets what a request asks of its first change end with the request."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        async def ending(message: Message) -> None:
            wanted = first_write.get()
            if wanted is not None:
                wanted.is_done = True  # what is written from here on is not the request's
            await send(message)

        first_write.set(None)
        await next_app(scope, receive, ending)


def _holds(header: str | None, tag: str | None, *, whole: bool) -> bool:
    """Whether a list of entity tags holds one; `*` stands for any that there is."""
    if header is None or tag is None:
        return False
    given = [one.strip().removeprefix("W/") for one in header.split(",")]
    if "*" in given:
        return True
    return tag in given if whole else _declared(tag) in {_declared(one) for one in given}


def _declared(tag: str) -> str:
    return tag.strip('"').split(".", 1)[0]


def _without(shown: dict[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Return an object without some fields; `a.b` is the field `b` of its `a`."""
    kept = {name: value for name, value in shown.items() if name not in fields}
    for field in fields:
        above, dot, below = field.partition(".")
        if dot and isinstance(kept.get(above), dict):
            kept[above] = {name: value for name, value in kept[above].items() if name != below}
    return kept


def _told(tag: str | None) -> str:
    return "There is none" if tag is None else f"Its entity tag is {tag} now"


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()
