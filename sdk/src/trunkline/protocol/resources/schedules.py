"""What is to happen later: messages that wait for their time, and schedules that make them."""

from typing import Any, Literal

import msgspec

Misfire = Literal["skip", "once"]
"""What becomes of firings that nobody was there for: left out, or made up for by one."""

Outcome = Literal["fired", "manual", "missed", "failed"]


class Scheduled(msgspec.Struct, kw_only=True):
    """A message that waits for its time."""

    id: str
    message_id: str
    kind: Literal["task", "event", "retry"]
    """`task` and `event` were sent with a delay, `retry` is a message put off after a failed attempt."""
    target: str
    """The queue, the event's type, or for a retry its queue or group."""
    due_at: str
    scheduled_at: str
    by: str
    """Whose message it is."""
    attempt: int
    """Number of the attempt that it will be."""
    size_bytes: int
    preview: str
    """The beginning of its payload."""


class ScheduledDetail(msgspec.Struct, kw_only=True):
    """A message that waits for its time, with its payload."""

    item: Scheduled
    payload: Any
    """JSON, or text where it is none."""


class ScheduledPage(msgspec.Struct, kw_only=True):
    items: list[Scheduled]
    next: str | None = None


class ScheduleDeclaration(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A schedule as it is declared: when (`cron` in `timezone`), and what it sends (to `queue`, or as `event`)."""

    cron: str
    """Five fields, six with seconds first, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`."""
    timezone: str = "UTC"
    """IANA name, such as `Europe/Berlin`."""
    queue: str | None = None
    event: str | None = None
    """Type of the event; exactly one of `queue` and `event` is given."""
    data: Any = None
    type: str | None = None
    """Type of the message put into the queue."""
    subject: str | None = None
    key: str | None = None
    priority: str | None = None
    """Class of the queue."""
    misfire: Misfire = "skip"
    jitter_s: float = 0.0
    """Each firing is put off by up to this much, the same on every hub."""
    description: str = ""


class Schedule(msgspec.Struct, kw_only=True):
    """A schedule, and when it fires next."""

    name: str
    declaration: ScheduleDeclaration
    owner: str
    """Who declared it last: its messages carry this name."""
    paused: bool
    next_at: list[str]
    """The next firings; empty while it is paused."""
    created_at: str
    updated_at: str


class SchedulePage(msgspec.Struct, kw_only=True):
    items: list[Schedule]
    next: str | None = None


class CronTimes(msgspec.Struct, kw_only=True):
    """When an expression fires next."""

    next_at: list[str]


class Firing(msgspec.Struct, kw_only=True):
    """One time at which a schedule fired, or should have."""

    schedule: str
    planned_at: str
    at: str
    outcome: Outcome
    message_id: str | None
    detail: str


class FiringPage(msgspec.Struct, kw_only=True):
    items: list[Firing]
    next: str | None = None
