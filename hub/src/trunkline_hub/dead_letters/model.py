"""Reading a dead letter and the records of its attempts. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, modes, subjects
from trunkline.protocol.errors import (
    ConflictError,
    DeadLetterUneditableError,
    FieldError,
    RequestInvalidError,
    TrunklineError,
)
from trunkline.protocol.homes import home
from trunkline.protocol.resources import LetterFilter
from trunkline.protocol.subjects import Lane
from trunkline.protocol.trace import is_traceparent
from trunkline_hub.core.preview import storable

State = Literal["waiting", "redriven", "discarded"]

MAX_REASON_CHARS = 1000
MAX_EDITED_BYTES = 2**20
MAX_IDS = 1000
_PREFIX_TOKENS = 6
_UNKNOWN = "unknown"
EXPIRED = "expired"
_CE_EXPIRY = "ce-expirytime"
_MAX_DIGITS = 18
MAX_INTEGER = 2**31 - 1
_BATCH = 1000
_SLICE_S = 0.25
"""With a pace, letters leave in slices of about this many seconds."""


@dataclass(frozen=True, kw_only=True)
class Corpse:
    """A dead letter as its message tells it."""

    workspace: str
    lane: Lane
    reader: str
    subject: str
    stream_seq: int
    """Place of the message's first copy: where its attempts are recorded."""
    copy_seq: int
    """Place of the copy that died, as far as the letter's id tells it."""
    message_id: str
    correlation_id: str | None
    type: str
    sender: str
    agent: str | None
    reason: str
    error: str
    attempts: int
    size_bytes: int
    traceparent: str | None
    redrive_of: str | None
    discarded_by: str | None


def examine(dead_subject: str, payload: bytes, headers: dict[str, str]) -> Corpse:
    """Return what a message in the dead-letter stream says about itself; never fails on its contents."""
    workspace, lane, reader = reader_of(dead_subject)
    message = _envelope(payload, headers)
    subject = headers.get(frames.HEADER_SUBJECT, "")
    return Corpse(
        workspace=workspace,
        lane=lane,
        reader=reader,
        subject=storable(subject, 2048),
        stream_seq=_number(headers.get(frames.HEADER_STREAM_SEQ)),
        copy_seq=_number(headers.get(frames.HEADER_MSG_ID, "").rpartition(":")[2]),
        message_id=storable(message.id, 512) if message else _UNKNOWN,
        correlation_id=storable((message.correlationid if message else None) or "", 512) or None,
        type=storable(message.type, 512) if message else _UNKNOWN,
        sender=storable(sender_of(subject), 255),
        agent=storable(headers.get(frames.HEADER_AGENT, ""), 127) or None,
        reason=storable(headers.get(frames.HEADER_REASON, _UNKNOWN), 63),
        error=storable(headers.get(frames.HEADER_ERROR, ""), 2000),
        attempts=min(_number(headers.get(frames.HEADER_DELIVERIES)), MAX_INTEGER),
        size_bytes=len(payload),
        traceparent=_trace(message),
        redrive_of=storable(headers.get(frames.HEADER_REDRIVE_OF, ""), 36) or None,
        discarded_by=storable(headers.get(frames.HEADER_DISCARDED_BY, ""), 255) or None
        if by_hub(dead_subject)
        else None,
    )


def reader_of(subject: str) -> tuple[str, Lane, str]:
    """Return (workspace, lane, reader) out of a dead-letter or attempt subject."""
    parts = subject.split(".", _PREFIX_TOKENS - 1)
    lane: Lane = "queue" if parts[4] == "queue" else "group"
    return parts[1], lane, subjects.untoken(parts[5])


def by_hub(dead_subject: str) -> bool:
    """Whether the hub wrote the letter itself; the broker pins that."""
    return subjects.sender_of(dead_subject) == subjects.HUB


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


def is_copy(
    corpse: Corpse, subject: str, event: tuple[bytes, dict[str, str]], letter: tuple[bytes, dict[str, str]]
) -> bool:
    """Whether a letter's (payload, headers) carry the event under `subject`: the very message, or of a group's copy."""
    same = subject == corpse.subject or home(corpse.workspace, corpse.lane, corpse.reader, subject) == corpse.subject
    return same and event[0] == letter[0] and modes.kept(event[1]) == modes.kept(letter[1])


