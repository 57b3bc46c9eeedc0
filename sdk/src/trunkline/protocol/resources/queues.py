"""Queues and the work put into them."""

from typing import Any

import msgspec

from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.resources.queue_control import QueueStatus


class QueueDeclaration(msgspec.Struct, kw_only=True):
    """Settings of a queue; what is left out takes the default."""

    retry: RetryPolicy | None = None
    ack_wait_s: float | None = None
    max_in_flight: int | None = None


class Queue(msgspec.Struct, kw_only=True):
    """A queue: its settings and what is in it now."""

    name: str
    retry: RetryPolicy
    ack_wait_s: float
    max_in_flight: int
    depth: int
    """Messages waiting for a worker."""
    in_flight: int
    """Messages given to a worker and not yet settled."""
    redelivered: int
    workers_waiting: int
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
    correlation_id: str | None = None
    causation_id: str | None = None
    """Id of the message whose handling sent this one."""
    delay_s: float | None = None
    """Wait this long before any worker gets it."""
    deliver_at: str | None = None
    """RFC 3339: wait until then; not together with `delay_s`."""
