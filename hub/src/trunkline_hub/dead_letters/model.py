"""Reading a dead letter and the records of its attempts. Pure."""

import base64
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import TrunklineError
from trunkline.protocol.subjects import Lane

SHOWN_BYTES = 64 * 1024
_PREFIX_TOKENS = 6
_UNKNOWN = "unknown"


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
        subject=subject,
        stream_seq=_number(headers.get(frames.HEADER_STREAM_SEQ)),
        message_id=message.id if message else _UNKNOWN,
        type=message.type if message else _UNKNOWN,
        sender=_sender(subject),
        reason=headers.get(frames.HEADER_REASON, _UNKNOWN)[:63],
        error=headers.get(frames.HEADER_ERROR, ""),
        attempts=_number(headers.get(frames.HEADER_DELIVERIES)),
        size_bytes=len(payload),
        traceparent=message.traceparent if message else None,
        redrive_of=headers.get(frames.HEADER_REDRIVE_OF),
    )


def reader_of(subject: str) -> tuple[str, Lane, str]:
    """Return (workspace, lane, reader) out of a dead-letter or attempt subject."""
    parts = subject.split(".", _PREFIX_TOKENS - 1)
    lane: Lane = "queue" if parts[4] == "queue" else "group"
    return parts[1], lane, subjects.untoken(parts[5])


def redrive_subject(lane: Lane, reader: str, subject: str) -> str:
    """Return where a dead letter goes again: its queue, or its one group and no other."""
    if lane == "queue" or f".redrive.{subjects.token(reader)}." in subject:
        return subject
    return subjects.redrive_event(subject, reader)


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
    except (KeyError, IndexError):
        return _UNKNOWN


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0