def redrive_headers(letter_id: str, headers: dict[str, str]) -> dict[str, str]:
    """Return the headers of a letter sent back: the event's own, and that a replay's copy still is one."""
    of_replay = {name: headers[name] for name in (frames.HEADER_REPLAY,) if name in headers}
    return modes.kept(headers) | of_replay | {frames.HEADER_REDRIVE_OF: letter_id}


def edit(payload: bytes, headers: dict[str, str], data: Any) -> bytes:
    """Return the message, structured, with `data` in place of its own; every other attribute stays as it is.

    Raises:
        DeadLetterUneditableError: it is not a CloudEvent.
        RequestInvalidError: the new data is too large.
    """
    try:
        whole = modes.to_structured(payload, headers)
    except TrunklineError:
        raise DeadLetterUneditableError("The message is not a CloudEvent") from None
    new = msgspec.json.encode(data)
    if len(new) > MAX_EDITED_BYTES:
        raise RequestInvalidError(errors=[FieldError("/edited/data", f"at most {MAX_EDITED_BYTES:,} bytes")])
    fields = msgspec.json.decode(whole, type=dict[str, msgspec.Raw])
    for name in ("data_base64", "dataref"):
        fields.pop(name, None)
    fields |= {"data": msgspec.Raw(new), "datacontenttype": msgspec.Raw(b'"application/json"')}
    return msgspec.json.encode(fields)


def without_expiry(payload: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """Return a message that may be late: who sends back what expired wants it done all the same."""
    kept = {name: value for name, value in headers.items() if name.lower() != _CE_EXPIRY}
    if kept != headers:
        return payload, kept
    try:
        fields = {} if modes.is_binary(headers) else msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TrunklineError):
        return payload, headers
    if fields.pop("expirytime", None) is None:
        return payload, headers
    return msgspec.json.encode(fields), headers


def same_life(earlier: Any, later: Any) -> bool:
    """Whether `later` can be the death of what was redriven from `earlier`: a letter's own word may be forged."""
    if earlier.state != "redriven":
        return False
    went_to = ("queue", earlier.redriven_to) if earlier.redriven_to else (earlier.lane, earlier.reader)
    return went_to == (later.lane, later.reader) and bool(earlier.message_id == later.message_id)


def batch_size(rate_per_s: float | None) -> int:
    """Return how many letters to work on at once."""
    return _BATCH if rate_per_s is None else max(1, min(_BATCH, round(rate_per_s * _SLICE_S)))


def check_reason(reason: str) -> None:
    """Refuse no reason, and one too long to keep.

    Raises:
        RequestInvalidError
    """
    if not reason.strip() or len(reason) > MAX_REASON_CHARS or "\0" in reason:
        raise RequestInvalidError(
            errors=[FieldError("/reason", f"must be given; at most {MAX_REASON_CHARS} characters")]
        )


def conditions(wanted: LetterFilter, prefix: str = "/filter") -> dict[str, Any]:
    """Return what was given of a filter, its moments as such.

    Raises:
        RequestInvalidError: a moment is none, or a text cannot be stored anywhere.
    """
    given: dict[str, Any] = {name: value for name, value in msgspec.to_builtins(wanted).items() if value is not None}
    problems = [
        FieldError(f"{prefix}/{name}", "must not contain NUL")
        for name, value in given.items()
        if any("\0" in text for text in ([value] if isinstance(value, str) else value))
    ]
    if len(given.get("ids", [])) > MAX_IDS:
        problems.append(FieldError(f"{prefix}/ids", f"at most {MAX_IDS:,}"))
    for name in ("died_since", "died_before"):
        if name in given:
            moment = _moment(given[name])
            if moment is None:
                problems.append(FieldError(f"{prefix}/{name}", "must be an RFC 3339 time with its zone"))
            given[name] = moment
    if problems:
        raise RequestInvalidError(errors=problems)
    return given


def sender_of(subject: str) -> str:
    """Return the principal that a subject names, `unknown` where it names none."""
    try:
        return subjects.sender_of(subject)
    except (KeyError, IndexError, UnicodeDecodeError):
        return _UNKNOWN


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _envelope(payload: bytes, headers: dict[str, str]) -> ce.Envelope | None:
    try:
        return modes.read(payload, headers)
    except TrunklineError:
        return None


def _trace(message: ce.Envelope | None) -> str | None:
    given = message.traceparent if message else None
    return given if given is not None and is_traceparent(given) else None


def _number(text: str | None) -> int:
    """Return the number a header holds; 0 for what is none or could not be stored."""
    plain = text is not None and text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text or "") if plain else 0
