"""Rows of the index out of messages; rules of its queries. Pure."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec

from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import MessageExpiredError
from trunkline.protocol.receipts import CALL, DEAD, DROPPED, EXPIRED, FAILED, ReceiptBatch
from trunkline.protocol.resources import Copy, Handling, Span, TracedLetter, TraceNode, Waiting
from trunkline.protocol.trace import trace_id
from trunkline_hub.core.clock import rfc3339, rfc3339_or_none
from trunkline_hub.core.lookup import GroupWait, LetterFate
from trunkline_hub.core.preview import storable

Kind = Literal["events", "receipts", "attempts", "dead"]
KINDS: tuple[Kind, ...] = ("events", "receipts", "attempts", "dead")
"""The streams that the index follows."""

_BINARY = "ce-specversion"
"""With this header a CloudEvent's attributes are in headers, its payload is bare."""
KEY_CHARS = 512
"""What is searched for is kept to this length: an index entry must fit into a page."""
_SHORT_CHARS = 127
_ERROR_CHARS = 500

PART_BITS = 44
ADDRESSED = 1 << (PART_BITS - 1)
"""Set in the key of an event that one group alone gets: it is not found where the log is queried."""
_MAX_INT = 2**31 - 1
_MAX_BIGINT = 2**63 - 1
_ATTEMPT_PARTS = 6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = dict[str, Any]


class _Head(msgspec.Struct):
    """The attributes of a CloudEvent that are indexed; the payload is skipped over."""

    id: str = ""
    source: str = ""
    type: str = ""
    subject: str | None = None
    time: str | None = None
    correlationid: str | None = None
    causationid: str | None = None
    traceparent: str | None = None


_head = msgspec.json.Decoder(_Head)
_receipts = msgspec.json.Decoder(ReceiptBatch)
_attempt = msgspec.json.Decoder(frames.Attempt)


@dataclass(kw_only=True)
class Batch:
    """Rows of one part of the index, by table, and how far they reach in each stream."""

    events: list[Row] = field(default_factory=list)
    handlings: list[Row] = field(default_factory=list)
    letters: list[Row] = field(default_factory=list)
    positions: dict[Kind, int] = field(default_factory=dict)


def key_of(part: int, seq: int, *, addressed: bool = False) -> int:
    """Return the key of an event: ordered by place in the log within one part of the index."""
    return (part << PART_BITS) | (ADDRESSED if addressed else 0) | seq


def seq_of(key: int) -> int:
    return key & (ADDRESSED - 1)


def is_addressed(key: int) -> bool:
    return bool(key & ADDRESSED)


def event_row(part: int, seq: int, stored_us: int, subject: str, payload: bytes, headers: dict[str, str]) -> Row:
    """Return the row of a message in the log, whatever it is made of.

    Its `type` and `sender` are names, and its subject's: what a group gets and a grant pins, not what a payload claims.
    """
    event_type, sender, group = _address(subject)
    head = _read(payload, headers)
    return {
        "key": key_of(part, seq, addressed=group is not None),
        "part": part,
        "id": storable(head.id, KEY_CHARS),
        "type": event_type,
        "sender": sender,
        "source": storable(head.source, KEY_CHARS),
        "subject": _key(head.subject),
        "sent_us": micros_of(head.time),
        "stored_us": stored_us,
        "correlation": _key(head.correlationid),
        "causation": _key(head.causationid),
        "trace_id": trace_id(head.traceparent),
        "size_bytes": len(payload),
        "is_cloudevent": bool(head.type),
        "reader": group,
        "redrive_of": _key(headers.get(frames.HEADER_REDRIVE_OF)),
        "replay": _key(headers.get(frames.HEADER_REPLAY)),
    }


