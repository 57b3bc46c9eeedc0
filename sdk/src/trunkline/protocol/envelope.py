"""CloudEvents 1.0 envelope, JSON structured mode (NATS protocol binding 1.0).

`data` stays raw bytes until the handler's type is known, so forwarding a
message costs no decode. Attributes that Trunkline does not name survive in
the message's own bytes and are read with `extensions`.
"""

import base64
import time
from functools import lru_cache
from typing import Any

import msgspec

from trunkline.protocol.errors import EnvelopeInvalidError, FieldError
from trunkline.protocol.ids import new_id

CONTENT_TYPE = "application/cloudevents+json"
"""Media type of a structured-mode CloudEvent."""

JSON_DATA = "application/json"


_NO_DATA = msgspec.Raw(b"")


class Envelope(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One CloudEvent. Optional attributes are None when absent.

    Extension attributes that Trunkline defines:

    - `traceparent`: W3C trace context.
    - `correlationid`: joins all messages of one business transaction.
    - `causationid`: id of the message whose handling sent this one.
    - `partitionkey`: messages with the same key keep their order.
    - `expirytime`: RFC 3339; a task is not run after this moment.
    - `priority`: class of the queue it waits in.
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
    redriveof: str | None = None
    data: msgspec.Raw = _NO_DATA
    """Payload as JSON text; empty when absent."""
    data_base64: str | None = None


_KNOWN = frozenset(Envelope.__struct_fields__)
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
        raise EnvelopeInvalidError(_explain(raw, error)) from None
    check(envelope)
    return envelope


def check(envelope: Envelope) -> None:
    """Enforce what CloudEvents 1.0 demands beyond types.

    Raises:
        EnvelopeInvalidError: names the JSON pointer of each offending attribute.
    """
    problems: list[FieldError] = []
    if envelope.specversion != "1.0":
        problems.append(FieldError("/specversion", 'must be "1.0"'))
    if not envelope.id:
        problems.append(FieldError("/id", "must not be empty"))
    if not envelope.source:
        problems.append(FieldError("/source", "must not be empty"))
    if not envelope.type:
        problems.append(FieldError("/type", "must not be empty"))
    if bytes(envelope.data) and envelope.data_base64 is not None:
        problems.append(FieldError("/data_base64", "must not appear together with data"))
    if problems:
        raise EnvelopeInvalidError("The message is not a CloudEvent 1.0", errors=problems)


def data_bytes(envelope: Envelope) -> bytes:
    """Return the payload as bytes: JSON text for `data`, decoded `data_base64` otherwise."""
    if envelope.data_base64 is not None:
        try:
            return base64.b64decode(envelope.data_base64, validate=True)
        except ValueError:
            raise EnvelopeInvalidError(
                "The payload is not valid base64",
                errors=[FieldError("/data_base64", "must be RFC 4648 base64")],
            ) from None
    return bytes(envelope.data)


def extensions(raw: bytes) -> dict[str, Any]:
    """Return the attributes of a structured event that `Envelope` does not name."""
    fields = msgspec.json.decode(raw)
    return {name: value for name, value in fields.items() if name not in _KNOWN}


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
        data=msgspec.Raw(data) if data is not None else _NO_DATA,
        **attributes,
    )


def _explain(raw: bytes, error: Exception) -> str:
    if not raw:
        return "The message is empty; a CloudEvent was expected"
    return f"The message is not a CloudEvent in JSON: {error}"
