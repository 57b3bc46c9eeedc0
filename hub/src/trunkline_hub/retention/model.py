"""Rules about limits. Pure."""

import re

from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.resources import KeepDeclaration, RetentionChange

MIN_AGE_S = 120.0
"""The broker remembers ids for so long, and nothing may leave sooner."""
MAX_AGE_S = 100 * 366 * 86400.0
MIN_BYTES = 2**20
MAX_BYTES = 2**50
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


def check_limits(change: RetentionChange) -> None:
    """Refuse limits that the broker cannot keep.

    Raises:
        RequestInvalidError
    """
    _refuse(_problems(change.max_age_s, change.max_bytes))


def check_keep(name: str, wanted: KeepDeclaration) -> None:
    """Refuse names that cannot be part of a stream's, and limits that the broker cannot keep.

    Raises:
        RequestInvalidError
    """
    problems = _problems(wanted.max_age_s, wanted.max_bytes)
    if not _NAME.fullmatch(name):
        problems.append(FieldError("/name", "must be 1 to 31 of a-z, 0-9 and '-'"))
    if not wanted.types:
        problems.append(FieldError("/types", "must name at least one type or pattern"))
    _refuse(problems)


def _problems(max_age_s: float | None, max_bytes: int | None) -> list[FieldError]:
    problems: list[FieldError] = []
    if max_age_s is not None and not MIN_AGE_S <= max_age_s <= MAX_AGE_S:
        problems.append(FieldError("/max_age_s", f"must be {MIN_AGE_S:g} to {MAX_AGE_S:g}"))
    if max_bytes is not None and not MIN_BYTES <= max_bytes <= MAX_BYTES:
        problems.append(FieldError("/max_bytes", f"must be {MIN_BYTES} to {MAX_BYTES}"))
    return problems


def _refuse(problems: list[FieldError]) -> None:
    if problems:
        raise RequestInvalidError(errors=problems)
