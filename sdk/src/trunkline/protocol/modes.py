"""A stored message, whatever its mode: read it, take it apart, turn one mode into the other.

The mode is told by the headers: `application/cloudevents+json` is structured,
headers that begin with `ce-` are binary, and what has neither is taken for
structured, since NATS binding 1.0.2 knows no other mode and asks for no header.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.protocol import binary, media, rules
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import EnvelopeInvalidError

_FORMATS = "application/cloudevents"
_NO_HEADERS: Mapping[str, str] = {}

Headers = Mapping[str, str] | None


def read(payload: bytes, headers: Headers) -> ce.Envelope:
    """Return the event in a message from the bus.

    Raises:
        EnvelopeInvalidError: it is none; each wrong attribute is named.
    """
    if headers is None or headers.get("Content-Type") == ce.CONTENT_TYPE or not is_binary(headers):
        return ce.decode(payload)
    return binary.assemble(binary.attributes_of(headers.items()), payload)


def is_binary(headers: Headers) -> bool:
    """Whether a message is in binary mode.

    Raises:
        EnvelopeInvalidError: it is in an event format that is not JSON.
    """
    if not headers:
        return False
    content_type = media.essence(next((v for k, v in headers.items() if k.lower() == "content-type"), ""))
    if content_type == ce.CONTENT_TYPE:
        return False
    if content_type.startswith(_FORMATS):
        raise EnvelopeInvalidError(f"Events come as {ce.CONTENT_TYPE} or in binary mode, not as {content_type}")
    return binary.is_binary(headers)


def split(payload: bytes, headers: Headers) -> tuple[dict[str, Any], bytes]:
    """Return an event's attributes with their types, and its data as bytes (empty where it has none).

    Raises:
        EnvelopeInvalidError
    """
    if is_binary(headers):
        assert headers is not None
        return binary.attributes_of(headers.items()), payload
    message = ce.decode(payload)
    data = ce.data_bytes(message)
    attributes = ce.attributes(payload)
    if bytes(message.data):  # JSON is implied where nothing is said; other modes must say it
        attributes.setdefault("datacontenttype", ce.JSON_DATA)
    return attributes, data


def check(structured: bytes) -> ce.Envelope:
    """Return a structured event after checking all that CloudEvents 1.0 demands: what enters from outside.

    Raises:
        EnvelopeInvalidError: names each wrong attribute.
    """
    message = ce.decode(structured)
    found = rules.problems(ce.attributes(structured))
    if found:
        raise EnvelopeInvalidError("The message is not a CloudEvent 1.0", errors=found)
    ce.data_bytes(message)
    return message


def as_json(payload: bytes, headers: Headers) -> dict[str, Any]:
    """Return an event as one JSON object: `data` where it is JSON, `data_base64` where it is not.

    Raises:
        EnvelopeInvalidError
    """
    if is_binary(headers):
        payload = to_structured(payload, headers)
    try:
        event = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise EnvelopeInvalidError
    return event


def to_structured(payload: bytes, headers: Headers) -> bytes:
    """Return an event in structured mode: the very bytes where it is stored so.

    Raises:
        EnvelopeInvalidError
    """
    if not is_binary(headers):
        ce.decode(payload)
        return payload
    attributes, body = split(payload, headers)
    message = binary.assemble(attributes, body)
    whole: dict[str, Any] = dict(attributes)
    if message.data_base64 is not None:
        whole["data_base64"] = message.data_base64
    elif body:
        whole["data"] = message.data
    return msgspec.json.encode(whole)


def kept(headers: Headers) -> dict[str, str]:
    """Return those headers that belong to the event: what must come along wherever its payload goes."""
    return {
        name: value for name, value in (headers or _NO_HEADERS).items()
        if name.lower() == "content-type" or name[:3].lower() == binary.PREFIX
    }  # fmt: skip


def extensions(payload: bytes, headers: Headers) -> dict[str, Any]:
    """Return the attributes that `Envelope` does not name."""
    if is_binary(headers):
        attributes, _data = split(payload, headers)
        return {name: value for name, value in attributes.items() if name not in ce.NAMED}
    return ce.extensions(payload)
