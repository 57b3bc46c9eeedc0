"""W3C Trace Context: the `traceparent` that follows a message from hop to hop."""

import re
from contextvars import ContextVar
from random import getrandbits

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")

current_traceparent: ContextVar[str | None] = ContextVar("trunkline_traceparent", default=None)
"""The trace of the message being handled in this task, if any."""


def is_traceparent(value: str) -> bool:
    """Whether `value` is a version 00 `traceparent` with non-zero ids."""
    match = _TRACEPARENT.fullmatch(value)
    return match is not None and match[1].strip("0") != "" and match[2].strip("0") != ""


def child_of(parent: str | None) -> str:
    """Return a `traceparent` that continues `parent`, or starts a sampled trace."""
    if parent is not None and (match := _TRACEPARENT.fullmatch(parent)):
        return f"00-{match[1]}-{getrandbits(64) or 1:016x}-{match[3]}"
    bits = f"{getrandbits(192):048x}"
    return f"00-{bits[:32]}-{bits[32:]}-01"


def next_traceparent() -> str:
    """Return the `traceparent` for a message sent from the current context."""
    return child_of(current_traceparent.get())


def trace_id(traceparent: str | None) -> str | None:
    """Return the 32 hex digits that name the whole trace, or None."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    return match[1] if match else None
