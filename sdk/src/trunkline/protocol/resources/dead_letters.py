"""Messages that nobody could process."""

from typing import Any

import msgspec

from trunkline.protocol.frames import Attempt
from trunkline.protocol.resources.jobs import Job
from trunkline.protocol.subjects import Lane


class DeadLetter(msgspec.Struct, kw_only=True):
    """A message that nobody could process: where it waited and why it died."""

    id: str
    lane: Lane
    reader: str
    message_id: str
    type: str
    sender: str
    sender_verified: bool
    """Whether the hub knows that `sender` sent it; else it is what the letter says of itself."""
    agent: str | None
    """The agent that failed; None where none lived to say so."""
    correlation_id: str | None
    reason: str
    error: str
    attempts: int
    size_bytes: int
    died_at: str
    traceparent: str | None
    redriven_at: str | None
    redriven_by: str | None
    redriven_to: str | None
    """Another queue that it was sent to."""
    edited_by: str | None
    """Who replaced its data at the redrive; the letter itself keeps the original."""
    discarded_at: str | None
    discarded_by: str | None
    discard_reason: str | None
    job_id: str | None
    """The job that redrove or discarded it."""


class Life(msgspec.Struct, kw_only=True):
    """One death of a message that died more than once."""

    letter_id: str
    lane: Lane
    reader: str
    reason: str
    error: str
    died_at: str
    redriven_at: str | None
    redriven_by: str | None
    edited_by: str | None


class DeadLetterDetail(msgspec.Struct, kw_only=True):
    """A dead letter with its payload and the history of every attempt."""

    letter: DeadLetter
    subject: str
    headers: dict[str, str]
    payload: Any
    payload_encoding: str
    """`json`, `text` or `base64`: how `payload` is to be read."""
    payload_truncated: bool
    history: list[Attempt]
    """Every failed attempt of all its lives, oldest first."""
    lives: list[Life]
    """Its deaths, oldest first; the last one is this letter's."""


class DeadLetterPage(msgspec.Struct, kw_only=True):
    items: list[DeadLetter]
    next: str | None = None


class Facet(msgspec.Struct, kw_only=True):
    """How many dead letters have one value in common."""

    value: str
    total: int
    waiting: int
    lane: Lane | None = None
    """For readers only."""


class DeadLetterSummary(msgspec.Struct, kw_only=True):
    """Counts of dead letters; `waiting` are those neither redriven nor discarded."""

    total: int
    waiting: int
    redriven: int
    discarded: int
    expired: int
    """Left at the end of their retention."""
    readers: list[Facet]
    reasons: list[Facet]
    types: list[Facet]


class LetterFilter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which dead letters; all that is given must hold, nothing given is all that wait."""

    ids: list[str] | None = None
    """Only these; for bulk work on letters that were picked one by one."""
    lane: Lane | None = None
    reader: str | None = None
    reason: str | None = None
    type: str | None = None
    sender: str | None = None
    agent: str | None = None
    error: str | None = None
    """A part of the error's text, in any case."""
    message_id: str | None = None
    correlation_id: str | None = None
    died_since: str | None = None
    """RFC 3339, this moment included."""
    died_before: str | None = None
    """RFC 3339, this moment not included."""


class EditedPayload(msgspec.Struct, kw_only=True):
    """Data to put in place of a message's own; its other attributes stay."""

    data: Any


class RedriveRequest(msgspec.Struct, kw_only=True):
    """How a dead letter is sent again; as it was and to where it came from, unless said otherwise."""

    edited: EditedPayload | None = None
    queue: str | None = None


class Redriven(msgspec.Struct, kw_only=True):
    """A dead letter that is on its way again. The message keeps its id, so that idempotent workers know it."""

    id: str
    message_id: str
    subject: str
    seq: int


class DiscardRequest(msgspec.Struct, kw_only=True):
    """Why a dead letter needs no more attention."""

    reason: str


class BulkRedriveRequest(msgspec.Struct, kw_only=True):
    """Redrive every waiting letter that matches now. Without `dry_run`, `expected_at_most` must be given."""

    filter: LetterFilter = msgspec.field(default_factory=LetterFilter)
    queue: str | None = None
    """Send them to this queue instead of where they came from."""
    rate_per_s: float | None = None
    dry_run: bool = False
    expected_at_most: int | None = None
    up_to: int | None = None
    """From a dry run: only what matched then."""


class BulkDiscardRequest(msgspec.Struct, kw_only=True):
    """Discard every waiting letter that matches now. Without `dry_run`, `expected_at_most` must be given."""

    reason: str
    filter: LetterFilter = msgspec.field(default_factory=LetterFilter)
    dry_run: bool = False
    expected_at_most: int | None = None
    up_to: int | None = None
    """From a dry run: only what matched then."""


class LetterWork(msgspec.Struct, kw_only=True):
    """Bulk work on dead letters: how many match, some of them, and the job (None for a dry run)."""

    count: int
    sample: list[DeadLetter]
    up_to: int
    """The newest letter that belongs to it."""
    job: Job | None = None
