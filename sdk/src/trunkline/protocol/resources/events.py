"""Events as they lie in the log."""

from typing import Any

import msgspec


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
