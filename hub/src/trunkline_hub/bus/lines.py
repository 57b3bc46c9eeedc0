"""A stored message as one line of text (NDJSON): what exports, archives and downloaded replays hold.

    {"seq":7,"stored_at":"…Z","sender":"shop","subject":"tl.default.events.shop.order.paid",
     "headers":{…},"event":{…}}

`event` is the CloudEvent, byte for byte where it is stored as one line of JSON.
Otherwise, and for an event in binary mode, `raw_base64` has the stored payload
beside it, so a line gives back exactly what was stored.
"""

import base64
from datetime import datetime

import msgspec

from trunkline.protocol import binary, modes, subjects
from trunkline.protocol.errors import MessageError
from trunkline_hub.bus.log import Stored
from trunkline_hub.core.clock import rfc3339

_BATCH_HEADERS = ("Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit")
_NOTHING = msgspec.Raw(b"")


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line."""

    seq: int
    stored_at: str
    sender: str = ""
    subject: str
    headers: dict[str, str] = {}
    event: msgspec.Raw = _NOTHING
    raw_base64: str | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


def to_line(stored: Stored) -> bytes:
    """Return the line of a stored message, its line break included."""
    payload = stored.payload
    plain = not binary.is_binary(stored.headers) and _is_one_line_of_json(payload)
    event = msgspec.Raw(payload) if plain else _readable(stored)
    line = Line(
        seq=stored.seq, stored_at=rfc3339(stored.stored_at), sender=_sender(stored.subject), subject=stored.subject,
        headers={name: value for name, value in stored.headers.items() if name not in _BATCH_HEADERS},
        event=event,
        raw_base64=None if plain else base64.b64encode(payload).decode(),
    )  # fmt: skip
    return _encoder.encode(line) + b"\n"


def from_line(raw: bytes) -> Stored:
    """Return what `to_line` was given.

    Raises:
        ValueError: this is not such a line.
    """
    line = _decoder.decode(raw)
    payload = bytes(line.event) if line.raw_base64 is None else base64.b64decode(line.raw_base64, validate=True)
    return Stored(
        seq=line.seq, subject=line.subject, payload=payload, headers=line.headers,
        stored_at=datetime.fromisoformat(line.stored_at),
    )  # fmt: skip


def _is_one_line_of_json(payload: bytes) -> bool:
    if not (payload.startswith(b"{") and payload.endswith(b"}")) or b"\n" in payload or b"\r" in payload:
        return False
    try:
        payload.decode()
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _readable(stored: Stored) -> msgspec.Raw:
    """Return an event of another form as people and programs read it; nothing where it is none."""
    try:
        return msgspec.Raw(msgspec.json.encode(modes.as_json(stored.payload, stored.headers)))
    except MessageError:
        return _NOTHING


def _sender(subject: str) -> str:
    try:
        return subjects.sender_of(subject)
    except (KeyError, IndexError, ValueError):
        return ""
