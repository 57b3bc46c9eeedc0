"""What keeps a caller from making a bad moment worse: a retry budget and a circuit breaker. Pure: time comes in."""

from typing import Literal

RETRY_RATIO = 0.2
RETRIES_PER_S = 3.0
_RETRIES_KEPT = 100.0
_RETRIES_AT_FIRST = 10.0

WINDOW_S = 5.0
_MIN_CALLS = 20
_FAILED_SHARE = 0.5
OPEN_MIN_S = 1.0
OPEN_MAX_S = 30.0
_PROBE_S = 10.0
"""A probe that nobody heard of again is made up for by another after this long."""

BreakerState = Literal["closed", "open", "half_open"]


class RetryBudget:
    """Extra attempts that calls have earned: a share of their number, and a few a second."""

    __slots__ = ("_at", "tokens")

    def __init__(self) -> None:
        self.tokens = _RETRIES_AT_FIRST
        self._at = 0.0

    def earn(self) -> None:
        """Note a call."""
        if self.tokens < _RETRIES_KEPT:
            self.tokens += RETRY_RATIO

    def take(self, now: float) -> bool:
        """Whether one more attempt may be made; counts it."""
        if self._at:
            self.tokens = min(_RETRIES_KEPT, self.tokens + (now - self._at) * RETRIES_PER_S)
        self._at = now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


class Breaker:
    """Fails calls at once while most of them fail anyway; lets one through now and then to see.

    Only what says that a skill is out of order counts: timeouts of callers who
    were patient, and instances that died. What a handler raises does not.
    """

    __slots__ = ("_before", "_failed", "_opened", "_probed_at", "_since", "_total", "_until", "opened", "state")

    def __init__(self) -> None:
        self.state: BreakerState = "closed"
        self.opened = 0
        """How often it opened."""
        self._since = 0.0
        self._total = self._failed = 0
        self._before = (0, 0)
        self._until = self._probed_at = 0.0
        self._opened = 0
        """How often it opened in a row."""

    def admits(self, now: float) -> bool:
        """Whether a call may go out now."""
        if self.state == "closed":
            return True
        if self.state == "open" and now >= self._until:
            self.state, self._probed_at = "half_open", now
            return True
        if self.state == "half_open" and now - self._probed_at > _PROBE_S:
            self._probed_at = now
            return True
        return False

    def remaining_s(self, now: float) -> float:
        """Return how long it stays open."""
        return max(0.0, self._until - now) if self.state == "open" else 0.0

    def release(self) -> None:
        """A call that was admitted ended and says nothing about the skill: let another one try."""
        if self.state == "half_open":
            self._probed_at = float("-inf")

    def note(self, is_well: bool, now: float) -> None:
        """Take in how a call ended."""
        if self.state == "half_open":
            if is_well:
                self.state, self._opened, self._total, self._failed, self._before = "closed", 0, 0, 0, (0, 0)
            else:
                self._open(now)
            return
        if now - self._since > WINDOW_S:
            is_next = now - self._since <= 2 * WINDOW_S
            self._before = (self._total, self._failed) if is_next else (0, 0)
            self._since, self._total, self._failed = now, 0, 0
        self._total += 1
        if is_well:
            return
        self._failed += 1
        total, failed = self._total + self._before[0], self._failed + self._before[1]
        if self.state == "closed" and total >= _MIN_CALLS and failed >= total * _FAILED_SHARE:
            self._open(now)

    def _open(self, now: float) -> None:
        self.state = "open"
        self._until = now + min(OPEN_MIN_S * 2.0**self._opened, OPEN_MAX_S)
        self._opened += 1
        self.opened += 1
