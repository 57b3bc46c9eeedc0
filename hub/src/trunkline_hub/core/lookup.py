"""What features ask each other about stored messages; the answers arrive through ports filled in `app.py`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """Which events are wanted; what is None does not matter. Times are those of storing, `until` exclusive."""

    type: str | None = None
    """A type or a pattern."""
    subject: str | None = None
    id: str | None = None
    sender: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    trace_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """Places in the log, in the order asked for; `more` when the index holds further ones."""

    seqs: list[int]
    more: bool
    indexed_up_to: int


class LetterFate(NamedTuple):
    """What became of a dead letter."""

    id: str
    redriven_at: datetime | None
    """When its redrive began; None while it waits."""
    redriven_by: str | None


class StoredEvent(NamedTuple):
    """An event as groups see it."""

    type: str
    seq: int
    stored_at: datetime
    group: str | None
    """The one group that gets it, of a copy made by a redrive or a replay."""


class GroupWait(NamedTuple):
    """A group that has not settled an event yet: it waits, or a worker has it."""

    group: str
    state: Literal["waiting", "in_flight"]
