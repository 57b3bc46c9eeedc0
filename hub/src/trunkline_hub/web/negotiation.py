"""JSON or MessagePack, as the caller likes: every JSON resource comes as both and is taken as both.

Problems stay JSON: RFC 9457 has no MessagePack form.
"""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.enums import MediaType

from trunkline.protocol import media
from trunkline.protocol.errors import RequestInvalidError, RequestMalformedError
from trunkline.protocol.validation import field_error
from trunkline_hub.core.principal import Principal
from trunkline_hub.web.preconditions import conditional, encode

_OFFERED = [media.JSON, media.MSGPACK]
_OK = 200
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, ValueError)


class NegotiatedRequest(Request[Any, Any, Any]):
    """A request whose body may be MessagePack wherever JSON is expected."""

    async def json(self) -> Any:
        """Return the decoded body; of MessagePack, what of it JSON can carry."""
        if media.format_of(self.headers.get("content-type", media.JSON)) != "msgpack":
            return await super().json()
        return as_json_values(await self.body())


class NegotiatedResponse(Response[Any]):
    """An answer in the format that the caller prefers of those we offer."""

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> Any:
        """Return the answer ready to send."""
        if self.media_type in {None, MediaType.JSON} and not isinstance(self.content, bytes | None):
            body, is_packed = encode(self.content), prefers(request, _OFFERED) == media.MSGPACK
            tag, instead = conditional(request, self.status_code or _OK, body, is_packed=is_packed)
            if instead is not None:
                return instead.to_asgi_response(app, request, **options)
            if tag is not None:
                self.headers.setdefault("ETag", tag)
            self.content = msgspec.msgpack.encode(self.content) if is_packed else body
            self.media_type = media.MSGPACK if is_packed else MediaType.JSON
        self.headers.setdefault("Vary", "Accept")
        return super().to_asgi_response(app, request, **options)


def prefers(request: Request[Any, Any, Any], offered: list[str]) -> str:
    """Return which of the offered media types the caller likes best; the first where it names none of them."""
    return request.accept.best_match(offered, offered[0]) or offered[0]


def decode_body(request: Request[Principal, Any, Any], body: bytes, kind: type[Any]) -> Any:
    """Return a body as `kind`, from JSON or MessagePack.

    Raises:
        RequestMalformedError: it cannot be decoded.
        RequestInvalidError: it is something else; the wrong field is named.
    """
    is_msgpack = media.format_of(request.headers.get("content-type", media.JSON)) == "msgpack"
    try:
        if is_msgpack:
            return msgspec.convert(as_json_values(body), kind)
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise RequestInvalidError(errors=[field_error(str(error))]) from None
    except _UNDECODABLE as error:
        raise RequestMalformedError(str(error)) from None


def as_json_values(packed: bytes) -> Any:
    """Return what MessagePack holds as the values JSON has: keys become strings, times and bytes become text.

    Raises:
        RequestMalformedError
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(msgspec.msgpack.decode(packed)))
    except _UNDECODABLE as error:
        raise RequestMalformedError(f"The body is not MessagePack that JSON could carry: {error}") from None
