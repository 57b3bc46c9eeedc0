"""Long work of the hub's own, with progress."""

from typing import Any, Literal

import msgspec

JobState = Literal["queued", "running", "paused", "completed", "failed", "cancelled"]


class Job(msgspec.Struct, kw_only=True):
    """A long piece of work: how far it is, and how it ended."""

    id: str
    kind: str
    """What it does, such as `dead_letters.redrive`."""
    title: str
    state: JobState
    params: dict[str, Any]
    total: int | None
    """Items to do; None while nobody knows."""
    done: int
    failed: int
    """Items tried and refused; the job goes on behind them."""
    rate_per_s: float | None
    """Most items a second; None is as fast as it goes."""
    result: dict[str, Any]
    error: str | None
    """Why it failed, or why its last item did."""
    by: str
    created_at: str
    started_at: str | None
    updated_at: str
    finished_at: str | None


class JobPage(msgspec.Struct, kw_only=True):
    items: list[Job]
    next: str | None = None


class JobChange(msgspec.Struct, kw_only=True):
    """A new pace for a job; 0 lifts the limit."""

    rate_per_s: float
