"""Receipts: what was handled, by whom, how long. Batched on the bus, best effort by design."""

import msgspec

CALL = "call"
"""Lane of receipts for calls; the reader is the skill."""

HANDLED = "handled"
FAILED = "failed"
"""Given back: the message comes again, or, of a call, the caller was told."""
DEAD = "dead"
DROPPED = "dropped"
EXPIRED = "expired"


class Receipt(msgspec.Struct, kw_only=True, array_like=True, omit_defaults=True):
    """One message settled once. Moments are microseconds since 1970, in UTC."""

    id: str
    type: str = ""
    seq: int = 0
    """Place in the reader's stream; 0 for calls."""
    attempt: int = 1
    started_us: int = 0
    duration_us: int = 0
    outcome: str = HANDLED
    stored_us: int = 0
    """When the broker stored the message; 0 for calls."""
    size_bytes: int = 0
    correlation: str | None = None
    causation: str | None = None
    trace_id: str | None = None
    sender: str = ""
    """The pinned principal."""
    source: str = ""
    """Like the sender told for events too; what follows is left out for them, since their log tells it."""
    subject: str | None = None
    sent_at: str | None = None
    redrive_of: str | None = None
    replay: str | None = None


class ReceiptBatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one instance settled for one reader in a fraction of a second; the subject names the reader."""

    agent: str
    instance: str
    version: str
    receipts: list[Receipt]
    skipped: int = 0
    """Messages settled in the same time without a receipt: sampled, or above the rate."""
