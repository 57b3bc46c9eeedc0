"""Cursor paging: opaque, stateless, stable while rows come and go."""

import base64
from collections.abc import Callable, Sequence
from typing import TypeVar

from trunkline.protocol.errors import CursorInvalidError

T = TypeVar("T")

MAX_LIMIT = 500
_MAX_DIGITS = 18
"""Sequences are below 2**63."""


def encode_cursor(position: str) -> str:
    """Return an opaque cursor for the last position a page showed."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """Return the position inside `cursor`.

    Raises:
        CursorInvalidError: it is not one that `encode_cursor` made.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = raw.decode()
    except ValueError:
        raise CursorInvalidError(f"{cursor!r} is not a cursor") from None
    if not position.isprintable():
        raise CursorInvalidError(f"{cursor!r} is not a cursor")
    return position


def decode_number(cursor: str | None) -> int | None:
    """Return the number inside `cursor`, or raise CursorInvalidError."""
    position = decode_cursor(cursor)
    if position is None:
        return None
    if not position.isascii() or not position.isdigit() or len(position) > _MAX_DIGITS:
        raise CursorInvalidError(f"{cursor!r} is not a cursor of this list")
    return int(position)


def cut(rows: Sequence[T], limit: int, position: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """Split `limit + 1` fetched rows into a page and the cursor for the next one."""
    if len(rows) <= limit:
        return rows, None
    kept = rows[:limit]
    return kept, encode_cursor(position(kept[-1]))
