"""Events as they lie in the log."""

from typing import Any

import msgspec

from trunkline.protocol.errors import Problem
from trunkline.protocol.frames import Ack


class Event(msgspec.Struct, kw_only=True):
    """An event in the log: its place, the pinned sender, and the CloudEvent itself."""

    seq: int
    sender: str
    stored_at: str
    event: dict[str, Any]


class EventPage(msgspec.Struct, kw_only=True):
    items: list[Event]
    next: str | None = None
    indexed_up_to: int | None = None
    """Up to here the index answered, beyond it the log itself; None where no index was asked."""
    last_seq: int | None = None
    """The log's newest place at the time of the query."""


class BatchItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of one event of a batch: stored, or refused and why."""

    ack: Ack | None = None
    problem: Problem | None = None


class BatchResult(msgspec.Struct, kw_only=True):
    """What became of each event of a batch, in their order."""

    items: list[BatchItem]
    stored: int
    failed: int
