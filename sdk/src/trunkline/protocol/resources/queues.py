"""Queues and the work put into them."""

from typing import Any

import msgspec

from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.queueing import QueueOptions
from trunkline.protocol.resources.queue_control import QueueStatus


class QueueDeclaration(QueueOptions, kw_only=True):
    """Settings of a queue; what is left out takes the default, or stays as it is."""

    retry: RetryPolicy | None = None
    ack_wait_s: float | None = None


class QueueSettings(QueueDeclaration, kw_only=True):
    """Settings of a queue as they are, and where it lies."""

    page: int = 0
    """Which of the streams that plain queues share it is in; the hub chooses. Senders need it."""


class QueueLaneState(msgspec.Struct, kw_only=True):
    """One consumer of a queue: what one class or partition holds now."""

    priority: str
    partition: int | None
    depth: int
    in_flight: int


class Queue(msgspec.Struct, kw_only=True):
    """A queue: its settings and what is in it now."""

    name: str
    retry: RetryPolicy
    ack_wait_s: float
    max_in_flight: int
    classes: dict[str, int]
    """Weight by priority class."""
    concurrency_per_key: int
    """1 means strict order per key, 0 that keys do not matter."""
    partitions: int
    dedupe_window_s: float
    max_messages: int
    max_bytes: int
    expires_after_s: float
    page: int
    """Which of the streams that plain queues share it is in."""
    depth: int
    """Messages waiting for a worker."""
    in_flight: int
    """Messages given to a worker and not yet settled."""
    redelivered: int
    workers_waiting: int
    """Requests for work that wait at the broker."""
    workers: int
    """Running agents that take its work."""
    consumers: int
    oldest_age_s: float | None
    """Age of the oldest message that is not done; None when there is none."""
    in_per_s: float
    """Messages put in each second of the last minute."""
    out_per_s: float
    """Messages taken and settled each second of the last minute; one that is tried again counts again."""
    trend: list[int]
    """Depth, one value a sample, oldest first."""
    trend_s: float
    """Seconds from one value of `trend` to the next."""
    lanes: list[QueueLaneState]
    """By class and partition, where it has any; only for a single queue."""
    dead: int
    created_at: str
    status: QueueStatus = msgspec.field(default_factory=QueueStatus)


class QueuePage(msgspec.Struct, kw_only=True):
    items: list[Queue]
    next: str | None = None


class EnqueueRequest(msgspec.Struct, kw_only=True):
    """Work for a queue. With the same `id` it is stored once."""

    data: Any = None
    type: str | None = None
    id: str | None = None
    key: str | None = None
    priority: str | None = None
    dedupe_key: str | None = None
    """Stored once within the queue's window, whatever its id."""
    expires_in_s: float | None = None
    """Seconds that it may wait in the queue; a delayed message's begin when it enters."""
    expires_at: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    """Id of the message whose handling sent this one."""
    delay_s: float | None = None
    """Wait this long before any worker gets it."""
    deliver_at: str | None = None
    """RFC 3339: wait until then; not together with `delay_s`."""
