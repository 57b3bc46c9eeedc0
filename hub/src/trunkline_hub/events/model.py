"""Rules about events and the groups that follow them. Pure."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from trunkline.protocol import rules
from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.trace import trace_id
from trunkline_hub.core.lookup import Lookup

DEFAULT_ACK_WAIT_S = 30.0
MAX_IN_FLIGHT = 10_000
MAX_ACK_WAIT_S = 86400.0
_TYPE = re.compile(r"[^\s*>]{1,255}")
_PATTERN = re.compile(r"[^\s]{1,255}")
_SUBJECT = re.compile(r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*")


def check_type(event_type: str) -> None:
    """Refuse types that cannot be subjects.

    Raises:
        RequestInvalidError
    """
    if not _TYPE.fullmatch(event_type):
        detail = "must be 1 to 255 characters without spaces, '*' or '>'"
        raise RequestInvalidError(errors=[FieldError("/type", detail)])


def is_plain_subject(subject: str) -> bool:
    """Whether `subject` is one address on the bus: no wildcard, no empty token."""
    return _SUBJECT.fullmatch(subject) is not None


def check_patterns(patterns: list[str], pointer: str) -> list[str]:
    """Return the patterns without those that others include, or every event where there are none.

    Raises:
        RequestInvalidError
    """
    for index, pattern in enumerate(patterns):
        segments = pattern.split(".")
        misplaced = any(segment in {">", "**"} for segment in segments[:-1])
        if not _PATTERN.fullmatch(pattern) or misplaced:
            detail = "must be a dotted type; '*' stands for one segment, a final '>' for the rest"
            raise RequestInvalidError(errors=[FieldError(f"{pointer}/{index}", detail)])
    return _disjoint(patterns, pointer) or [">"]


def _disjoint(patterns: list[str], pointer: str) -> list[str]:
    """The broker takes no two filters that name the same subject."""
    kept: list[str] = []
    for index, pattern in enumerate(patterns):
        others = [other for at, other in enumerate(patterns) if at != index and (other != pattern or at < index)]
        if any(_covers(other, pattern) for other in others):
            continue
        partly = next((other for other in kept if _collide(other, pattern) and not _covers(pattern, other)), None)
        if partly is not None:
            detail = f"names some of the same types as {partly!r}; give one pattern that includes both"
            raise RequestInvalidError(errors=[FieldError(f"{pointer}/{index}", detail)])
        kept.append(pattern)
    return kept


def check_group(pointer: str, retry: RetryPolicy, ack_wait_s: float) -> None:
    """Refuse what the broker cannot keep.

    Raises:
        RequestInvalidError
    """
    problems = rules.problems(retry, f"{pointer}/retry")
    if not 1 <= ack_wait_s <= MAX_ACK_WAIT_S:
        problems.append(FieldError(f"{pointer}/ack_wait_s", f"must be 1 to {MAX_ACK_WAIT_S:g}"))
    if problems:
        raise RequestInvalidError(errors=problems)


def parse_time(text: str | None, pointer: str) -> datetime | None:
    """Return an RFC 3339 time in UTC.

    Raises:
        RequestInvalidError
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        detail = "must be RFC 3339, such as 2026-11-22T10:00:00Z"
        raise RequestInvalidError(errors=[FieldError(pointer, detail)]) from None


def names(pattern: str, event_type: str) -> bool:
    """Whether `pattern` names `event_type`."""
    return _covers(pattern, event_type)


def matches(event: dict[str, Any], sender: str, stored_at: datetime, wanted: Lookup) -> bool:
    """Whether an event passes the conditions that subjects cannot express."""
    of_transaction = {event.get("correlationid"), event.get("id")}
    trace = event.get("traceparent")
    return (
        (wanted.subject is None or event.get("subject") == wanted.subject)
        and (wanted.id is None or event.get("id") == wanted.id)
        and (wanted.sender is None or sender == wanted.sender)
        and (wanted.correlation_id is None or wanted.correlation_id in of_transaction)
        and (wanted.trace_id is None or trace_id(trace if isinstance(trace, str) else None) == wanted.trace_id)
        and (wanted.since is None or stored_at >= wanted.since)
        and (wanted.until is None or stored_at < wanted.until)
    )


def _covers(wide: str, narrow: str) -> bool:
    """Whether every type that `narrow` names is named by `wide`."""
    return _match(wide, narrow, lambda ours, theirs: ours in {"*", theirs} and theirs != ">")


def _collide(one: str, other: str) -> bool:
    """Whether some type is named by both."""
    return _match(one, other, lambda ours, theirs: "*" in {ours, theirs} or ours == theirs) or _match(
        other, one, lambda ours, theirs: "*" in {ours, theirs} or ours == theirs
    )


def _match(pattern: str, against: str, fits: Callable[[str, str], bool]) -> bool:
    ours, theirs = (text.replace("**", ">").split(".") for text in (pattern, against))
    rest = ours[-1] == ">"
    head = ours[:-1] if rest else ours
    if len(theirs) < len(ours) if rest else len(theirs) != len(ours):
        return False
    return all(fits(a, b) for a, b in zip(head, theirs, strict=False))
