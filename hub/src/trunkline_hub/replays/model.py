"""Rules about selections and replays. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from trunkline.protocol import binary, frames, modes, subjects
from trunkline.protocol.errors import FieldError, MessageError, RequestInvalidError
from trunkline.protocol.resources import ReplayRequest, Selection
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.patterns import check_patterns, parse_time

MAX_SPEED = 1_000_000.0
MAX_CHUNK = 500
_CHUNKS_PER_S = 4
"""At a pace, this many steps a second, so that it is even."""
_SAMPLES = 5
_TYPES = 100
_MAX_BIGINT = 2**63 - 1
_NOT_CARRIED = ("nats-", "tl-replay")


class _Attributes(msgspec.Struct):
    id: str = ""
    subject: str | None = None
    correlationid: str | None = None


_decoder = msgspec.json.Decoder(_Attributes)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A selection that was checked."""

    filters: tuple[str, ...]
    after_seq: int | None
    until_seq: int | None
    since: datetime | None
    until: datetime | None
    subject: str | None
    correlation_id: str | None

    @property
    def looks_inside(self) -> bool:
        """Whether it asks for what subjects on the bus cannot express."""
        return self.subject is not None or self.correlation_id is not None

    def matches(self, payload: bytes, headers: dict[str, str]) -> bool:
        """Whether an event passes the conditions that subjects on the bus cannot express."""
        if not self.looks_inside:
            return True
        found = _attributes(payload, headers)
        return (self.subject is None or found.subject == self.subject) and (
            self.correlation_id is None or self.correlation_id in {found.correlationid, found.id}
        )


def check_selection(workspace: str, selection: Selection, prefix: str = "/") -> Wanted:
    """Return what a selection asks for.

    Raises:
        RequestInvalidError
    """
    for name in ("after_seq", "until_seq"):
        seq = getattr(selection, name)
        if seq is not None and not 0 <= seq <= _MAX_BIGINT:
            raise RequestInvalidError(errors=[FieldError(f"{prefix}{name}", f"must be 0 to {_MAX_BIGINT}")])
    patterns = check_patterns(selection.types, f"{prefix}types")
    return Wanted(
        filters=tuple(subjects.event_filter(workspace, pattern) for pattern in patterns),
        after_seq=selection.after_seq, until_seq=selection.until_seq,
        since=parse_time(selection.since, f"{prefix}since"), until=parse_time(selection.until, f"{prefix}until"),
        subject=selection.subject, correlation_id=selection.correlation_id,
    )  # fmt: skip


def check_replay(wanted: ReplayRequest) -> None:
    """Refuse replays that make no sense.

    Raises:
        RequestInvalidError
    """
    problems: list[FieldError] = []
    needs_group = wanted.target in {"group", "new_group"}
    if needs_group and not wanted.group:
        problems.append(FieldError("/group", f"the target {wanted.target!r} needs one"))
    if wanted.group and not needs_group:
        problems.append(FieldError("/group", f"the target {wanted.target!r} takes none"))
    if wanted.follow and wanted.target != "new_group":
        problems.append(FieldError("/follow", "only a new group can follow"))
    if wanted.follow and (wanted.until is not None or wanted.until_seq is not None or _looks_inside(wanted)):
        problems.append(FieldError("/follow", "only a whole past, chosen by types, can be gone on with"))
    if wanted.speed is not None and not 0 < wanted.speed <= MAX_SPEED:
        problems.append(FieldError("/speed", f"must be above 0 and at most {MAX_SPEED:g}"))
    if problems:
        raise RequestInvalidError(errors=problems)


def title(wanted: ReplayRequest) -> str:
    """Return what a replay's job is called."""
    what = ", ".join(wanted.types) or "everything"
    where = {"file": "into a file", "dry_run": "only counted"}.get(wanted.target, f"to {wanted.group}")
    return f"Replay {what} {where}"


def chunk_size(rate_per_s: float | None) -> int:
    """Return how many events go in one step."""
    return MAX_CHUNK if rate_per_s is None else max(1, min(MAX_CHUNK, int(rate_per_s / _CHUNKS_PER_S)))


def copy_headers(headers: dict[str, str], replay: str, seq: int) -> dict[str, str]:
    """Return the headers of a copy: those of the original, and that it is one."""
    kept = {name: value for name, value in headers.items() if not name.lower().startswith(_NOT_CARRIED)}
    return kept | {frames.HEADER_REPLAY: replay, frames.HEADER_REPLAY_SEQ: str(seq)}


def msg_id(replay: str, seq: int) -> str:
    """Return the id under which the broker stores a copy once."""
    return f"replay:{replay}:{seq}"


@dataclass
class Summary:
    """What a dry run found."""

    events: int = 0
    size_bytes: int = 0
    types: Counter[str] = field(default_factory=Counter)
    first: dict[str, Any] | None = None
    last: dict[str, Any] | None = None
    sample: list[Any] = field(default_factory=list)

    def add(self, seq: int, subject: str, payload: bytes, headers: dict[str, str], stored_at: datetime) -> None:
        """Count one event."""
        self.events += 1
        self.size_bytes += len(payload)
        self.types[type_of(subject)] += 1
        self.last = {"seq": seq, "stored_at": rfc3339(stored_at)}
        self.first = self.first or self.last
        if len(self.sample) < _SAMPLES:
            self.sample.append({"seq": seq, "event": _shown(payload, headers)})

    def result(self) -> dict[str, Any]:
        return {
            "events": self.events, "size_bytes": self.size_bytes, "types": dict(self.types.most_common(_TYPES)),
            "first": self.first, "last": self.last, "sample": self.sample,
        }  # fmt: skip

    @classmethod
    def resumed(cls, result: dict[str, Any]) -> "Summary":
        """Return where a dry run stood; `result` is what `result` returned."""
        return cls(**{**result, "types": Counter(result["types"])}) if result else cls()


def type_of(subject: str) -> str:
    """Return the event type that a subject on the bus names."""
    return ".".join(subjects.untoken(token) for token in subject.split(".")[4:])


def _attributes(payload: bytes, headers: dict[str, str]) -> _Attributes:
    """Return what is asked of an event, also where its attributes are headers (binary mode)."""
    try:
        if modes.is_binary(headers):
            return msgspec.convert(binary.attributes_of(headers.items()), _Attributes)
        return _decoder.decode(payload)
    except (MessageError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Attributes()


def _looks_inside(wanted: Selection) -> bool:
    return wanted.subject is not None or wanted.correlation_id is not None


def _shown(payload: bytes, headers: dict[str, str]) -> Any:
    try:
        return modes.as_json(payload, headers)
    except MessageError:
        return payload[:1000].decode(errors="replace")
