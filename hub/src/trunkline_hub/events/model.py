"""Rules about events and the groups that follow them. Pure."""

import re
from datetime import UTC, datetime

from trunkline.protocol.errors import FieldError, RequestInvalidError

DEFAULT_ACK_WAIT_S = 30.0
MAX_IN_FLIGHT = 10_000
_TYPE = re.compile(r"[^\s*>]{1,255}")
_PATTERN = re.compile(r"[^\s]{1,255}")
_HUB_TYPES = "trunkline."


def check_type(event_type: str) -> None:
    """Refuse types that cannot be subjects.

    Raises:
        RequestInvalidError
    """
    if not _TYPE.fullmatch(event_type):
        detail = "must be 1 to 255 characters without spaces, '*' or '>'"
        raise RequestInvalidError(errors=[FieldError("/type", detail)])


def check_patterns(patterns: list[str], pointer: str) -> list[str]:
    """Return the patterns, or every event where there are none.

    Raises:
        RequestInvalidError
    """
    for index, pattern in enumerate(patterns):
        segments = pattern.split(".")
        misplaced = any(segment in {">", "**"} for segment in segments[:-1])
        if not _PATTERN.fullmatch(pattern) or misplaced:
            detail = "must be a dotted type; '*' stands for one segment, a final '>' for the rest"
            raise RequestInvalidError(errors=[FieldError(f"{pointer}/{index}", detail)])
    return patterns or [">"]


def parse_time(text: str | None, pointer: str) -> datetime | None:
    """Return an RFC 3339 time in UTC.

    Raises:
        RequestInvalidError
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        detail = "must be RFC 3339, such as 2026-11-22T10:00:00Z"
        raise RequestInvalidError(errors=[FieldError(pointer, detail)]) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
