"""Rules about jobs. Pure.

queued ⇄ running → completed | failed | cancelled
   ↘       ↙ ↘
     paused    (a paused or failed job can be resumed)
"""

from dataclasses import dataclass
from typing import Literal

from trunkline.protocol.errors import FieldError, JobStateError, RequestInvalidError
from trunkline.protocol.resources import JobState

Verb = Literal["pause", "resume", "cancel"]
FINISHED: frozenset[JobState] = frozenset({"completed", "failed", "cancelled"})
MAX_RATE = 1_000_000.0

_NEXT: dict[tuple[JobState, Verb], JobState] = {
    ("queued", "pause"): "paused",
    ("running", "pause"): "paused",
    ("paused", "resume"): "queued",
    ("failed", "resume"): "queued",
    ("queued", "cancel"): "cancelled",
    ("running", "cancel"): "cancelled",
    ("paused", "cancel"): "cancelled",
}


def after(state: JobState, verb: Verb) -> JobState:
    """Return the state that `verb` leads to.

    Raises:
        JobStateError
    """
    try:
        return _NEXT[state, verb]
    except KeyError:
        raise JobStateError(f"A job that is {state} cannot be told to {verb}") from None


def check_rate(rate_per_s: float | None, pointer: str = "/rate_per_s") -> float | None:
    """Return a pace, None where it is unlimited.

    Raises:
        RequestInvalidError
    """
    if rate_per_s is None or rate_per_s == 0:
        return None
    if not 0 < rate_per_s <= MAX_RATE:
        raise RequestInvalidError(errors=[FieldError(pointer, f"must be above 0 and at most {MAX_RATE:g}")])
    return rate_per_s


@dataclass
class Pace:
    """Tells how long to wait so that items leave at `rate_per_s`; what was idle is not made up for."""

    rate_per_s: float | None
    free_at: float = 0.0

    def delay_s(self, now: float, items: int) -> float:
        """Return the seconds to wait after `items` done at `now`."""
        if self.rate_per_s is None:
            return 0.0
        self.free_at = max(self.free_at, now - 1 / self.rate_per_s) + items / self.rate_per_s
        return max(0.0, self.free_at - now)
