"""When a failed message is tried again, and what a handler can say about it."""

import random

from trunkline.protocol.frames import RetryPolicy


def Retry(  # noqa: N802 -- reads as a value in decorators: retry=tl.Retry(max_attempts=5)
    *, max_attempts: int = 5, base_s: float = 0.5, factor: float = 2.0, max_s: float = 300.0, jitter: float = 0.2
) -> RetryPolicy:
    """Return a retry policy: exponential backoff with jitter, then the dead letters.

    Args:
        max_attempts: attempts in all, the first one included; at least 1.
        base_s: delay before the second attempt, in seconds.
        factor: each further delay is this many times the last.
        max_s: no delay is longer.
        jitter: fraction of the delay that is taken away at random (0 to 1).
    """
    if max_attempts < 1:
        raise ValueError("max_attempts must be at least 1")
    return RetryPolicy(max_attempts=max_attempts, base_s=base_s, factor=factor, max_s=max_s, jitter=jitter)


def delay_s(policy: RetryPolicy, attempt: int) -> float:
    """Return the seconds to wait after failed attempt number `attempt` (from 1)."""
    exponent = min(attempt - 1, 60)
    full = min(policy.base_s * policy.factor**exponent, policy.max_s)
    return full * (1 - policy.jitter * random.random())


class PermanentError(Exception):
    """Raise it in a handler: trying again is hopeless, dead-letter the message now."""


class RetryAfterError(Exception):
    """Raise it in a handler: try again after `delay_s` seconds, counting the attempt."""

    def __init__(self, delay_s: float, message: str = "") -> None:
        super().__init__(message or f"try again in {delay_s:g} s")
        self.delay_s = delay_s