def handling_rows(part: int, stored_us: int, subject: str, payload: bytes) -> list[Row]:
    """Return a row for each receipt in a batch; none for what is no batch: anyone may write to its own readers' subject."""
    try:
        batch = _receipts.decode(payload)
        principal, lane, reader = _reader_of(subject)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return []
    common = {
        "part": part, "lane": lane, "reader": reader, "principal": principal, "recorded_us": stored_us, "origin": 0,
        "agent": storable(batch.agent, _SHORT_CHARS), "instance": storable(batch.instance, _SHORT_CHARS),
        "version": storable(batch.version, _SHORT_CHARS), "error": None,
    }  # fmt: skip
    own = lane != "group"
    return [
        {
            **common,
            "message_id": storable(one.id, KEY_CHARS), "type": storable(one.type, KEY_CHARS) or None,
            "stream_seq": one.seq, "attempt": one.attempt, "started_us": one.started_us,
            "duration_us": one.duration_us, "outcome": storable(one.outcome, _SHORT_CHARS),
            "stored_us": one.stored_us or None, "size_bytes": one.size_bytes,
            "sender": (storable(one.sender, KEY_CHARS) or None) if own else None,
            "source": (storable(one.source, KEY_CHARS) or None) if own else None,
            "subject": _key(one.subject), "sent_us": micros_of(one.sent_at),
            "correlation": _key(one.correlation) if own else None,
            "causation": _key(one.causation) if own else None,
            "trace_id": storable(one.trace_id, 32) if own and one.trace_id else None,
            "redrive_of": _key(one.redrive_of), "replay": _key(one.replay),
        }
        for one in batch.receipts
        if _fits(one.seq, one.stored_us, one.started_us, one.duration_us) and 0 <= one.attempt <= _MAX_INT
    ]  # fmt: skip


def attempt_rows(part: int, stored_us: int, subject: str, payload: bytes) -> list[Row]:
    """Return the row of a failed attempt; these are stored before a message is given back, so none is missing."""
    try:
        one = _attempt.decode(payload)
        principal, lane, reader = _reader_of(subject)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return []
    if not _fits(one.stream_seq) or not 0 <= one.number <= _MAX_INT or not 0 <= one.duration_ms < _MAX_INT:
        return []
    took_us = round(one.duration_ms * 1000)
    return [
        {
            "part": part, "message_id": storable(one.message_id, KEY_CHARS), "lane": lane, "reader": reader,
            "stream_seq": one.stream_seq, "attempt": one.number, "origin": 1, "recorded_us": stored_us,
            "principal": principal, "agent": storable(one.agent, _SHORT_CHARS),
            "instance": storable(one.instance, _SHORT_CHARS), "version": storable(one.version, _SHORT_CHARS),
            "started_us": micros_of(one.started_at) or stored_us - took_us, "duration_us": took_us,
            "outcome": _outcome_of(one),
            "error": storable(one.error.message, _ERROR_CHARS),
            "type": None, "stored_us": None, "size_bytes": None, "sender": None, "source": None, "subject": None,
            "sent_us": None, "correlation": None, "causation": None, "trace_id": None, "redrive_of": None,
            "replay": None,
        }
    ]  # fmt: skip


def _outcome_of(attempt: frames.Attempt) -> str:
    """Return what a receipt of the same attempt would call it."""
    if not attempt.final:
        return FAILED
    if attempt.outcome == DROPPED:
        return DROPPED
    return EXPIRED if attempt.error.code == MessageExpiredError.code else DEAD


def letter_row(
    part: int, seq: int, stored_us: int, subject: str, payload: bytes, headers: dict[str, str]
) -> Row | None:
    """Return the row of a dead letter, or None where its subject says nothing."""
    try:
        _principal, lane, reader = _reader_of(subject)
    except ValueError:
        return None
    head = _read(payload, headers)
    came_from = headers.get(frames.HEADER_SUBJECT, "")
    return {
        "part": part, "seq": seq, "message_id": storable(head.id, KEY_CHARS), "lane": lane, "reader": reader,
        "type": storable(head.type, KEY_CHARS), "source": storable(head.source, KEY_CHARS),
        "subject": _key(head.subject), "sender": storable(_sender(came_from), KEY_CHARS),
        "sent_us": micros_of(head.time), "died_us": stored_us, "size_bytes": len(payload),
        "stream_seq": _number(headers.get(frames.HEADER_STREAM_SEQ)),
        "reason": storable(headers.get(frames.HEADER_REASON, "unknown"), _SHORT_CHARS),
        "error": storable(headers.get(frames.HEADER_ERROR, ""), _ERROR_CHARS),
        "correlation": _key(head.correlationid), "causation": _key(head.causationid),
        "trace_id": trace_id(head.traceparent), "redrive_of": _key(headers.get(frames.HEADER_REDRIVE_OF)),
    }  # fmt: skip


