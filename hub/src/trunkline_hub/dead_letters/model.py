"""Reading a dead letter and the records of its attempts. Pure."""

import base64
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import ConflictError, TrunklineError
from trunkline.protocol.homes import home
from trunkline.protocol.subjects import Lane
from trunkline.protocol.trace import is_traceparent

SHOWN_BYTES = 64 * 1024
_PREFIX_TOKENS = 6
_UNKNOWN = "unknown"
_MAX_DIGITS = 18


@dataclass(frozen=True, kw_only=True)
class Corpse:
    """A dead letter as its message tells it."""

    workspace: str
    lane: Lane
    reader: str
    subject: str
    stream_seq: int
    message_id: str
    type: str
    sender: str
    reason: str
    error: str
    attempts: int
    size_bytes: int
    traceparent: str | None
    redrive_of: str | None


def examine(dead_subject: str, payload: bytes, headers: dict[str, str]) -> Corpse:
    """Return what a message in the dead-letter stream says about itself; never fails on its contents."""
    workspace, lane, reader = reader_of(dead_subject)
    message = _envelope(payload)
    subject = headers.get(frames.HEADER_SUBJECT, "")
    return Corpse(
        workspace=workspace,
        lane=lane,
        reader=reader,
        subject=storable(subject, 2048),
        stream_seq=_number(headers.get(frames.HEADER_STREAM_SEQ)),
        message_id=storable(message.id, 512) if message else _UNKNOWN,
        type=storable(message.type, 512) if message else _UNKNOWN,
        sender=storable(_sender(subject), 255),
        reason=storable(headers.get(frames.HEADER_REASON, _UNKNOWN), 63),
        error=storable(headers.get(frames.HEADER_ERROR, ""), 2000),
        attempts=_number(headers.get(frames.HEADER_DELIVERIES)),
        size_bytes=len(payload),
        traceparent=_trace(message),
        redrive_of=storable(headers.get(frames.HEADER_REDRIVE_OF, ""), 36) or None,
    )


def reader_of(subject: str) -> tuple[str, Lane, str]:
    """Return (workspace, lane, reader) out of a dead-letter or attempt subject."""
    parts = subject.split(".", _PREFIX_TOKENS - 1)
    lane: Lane = "queue" if parts[4] == "queue" else "group"
    return parts[1], lane, subjects.untoken(parts[5])


def redrive_subject(workspace: str, lane: Lane, reader: str, subject: str) -> str:
    """Return where a dead letter goes again: its queue, or its one group and no other.

    The letter's own word on where it came from is checked: whoever reads a
    queue may write its dead letters, and the hub must not carry them elsewhere.

    Raises:
        ConflictError: the letter does not say, or names a place that is not its reader's.
    """
    found = home(workspace, lane, reader, subject)
    if found is None:
        raise ConflictError(f"The letter says it came from {subject!r}, which is not where {lane} {reader!r} reads")
    return found


def show_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return headers as JSON can carry them, whatever bytes they are made of."""
    return {storable(name, SHOWN_BYTES): storable(value, SHOWN_BYTES) for name, value in headers.items()}


def show(payload: bytes) -> tuple[Any, str, bool]:
    """Return a payload for people: (value, encoding, truncated)."""
    cut = len(payload) > SHOWN_BYTES
    if not cut:
        try:
            return msgspec.json.decode(payload), "json", False
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    part = payload[:SHOWN_BYTES]
    try:
        text = part.decode(errors="ignore" if cut else "strict")
    except UnicodeDecodeError:
        return base64.b64encode(part).decode(), "base64", cut
    return text, "text", cut


def _envelope(payload: bytes) -> ce.Envelope | None:
    try:
        return ce.decode(payload)
    except TrunklineError:
        return None


def _sender(subject: str) -> str:
    try:
        return subjects.sender_of(subject)
    except (KeyError, IndexError, UnicodeDecodeError):
        return _UNKNOWN


def _trace(message: ce.Envelope | None) -> str | None:
    given = message.traceparent if message else None
    return given if given is not None and is_traceparent(given) else None


def _number(text: str | None) -> int:
    """Return the number a header holds; 0 for what is none or could not be stored."""
    plain = text is not None and text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text or "") if plain else 0


def storable(text: str, size: int) -> str:
    """Return `text` as it can be stored: no NUL, no lone surrogate, at most `size` characters."""
    return text.replace("\0", "").encode(errors="replace").decode()[:size]
