"""Operating a queue: its state, what lies in it, and bulk work on it."""

from typing import Any, Literal

import msgspec

from trunkline.protocol.resources.jobs import Job

QueueState = Literal["active", "paused", "draining", "deleting"]
"""`paused` hands out nothing, `draining` takes nothing in, `deleting` does neither."""


class QueueStatus(msgspec.Struct, kw_only=True, frozen=True):
    """Whether a queue takes work in and hands it out; who said so, and why."""

    state: QueueState = "active"
    by: str = ""
    since: str | None = None
    reason: str = ""


class Reason(msgspec.Struct, kw_only=True):
    """Why something is done; kept in the audit trail."""

    reason: str = ""


class QueuedMessage(msgspec.Struct, kw_only=True):
    """A message in a queue, as it lies there."""

    seq: int
    """Its place in the queue's stream; names it in other requests."""
    id: str
    type: str
    sender: str
    key: str | None
    enqueued_at: str
    size_bytes: int
    state: Literal["waiting", "taken"]
    """`taken`: handed to a worker and not settled, or given back and waiting for its next attempt."""
    failed_attempts: int
    headers: dict[str, str]
    payload: Any
    payload_encoding: str
    """`json`, `text` or `base64`: how `payload` is to be read."""
    payload_truncated: bool


class QueuedMessagePage(msgspec.Struct, kw_only=True):
    """Messages, oldest first. With filters a page may be short, or empty, and still have a `next`."""

    items: list[QueuedMessage]
    next: str | None = None


class Cancelled(msgspec.Struct, kw_only=True):
    """A message that was taken out of its queue; its discarded dead letter keeps it."""

    seq: int
    id: str
    type: str


class PurgeRequest(msgspec.Struct, kw_only=True):
    """Empty a queue of what it holds now. Without `dry_run`, `expected_at_most` must say how much that may be."""

    dry_run: bool = False
    expected_at_most: int | None = None
    up_to: int | None = None
    """From a dry run: only what was there then."""
    in_flight: bool = False
    """Also what workers have in their hands; they are not told."""
    to_dead_letters: bool = False
    """Keep each message as a dead letter with the reason `purged`."""
    reason: str = ""


class MessageFilter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which messages of a queue; all that is given must hold, nothing given is all."""

    type: str | None = None
    sender: str | None = None
    key: str | None = None
    older_than_s: float | None = None


class MoveRequest(msgspec.Struct, kw_only=True):
    """Move what waits in a queue now to another one."""

    to: str
    filter: MessageFilter = msgspec.field(default_factory=MessageFilter)
    rate_per_s: float | None = None
    dry_run: bool = False
    expected_at_most: int | None = None
    up_to: int | None = None
    """From a dry run: only what was there then."""
    reason: str = ""


class QueueWork(msgspec.Struct, kw_only=True):
    """Bulk work on a queue: what it would touch (`dry_run`), and the job that does it otherwise."""

    count: int
    exact: bool
    """False: counted only so far; there are at least as many."""
    up_to: int
    """The newest message that belongs to it."""
    job: Job | None = None


class DeleteRequest(msgspec.Struct, kw_only=True):
    """How a queue is deleted; with `force` what it still holds goes to the dead letters."""

    force: bool = False
    reason: str = ""
