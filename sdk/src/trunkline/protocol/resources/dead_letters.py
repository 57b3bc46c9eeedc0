"""Messages that nobody could process."""

from typing import Any

import msgspec

from trunkline.protocol.frames import Attempt
from trunkline.protocol.subjects import Lane


class DeadLetter(msgspec.Struct, kw_only=True):
    """A message that nobody could process: where it waited and why it died."""

    id: str
    lane: Lane
    reader: str
    message_id: str
    type: str
    sender: str
    reason: str
    error: str
    attempts: int
    size_bytes: int
    died_at: str
    traceparent: str | None
    redriven_at: str | None
    redriven_by: str | None


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


class DeadLetterPage(msgspec.Struct, kw_only=True):
    items: list[DeadLetter]
    next: str | None = None


class Redriven(msgspec.Struct, kw_only=True):
    """A dead letter that is on its way again. The message keeps its id, so that idempotent workers know it."""

    id: str
    message_id: str
    subject: str
    seq: int
