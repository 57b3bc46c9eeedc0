"""Rules of operating queues. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trunkline.protocol import modes, subjects
from trunkline.protocol.errors import (
    FieldError,
    QueueMessageUnknownError,
    RequestInvalidError,
    TrunklineError,
)
from trunkline.protocol.resources import MessageFilter, QueueState
from trunkline_hub.core.preview import storable

Verb = Literal["pause", "drain", "resume"]
AFTER: dict[Verb, QueueState] = {"pause": "paused", "drain": "draining", "resume": "active"}
HELD: frozenset[QueueState] = frozenset({"paused", "deleting"})
"""Nothing is handed out."""
CLOSED: frozenset[QueueState] = frozenset({"draining", "deleting"})
"""Nothing is taken in."""

REASON_PURGED = "purged"
REASON_CANCELLED = "cancelled"
REASON_UNROUTABLE = "unroutable"

MAX_REASON_CHARS = 1000
_UNKNOWN = "unknown"
_MAX_DIGITS = 15
_BATCH = 500
_SLICE_S = 0.25
"""With a pace, work is done in slices of about this many seconds."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a stored message says of itself, as far as it is one."""

    id: str
    type: str
    sender: str
    key: str | None


def read(subject: str, payload: bytes, headers: dict[str, str]) -> Facts:
    """Return what a message says of itself; never fails on its contents."""
    try:
        message = modes.read(payload, headers)
    except TrunklineError:
        return Facts(id=_UNKNOWN, type=_UNKNOWN, sender=subjects.sender_of(subject), key=None)
    key = message.partitionkey
    return Facts(
        id=storable(message.id, 512), type=storable(message.type, 512), sender=subjects.sender_of(subject),
        key=None if key is None else storable(key, 512),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Picks messages out of a queue; the sender is picked by the broker."""

    type: str | None = None
    key: str | None = None
    before: datetime | None = None
    since: datetime | None = None

    @property
    def needs_looking(self) -> bool:
        """Whether each message must be looked at."""
        return self.type is not None or self.key is not None or self.before is not None

    def has(self, subject: str, payload: bytes, headers: dict[str, str], stored_at: datetime) -> bool:
        """Whether a message is meant."""
        if self.before is not None and stored_at >= self.before:
            return False
        if self.since is not None and stored_at < self.since:
            return False
        if self.type is None and self.key is None:
            return True
        facts = read(subject, payload, headers)
        return (self.type is None or facts.type == self.type) and (self.key is None or facts.key == self.key)


def sequence(text: str) -> int:
    """Return the sequence that an address names.

    Raises:
        QueueMessageUnknownError: it is none, so there is no such message.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise QueueMessageUnknownError(f"{text!r} is not the sequence of a message")
    return int(text)


def batch_size(rate_per_s: float | None) -> int:
    """Return how many messages to work on at once."""
    return _BATCH if rate_per_s is None else max(1, min(_BATCH, round(rate_per_s * _SLICE_S)))


def check_reason(reason: str, pointer: str = "/reason") -> None:
    """Refuse what is too long to keep.

    Raises:
        RequestInvalidError
    """
    if len(reason) > MAX_REASON_CHARS or "\0" in reason:
        raise RequestInvalidError(errors=[FieldError(pointer, f"at most {MAX_REASON_CHARS} characters, no NUL")])


def check_filter(wanted: MessageFilter) -> None:
    """Refuse an age that is none.

    Raises:
        RequestInvalidError
    """
    if wanted.older_than_s is not None and not 0 <= wanted.older_than_s < 10**9:  # noqa: PLR2004 -- some 30 years
        raise RequestInvalidError(errors=[FieldError("/filter/older_than_s", "must be 0 to 1000000000")])
