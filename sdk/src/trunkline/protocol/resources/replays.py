"""Reading the past of the event log: live readings, replay jobs, exports."""

from typing import Literal

import msgspec

ReplayTarget = Literal["group", "new_group", "file", "dry_run"]
FileFormat = Literal["ndjson", "ndjson.zst"]


class Selection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which events of the past; what is left out does not narrow it. It ends at the newest event of the moment."""

    types: list[str] = []
    """Type patterns: `*` is one segment, a final `>` the rest."""
    since: str | None = None
    """Stored at this RFC 3339 time or later."""
    until: str | None = None
    """Stored before this RFC 3339 time."""
    after_seq: int | None = None
    """Behind this place in the log."""
    until_seq: int | None = None
    """Up to this place in the log, itself included."""
    subject: str | None = None
    """About this: the CloudEvents `subject`."""
    correlation_id: str | None = None
    """Of this business transaction."""


class ReadingRequest(Selection):
    """A reading of the past, delivered to the caller's own inbox on the bus."""

    deliver_to: str


class LogReading(msgspec.Struct, kw_only=True):
    """A reading as it was made: it ends at `until_seq`."""

    until_seq: int
    older_until: int | None
    """What lies up to here has left the log itself: fetch it from `/events/export` first, then ask again."""
    stream: str = ""
    consumer: str = ""
    pending: int = 0
    """Messages to come, before `subject` and `correlation_id` are looked at."""
    heartbeat_s: float = 5.0


class ReplayRequest(Selection):
    """Play the past again: to a group, to a new group, into a file, or only count it.

    With neither `speed` nor `rate_per_s` it goes as fast as it can.
    """

    target: ReplayTarget
    group: str | None = None
    """Which group gets the events, and no other; for `group` and `new_group`."""
    follow: bool = False
    """A new group goes on with what happens from now on, without a gap and without doubles."""
    format: FileFormat = "ndjson.zst"
    speed: float | None = None
    """1 is the original pace, 2 twice as fast."""
    rate_per_s: float | None = None
    """Most events a second."""
