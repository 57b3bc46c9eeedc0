"""CloudEvents over HTTP (binding 1.0.2): structured, binary and batch in; structured and binary out."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from litestar import Request, Response

from trunkline.protocol import binary, media
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import EnvelopeInvalidError, MediaTypeUnsupportedError, RequestMalformedError
from trunkline_hub.core.incoming import Incoming, structured

BATCH = "application/cloudevents-batch+json"
UNTRUSTED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Content-Disposition": "attachment",
}
"""Bytes that users sent, of a type that users chose, on the origin of the dashboard: a browser must not run them."""

_TYPE = "content-type"
_FORMATS = "application/cloudevents"
_RAW_TYPE, _RAW_PREFIX, _RAW_SPECVERSION = b"content-type", b"ce-", b"ce-specversion"
_RAW_EVENT, _RAW_FORMATS = ce.CONTENT_TYPE.encode(), _FORMATS.encode()
_LOOSE = frozenset({"", media.JSON})

AnyRequest = Request[Any, Any, Any]


class BinaryEvent(Response[bytes]):
    """An event in binary mode: the very type it has, and none where it has none."""

    def __init__(self, attributes: dict[str, Any], data: bytes) -> None:
        super().__init__(data, headers={**UNTRUSTED, **binary.to_http(attributes)})

    def to_asgi_response(self, app: Any, request: AnyRequest, **options: Any) -> Any:
        """Return the answer ready to send, without the type that the framework would add."""
        answer = super().to_asgi_response(app, request, **options)
        if binary.HEADER_CONTENT_TYPE not in self.headers:
            del answer.headers[_TYPE]
        return answer


def content_type(request: AnyRequest) -> str:
    """Return a request's media type without parameters."""
    return media.essence(request.headers.get(_TYPE, ""))


def is_event(request: AnyRequest) -> bool:
    """Whether a request declares its body to be an event, in either mode."""
    return content_type(request).startswith(_FORMATS) or binary.is_binary(request.headers)


def receive(request: AnyRequest, body: bytes) -> Incoming:
    """Return the event in a request; plain JSON, or no type at all, is taken for a structured one.

    Raises:
        EnvelopeInvalidError: each wrong attribute is named.
        MediaTypeUnsupportedError: it is declared to be something else.
    """
    kind = content_type(request)
    if kind == ce.CONTENT_TYPE:
        return structured(body)
    if not kind.startswith(_FORMATS):
        if binary.is_binary(request.headers):
            return _binary(_pairs(request.scope["headers"]), body)
        if kind in _LOOSE:
            return structured(body)
    raise MediaTypeUnsupportedError(f"An event comes as {ce.CONTENT_TYPE} or in binary mode, not as {kind}")


def receive_plain(headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Incoming | None:
    """Return the event in a plain request, as `receive` does; None where a closer look is needed.

    Raises:
        EnvelopeInvalidError
    """
    kind, is_binary = b"", False
    for name, value in headers:
        if name == _RAW_TYPE:
            kind = value
        elif name == _RAW_SPECVERSION:
            is_binary = True
    if kind == _RAW_EVENT:
        return structured(body)
    if kind.startswith(_RAW_FORMATS) or not is_binary:
        return None
    return _binary(_pairs(one for one in headers if one[0] == _RAW_TYPE or one[0][:3] == _RAW_PREFIX), body)


def batch(body: bytes) -> list[bytes]:
    """Return the events of a batch, each as it is written there, unchecked.

    Raises:
        RequestMalformedError: it is not a JSON array.
    """
    try:
        return [bytes(item) for item in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestMalformedError(f"A batch is a JSON array of CloudEvents: {error}") from None


def _binary(headers: Iterable[tuple[str, str]], body: bytes) -> Incoming:
    attributes = binary.attributes_of(headers, over_http=True)
    try:
        kept = binary.to_nats(attributes)
    except UnicodeEncodeError:
        raise EnvelopeInvalidError("The headers are not those of a CloudEvent 1.0") from None
    return Incoming(message=binary.assemble(attributes, body), payload=body, headers=kept)


def _pairs(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return the headers with what is not UTF-8 kept as it came: the codec judges it."""
    return [(name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in headers]
