"""CloudEvents binary mode: attributes in headers, the payload as the body. The same for HTTP and NATS.

Values are percent-encoded as both bindings say: space, `"`, `%` and all that
is not printable ASCII. HTTP names the payload's type in `Content-Type`; NATS
in `ce-datacontenttype`, and beside it in `Content-Type`, which is where the
official SDKs look for it.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote as percent_encode
from urllib.parse import unquote_to_bytes

import msgspec

from trunkline.protocol import media, rules
from trunkline.protocol.envelope import CONTEXT, Envelope
from trunkline.protocol.errors import EnvelopeInvalidError, FieldError

PREFIX = "ce-"
HEADER_CONTENT_TYPE = "Content-Type"

_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_PLAIN = re.compile(f"[{re.escape(_PRINTABLE)}]*")
_ESCAPED = re.compile(r"\\(.)")


def quote(text: str) -> str:
    """Return `text` as it stands in a header."""
    return text if _PLAIN.fullmatch(text) else percent_encode(text, safe=_PRINTABLE)


def unquote(value: str) -> str:
    """Return what a header value says: double quotes first (RFC 9110 §5.6.4), then one round of percent-decoding.

    Raises:
        ValueError: it does not decode to UTF-8.
    """
    value = value.strip(" \t")
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(r"\1", value[1:-1])
    if "%" not in value and value.isascii():
        return value
    return unquote_to_bytes(value.encode("utf-8", "surrogateescape")).decode()


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether a message with these headers is an event in binary mode."""
    return any(name[:3].lower() == PREFIX for name in headers)


def to_http(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return attributes as HTTP headers."""
    headers = {
        PREFIX + name: quote(_canonical(value)) for name, value in attributes.items()
        if value is not None and name != "datacontenttype"
    }  # fmt: skip
    content_type = attributes.get("datacontenttype")
    return headers if content_type is None else {HEADER_CONTENT_TYPE: str(content_type), **headers}


def to_nats(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return attributes as NATS headers."""
    headers = to_http(attributes)
    content_type = headers.get(HEADER_CONTENT_TYPE)
    return headers if content_type is None else {**headers, f"{PREFIX}datacontenttype": quote(content_type)}


def attributes_of(headers: Iterable[tuple[str, str]], *, over_http: bool = False) -> dict[str, Any]:
    """Return the attributes that headers carry.

    Raises:
        EnvelopeInvalidError: names each header that cannot be decoded, and each attribute that breaks a rule.
    """
    attributes: dict[str, Any] = {}
    broken: list[FieldError] = []
    content_type: str | None = None
    for name, value in headers:
        lower = name.lower()
        if lower.startswith(PREFIX):
            try:
                attributes[lower[len(PREFIX) :]] = unquote(value)
            except ValueError:
                broken.append(FieldError(f"/{lower[len(PREFIX) :]}", "is not percent-encoded UTF-8"))
        elif lower == "content-type":
            content_type = value.strip()
    if content_type and (over_http or "datacontenttype" not in attributes):
        attributes["datacontenttype"] = content_type
    found = broken + rules.problems(attributes)
    if found:
        raise EnvelopeInvalidError("The headers are not those of a CloudEvent 1.0", errors=found)
    return attributes


def assemble(attributes: Mapping[str, Any], body: bytes) -> Envelope:
    """Return the envelope of attributes and a body."""
    message = Envelope(**{name: value for name, value in attributes.items() if name in CONTEXT})
    if body:
        carry(message, message.datacontenttype, body)
    return message


def carry(message: Envelope, content_type: str | None, body: bytes) -> None:
    """Put a payload into an envelope; JSON stays JSON text, all else becomes base64."""
    message.datacontenttype = content_type
    if is_json(content_type, body):
        message.data = msgspec.Raw(body)
    else:
        message.data_base64 = base64.b64encode(body).decode()


def is_json(content_type: str | None, body: bytes) -> bool:
    """Whether a body is declared to be JSON, and is."""
    if content_type is None or media.format_of(content_type) != "json":
        return False
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _canonical(value: Any) -> str:
    """Return the string form of an attribute, as the specification's type system says."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
