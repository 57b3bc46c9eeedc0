"""Groups that follow events, and how far behind they are."""

import msgspec

from trunkline.protocol.frames import RetryPolicy


class Group(msgspec.Struct, kw_only=True):
    """A group of readers with a cursor of its own on the event log."""

    name: str
    types: list[str]
    retry: RetryPolicy
    ack_wait_s: float
    waiting: int
    """Events not given to a worker yet."""
    in_flight: int
    """Events given to a worker and not settled."""
    redelivered: int
    workers_waiting: int
    """Pull requests that wait for an event; 0 when all workers are busy, or none is connected."""
    oldest_unhandled_at: str | None
    """When the oldest event was stored that the group has not settled."""
    oldest_unhandled_s: float | None
    rate_per_s: float | None
    """Events settled a second, of late; None until there are two samples."""
    created_at: str


class GroupPage(msgspec.Struct, kw_only=True):
    items: list[Group]
    next: str | None = None
