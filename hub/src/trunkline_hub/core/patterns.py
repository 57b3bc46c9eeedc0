"""Patterns of event types, times and subjects as callers write them. Pure.

`*` stands for one segment of a type, a final `>` (or `**`) for the rest.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from trunkline.protocol.errors import FieldError, RequestInvalidError

_PATTERN = re.compile(r"[^\s]{1,255}")
_SUBJECT = re.compile(r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*")


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


def subject_matcher(filters: Sequence[str]) -> Callable[[str], bool]:
    """Return a test for subjects on the bus that some filter names, as the broker does it."""
    compiled = re.compile("|".join(_as_regex(one) for one in filters))
    return lambda subject: compiled.fullmatch(subject) is not None


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


def _as_regex(subject_filter: str) -> str:
    *head, last = subject_filter.split(".")
    parts = [r"[^.]+" if step == "*" else re.escape(step) for step in head]
    parts.append(".+" if last == ">" else r"[^.]+" if last == "*" else re.escape(last))
    return r"\.".join(parts)