def is_pattern(wanted: str) -> bool:
    return any(segment in {"*", ">", "**"} for segment in wanted.split("."))


def literal_prefix(pattern: str) -> str:
    """Return what every type that a pattern names begins with."""
    kept: list[str] = []
    for segment in pattern.split("."):
        if segment in {"*", ">", "**"}:
            return ".".join([*kept, ""]) if kept else ""
        kept.append(segment)
    return pattern


def matcher(pattern: str) -> re.Pattern[str]:
    """Return what recognises the types that `pattern` names: `*` is one segment, a final `>` the rest."""
    segments = pattern.split(".")
    parts = ["[^.]+" if segment == "*" else re.escape(segment) for segment in segments[:-1]]
    last = segments[-1]
    parts.append(".+" if last in {">", "**"} else "[^.]+" if last == "*" else re.escape(last))
    return re.compile(r"\.".join(parts), re.DOTALL)


def micros(moment: datetime) -> int:
    """Return microseconds since 1970."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(us: int) -> datetime:
    """Return the moment `us` microseconds after 1970."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)


def micros_of(text: str | None) -> int | None:
    """Return an RFC 3339 time as microseconds since 1970, or None where it is none."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        return micros(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def clip(text: str) -> str:
    """Return a value to search for as the index holds it."""
    return storable(text, KEY_CHARS)


@lru_cache(maxsize=4096)
def _address(subject: str) -> tuple[str, str, str | None]:
    """Return (type, sender, group or None) out of the subject of an event, or of a copy for one group."""
    tokens = subject.split(".")
    try:
        group = subjects.untoken(tokens[3]) if tokens[2] == "redrive" else None
        at = 3 if group is None else 4
        event_type = ".".join(subjects.untoken(token) for token in tokens[at + 1 :])
        return storable(event_type, KEY_CHARS), storable(subjects.untoken(tokens[at]), KEY_CHARS), group
    except (IndexError, UnicodeDecodeError):
        return storable(subject, KEY_CHARS), "", None


def _read(payload: bytes, headers: dict[str, str]) -> _Head:
    """Return a CloudEvent's attributes, structured or binary; of what is none, the broker's message id."""
    if _BINARY in headers:
        return _Head(**{name: headers[f"ce-{name}"] for name in _Head.__struct_fields__ if f"ce-{name}" in headers})
    try:
        return _head.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Head(id=headers.get(frames.HEADER_MSG_ID, ""))


def _key(text: str | None) -> str | None:
    return storable(text, KEY_CHARS) if text else None


def _sender(subject: str) -> str:
    try:
        return subjects.sender_of(subject)
    except (KeyError, IndexError, UnicodeDecodeError):
        return ""


def _reader_of(subject: str) -> tuple[str, str, str]:
    """Return (principal, lane, reader) out of a receipt, attempt or dead-letter subject; ValueError where it is none."""
    tokens = subject.split(".")
    if len(tokens) != _ATTEMPT_PARTS or tokens[4] not in {"queue", "group", CALL}:
        raise ValueError(subject)
    return subjects.untoken(tokens[3]), tokens[4], subjects.untoken(tokens[5])


def _fits(*numbers: int) -> bool:
    return all(0 <= number <= _MAX_BIGINT for number in numbers)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 18 else 0  # noqa: PLR2004 -- below 2**63


# Traces


@dataclass(kw_only=True)
class Facts:
    """What is on record about some messages: rows of the index, and what those beside it know."""

    events: list[Any] = field(default_factory=list)
    handlings: list[Any] = field(default_factory=list)
    letters: list[Any] = field(default_factory=list)
    fates: dict[int, LetterFate] = field(default_factory=dict)
    waits: dict[int, list[GroupWait]] = field(default_factory=dict)

    def add(self, other: "Facts") -> None:
        self.events += other.events
        self.handlings += other.handlings
        self.letters += other.letters

    def rows(self) -> int:
        return len(self.events) + len(self.handlings) + len(self.letters)

    def ids(self) -> set[str]:
        """Return the ids of the messages that are told of."""
        told = {row.message_id for row in (*self.handlings, *self.letters)}
        return {row.id for row in self.events} | told

    def causes(self) -> dict[str, str]:
        """Return message id → id of the message that caused it."""
        found = {row.message_id: row.causation for row in (*self.handlings, *self.letters) if row.causation}
        return found | {row.id: row.causation for row in self.events if row.causation}


def nodes(facts: Facts) -> dict[str, TraceNode]:
    """Return a node for each message, in the order of time, without children."""
    by_id: dict[str, Facts] = {}
    for row in facts.events:
        by_id.setdefault(row.id, Facts()).events.append(row)
    for row in facts.handlings:
        by_id.setdefault(row.message_id, Facts()).handlings.append(row)
    for row in facts.letters:
        by_id.setdefault(row.message_id, Facts()).letters.append(row)
    made = [_node(message_id, of, facts) for message_id, of in by_id.items()]
    return {node.id: node for node in sorted(made, key=lambda node: node.sent_at or node.stored_at or "")}


def grow(found: dict[str, TraceNode]) -> list[TraceNode]:
    """Hang each node under the one that caused it, in place; the roots. A circle is cut where it is entered."""
    roots = [node for node in found.values() if node.causation_id not in found]
    placed: set[str] = set()
    pending = list(roots)
    children: dict[str, list[TraceNode]] = {}
    for node in found.values():
        if node.causation_id is not None:
            children.setdefault(node.causation_id, []).append(node)
    while pending or len(placed) < len(found):
        if not pending:
            entered = next(node for node in found.values() if node.id not in placed)
            roots.append(entered)
            pending.append(entered)
        node = pending.pop()
        placed.add(node.id)
        node.children = [child for child in children.get(node.id, []) if child.id not in placed]
        placed.update(child.id for child in node.children)
        pending += node.children
    return roots


def unknown(message_id: str) -> TraceNode:
    """Return a node for a message that left only its effects on record."""
    return TraceNode(
        id=message_id, kind="unknown", type="", sender="", source="", subject=None, sent_at=None, stored_at=None,
        correlation_id=None, causation_id=None, trace_id=None, size_bytes=None, is_cloudevent=True, copies=[],
        handlings=[], dead_letters=[], waiting=[], children=[],
    )  # fmt: skip


def timeline(roots: list[TraceNode], now: datetime) -> list[Span]:
    """Return everything that happened as one list, in the order of time."""
    spans: list[Span] = []
    pending = [(root, 0) for root in reversed(roots)]
    while pending:
        node, depth = pending.pop()
        spans += _spans(node, depth, micros(now))
        pending += [(child, depth + 1) for child in reversed(node.children)]
    spans.sort(key=lambda span: span.start)
    begin = micros_of(spans[0].start) if spans else None
    for span in spans:
        span.offset_ms = ((micros_of(span.start) or 0) - (begin or 0)) / 1000
    return spans


def _node(message_id: str, of: Facts, facts: Facts) -> TraceNode:
    originals = [row for row in of.events if row.reader is None] or of.events
    telling = [row for row in of.handlings if row.type] + of.letters
    first = originals[0] if originals else telling[0] if telling else None
    if first is None:
        node = unknown(message_id)
    else:
        node = TraceNode(
            id=message_id, kind=_kind(of), type=first.type or "", sender=first.sender or "", source=first.source or "",
            subject=first.subject, sent_at=_text(first.sent_us), stored_at=_text(getattr(first, "stored_us", None)),
            correlation_id=first.correlation, causation_id=first.causation, trace_id=first.trace_id,
            size_bytes=first.size_bytes, is_cloudevent=getattr(first, "is_cloudevent", True), copies=[], handlings=[],
            dead_letters=[], waiting=[], children=[],
        )  # fmt: skip
    node.copies = [_copy(row) for row in of.events]
    node.handlings = [_handling(row) for row in sorted(of.handlings, key=lambda row: row.started_us)]
    node.dead_letters = [_letter(row, facts.fates.get(row.seq)) for row in of.letters]
    done = {(row.reader, row.stream_seq) for row in of.handlings if row.outcome != FAILED}
    node.waiting = [
        Waiting(group=wait.group, state=wait.state)
        for row in of.events
        for wait in facts.waits.get(seq_of(row.key), [])
        if (wait.group, seq_of(row.key)) not in done
    ]
    return node


def _kind(of: Facts) -> Literal["event", "task", "call"]:
    lanes = {row.lane for row in (*of.handlings, *of.letters)}
    if of.events or not lanes & {"queue", CALL}:
        return "event"
    return "call" if CALL in lanes else "task"


def _copy(row: Any) -> Copy:
    return Copy(
        seq=seq_of(row.key), stored_at=rfc3339(moment(row.stored_us)), group=row.reader, redrive_of=row.redrive_of,
        replay=row.replay,
    )  # fmt: skip


def _handling(row: Any) -> Handling:
    return Handling(
        lane=row.lane, reader=row.reader, attempt=row.attempt, outcome=row.outcome, agent=row.agent,
        instance=row.instance, version=row.version, started_at=rfc3339(moment(row.started_us)),
        duration_ms=row.duration_us / 1000, error=row.error, redrive_of=row.redrive_of, replay=row.replay,
        waited_ms=None if row.stored_us is None else (row.started_us - row.stored_us) / 1000,
    )  # fmt: skip


def _letter(row: Any, fate: LetterFate | None) -> TracedLetter:
    return TracedLetter(
        id=fate.id if fate else None, lane=row.lane, reader=row.reader, reason=row.reason, error=row.error,
        died_at=rfc3339(moment(row.died_us)), redriven_at=rfc3339_or_none(fate.redriven_at) if fate else None,
        redriven_by=fate.redriven_by if fate else None,
    )  # fmt: skip


def _spans(node: TraceNode, depth: int, now_us: int) -> list[Span]:
    def span(
        start: str, kind: Any, name: str, agent: str | None, outcome: str | None, took_ms: float | None = 0.0
    ) -> Span:
        began = micros_of(start) or 0
        end = None if took_ms is None else rfc3339(moment(began + round(took_ms * 1000)))
        return Span(
            start=start, end=end, offset_ms=0.0, kind=kind, name=name, agent=agent, outcome=outcome,
            duration_ms=max(0, now_us - began) / 1000 if took_ms is None else took_ms, message_id=node.id, depth=depth,
        )  # fmt: skip

    sent = node.sent_at or node.stored_at
    found = [] if sent is None else [span(sent, "sent", node.type, node.sender or None, None)]
    found += [span(h.started_at, "handling", h.reader, h.agent, h.outcome, h.duration_ms) for h in node.handlings]
    found += [span(one.died_at, "dead_letter", one.reader, None, one.reason) for one in node.dead_letters]
    found += [
        span(one.redriven_at, "redrive", one.reader, one.redriven_by, None)
        for one in node.dead_letters
        if one.redriven_at is not None
    ]
    if node.stored_at is not None:
        found += [span(node.stored_at, "waiting", w.group, None, w.state, None) for w in node.waiting]
    return found


def _text(us: int | None) -> str | None:
    return None if us is None else rfc3339(moment(us))
