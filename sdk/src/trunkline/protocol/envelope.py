"""CloudEvents 1.0 envelope, JSON structured mode (NATS protocol binding 1.0). Binary mode is in `binary.py`.

`data` stays raw bytes until the handler's type is known, so forwarding a
message costs no decode. Attributes that Trunkline does not name survive in
the message's own bytes and are read with `extensions`.
"""

import base64
import time
from functools import lru_cache
from typing import Any

import msgspec

from trunkline.protocol import media
from trunkline.protocol.errors import EnvelopeInvalidError, FieldError
from trunkline.protocol.ids import new_id
from trunkline.protocol.rules import is_timestamp, is_uri_reference
from trunkline.protocol.rules import problems as attribute_problems
from trunkline.protocol.subjects import type_tokens
from trunkline.protocol.validation import field_error

CONTENT_TYPE = "application/cloudevents+json"
"""Media type of a structured-mode CloudEvent."""

JSON_DATA = "application/json"


NO_DATA = msgspec.Raw(b"")
"""No payload. This very object: an equal one would be written down."""


class Envelope(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One CloudEvent. Optional attributes are None when absent.

    Extension attributes that Trunkline defines:

    - `traceparent`, `tracestate`: W3C trace context.
    - `correlationid`: joins all messages of one business transaction.
    - `causationid`: id of the message whose handling sent this one.
    - `partitionkey`: messages with the same key keep their order.
    - `expirytime`: RFC 3339; a task is not run after this moment.
    - `priority`: class of a queue that the message waits in.
    - `dataref`: where the payload lies when it is too large to come along (claim check).
    - `redriveof`: id of the dead letter this message was redriven from.
    """

    specversion: str
    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    correlationid: str | None = None
    causationid: str | None = None
    partitionkey: str | None = None
    expirytime: str | None = None
    priority: str | None = None
    dataref: str | None = None
    redriveof: str | None = None
    data: msgspec.Raw = NO_DATA
    """Payload as JSON text; empty when absent."""
    data_base64: str | None = None


NAMED = frozenset(Envelope.__struct_fields__)
"""Members of a structured event that have a field of their own."""
CONTEXT = tuple(name for name in Envelope.__struct_fields__ if name not in {"data", "data_base64"})
"""Those of them that are attributes, in their order."""
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


def encode(envelope: Envelope) -> bytes:
    """Return the structured-mode JSON bytes of `envelope`."""
    return _encoder.encode(envelope)


def decode(raw: bytes) -> Envelope:
    """Parse structured-mode JSON.

    Raises:
        EnvelopeInvalidError: not JSON, or not a CloudEvent 1.0; the field is named.
    """
    try:
        envelope = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        wrong = [field_error(str(error))] if isinstance(error, msgspec.ValidationError) else []
        raise EnvelopeInvalidError(_explain(raw, error), errors=[field for field in wrong if field.pointer]) from None
    check(envelope)
    return envelope


def check(envelope: Envelope) -> None:
    """Enforce what CloudEvents 1.0 demands of the attributes that every message has, as quickly as can be.

    All its rules hold for what enters over HTTP: see `modes.check`.

    Raises:
        EnvelopeInvalidError: names the JSON pointer of each offending attribute.
    """
    if (
        envelope.specversion == "1.0"
        and envelope.id
        and envelope.type
        and is_uri_reference(envelope.source)
        and (envelope.time is None or is_timestamp(envelope.time))
        and (envelope.data_base64 is None or not bytes(envelope.data))
    ):
        return
    found = attribute_problems({name: getattr(envelope, name) for name in CONTEXT})
    if bytes(envelope.data) and envelope.data_base64 is not None:
        found.append(FieldError("/data_base64", "must not appear together with data"))
    raise EnvelopeInvalidError("The message is not a CloudEvent 1.0", errors=found)


def check_subject_type(envelope: Envelope, tokens: str | None) -> None:
    """Refuse an event of another type than its subject's, `tokens`: senders may write where the broker lets them, no further.

    Raises:
        EnvelopeInvalidError
    """
    if tokens is not None and tokens != type_tokens(envelope.type):
        detail = f"is {envelope.type!r}, but the message came for {tokens!r}"
        raise EnvelopeInvalidError("The type differs from the subject's", errors=[FieldError("/type", detail)])


def data_bytes(envelope: Envelope) -> bytes:
    """Return the payload as bytes: JSON text, the string itself where the data is not JSON, decoded `data_base64`.

    Raises:
        EnvelopeInvalidError: it is not what the envelope says it is.
    """
    if envelope.data_base64 is not None:
        try:
            return base64.b64decode(envelope.data_base64, validate=True)
        except ValueError:
            raise EnvelopeInvalidError(
                "The payload is not valid base64",
                errors=[FieldError("/data_base64", "must be RFC 4648 base64")],
            ) from None
    raw = bytes(envelope.data)
    content_type = envelope.datacontenttype
    if content_type == JSON_DATA or content_type is None or raw[:1] != b'"':
        return raw
    return raw if media.format_of(content_type) == "json" else _encoded(raw, content_type)


def attributes(raw: bytes) -> dict[str, Any]:
    """Return every attribute of a structured event with its JSON type; what is null counts as absent.

    Raises:
        EnvelopeInvalidError
    """
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        found = {name: msgspec.json.decode(fields[name]) for name in fields.keys() - {"data", "data_base64"}}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeInvalidError(_explain(raw, error)) from None
    return {name: found[name] for name in fields if found.get(name) is not None}


def extensions(raw: bytes) -> dict[str, Any]:
    """Return the attributes of a structured event that `Envelope` does not name."""
    return {name: value for name, value in attributes(raw).items() if name not in NAMED}


def now_rfc3339() -> str:
    """Return the present moment in UTC, RFC 3339 with microseconds."""
    seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(seconds)}.{nanos // 1000:06d}Z"


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def new_envelope(
    *,
    type: str,  # noqa: A002 -- CloudEvents' own name
    source: str,
    data: bytes | None,
    id: str | None = None,  # noqa: A002 -- CloudEvents' own name
    **attributes: str | None,
) -> Envelope:
    """Make an envelope around JSON `data`, with the present time and, unless given, a fresh id."""
    return Envelope(
        specversion="1.0",
        id=id or new_id(),
        source=source,
        type=type,
        time=now_rfc3339(),
        datacontenttype=JSON_DATA if data is not None else None,
        data=msgspec.Raw(data) if data is not None else NO_DATA,
        **attributes,
    )


def caused_by(cause: Envelope, *, type: str, source: str, id: str) -> Envelope:  # noqa: A002 -- CloudEvents' own names
    """Make an envelope that carries on the payload of another, in it or by reference, and is linked to it."""
    made = new_envelope(
        type=type, source=source, data=None, id=id, subject=cause.subject, partitionkey=cause.partitionkey,
        correlationid=cause.correlationid or cause.id, causationid=cause.id, traceparent=cause.traceparent,
        dataref=cause.dataref,
    )  # fmt: skip
    made.data, made.data_base64, made.datacontenttype = cause.data, cause.data_base64, cause.datacontenttype
    return made


def _encoded(raw: bytes, content_type: str) -> bytes:
    """Return a JSON string as the text it is, in the character set that its media type names."""
    try:
        return msgspec.json.decode(raw, type=str).encode(media.charset(content_type))
    except (LookupError, UnicodeError):
        detail = f"is not text that {content_type} can carry"
        raise EnvelopeInvalidError("The payload cannot be encoded", errors=[FieldError("/data", detail)]) from None


def _explain(raw: bytes, error: Exception) -> str:
    if not raw:
        return "The message is empty; a CloudEvent was expected"
    return f"The message is not a CloudEvent in JSON: {error}"
