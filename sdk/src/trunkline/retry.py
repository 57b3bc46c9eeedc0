"""When a failed message is tried again, and what a handler can say about it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from trunkline.protocol.error_rules import find
from trunkline.protocol.errors import MessageError, MessageExpiredError
from trunkline.protocol.frames import ErrorRule, RetryPolicy

REASON_EXHAUSTED = "attempts_exhausted"
REASON_REJECTED = "rejected"
REASON_INVALID = "invalid"
REASON_EXPIRED = "expired"
DROPPED = "dropped"


def Retry(  # noqa: N802 -- reads as a value in decorators: retry=tl.Retry(max_attempts=5)
    *,
    max_attempts: int = 5,
    base_s: float = 0.5,
    factor: float = 2.0,
    max_s: float = 300.0,
    jitter: float = 0.2,
    rules: Sequence[ErrorRule] = (),
) -> RetryPolicy:
    """Return a retry policy: exponential backoff with jitter, then the dead letters.

    Args:
        max_attempts: attempts in all, the first one included; at least 1.
        base_s: delay before the second attempt, in seconds.
        factor: each further delay is this many times the last.
        max_s: no delay is longer.
        jitter: fraction of the delay that is taken away at random (0 to 1).
        rules: what to do about certain errors instead; the first that names the error decides.
    """
    if max_attempts < 1:
        raise ValueError("max_attempts must be at least 1")
    return RetryPolicy(
        max_attempts=max_attempts, base_s=base_s, factor=factor, max_s=max_s, jitter=jitter, rules=tuple(rules)
    )


def OnError(  # noqa: N802 -- reads as a value: rules=[tl.OnError(ValueError, then="dead_letter")]
    *errors: str | type[BaseException],
    then: Literal["retry", "dead_letter", "drop"] = "retry",
    max_attempts: int | None = None,
    base_s: float | None = None,
    max_s: float | None = None,
) -> ErrorRule:
    """Return a rule of a retry policy for messages whose handler failed with one of `errors`.

    Args:
        errors: exception classes, or names: `ValueError`, `package.*`, a Trunkline
            code such as `call.timeout`, `http.429`. Subclasses are included.
        then: `retry` (with limits of its own), `dead_letter` at once, or `drop`:
            settled, with nothing left but the record of the attempt.
        max_attempts: attempts in all, instead of the policy's.
        base_s: delay before the second attempt, instead of the policy's.
        max_s: longest delay, instead of the policy's.
    """
    names = [error if isinstance(error, str) else f"{error.__module__}.{error.__qualname__}" for error in errors]
    return ErrorRule(errors=tuple(names), then=then, max_attempts=max_attempts, base_s=base_s, max_s=max_s)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What becomes of a message after a failed attempt."""

    reason: str | None = None
    """Why it dies; None where it is tried again. `dropped` leaves no dead letter."""
    delay_s: float = 0.0


def decide(policy: RetryPolicy, error: BaseException, attempt: int) -> Verdict:
    """Return what becomes of a message whose attempt number `attempt` (from 1) ended with `error`."""
    rule = None if isinstance(error, MessageExpiredError) else find(policy, error)
    reason = _reason(error) if rule is None else _ENDS.get(rule.then)
    if reason is not None:
        return Verdict(reason=reason)
    if rule is not None:
        policy = _under(policy, rule)
    if attempt >= policy.max_attempts:
        return Verdict(reason=REASON_EXHAUSTED)
    return Verdict(delay_s=error.delay_s if isinstance(error, RetryAfterError) else delay_s(policy, attempt))


_ENDS = {"drop": DROPPED, "dead_letter": REASON_REJECTED}


def _reason(error: BaseException) -> str | None:
    """Return why a message dies at once that no rule speaks of; None where trying again may help."""
    if isinstance(error, MessageExpiredError):
        return REASON_EXPIRED
    if isinstance(error, PermanentError):
        return REASON_REJECTED
    return REASON_INVALID if isinstance(error, MessageError) else None


def _under(policy: RetryPolicy, rule: ErrorRule) -> RetryPolicy:
    own = {name: getattr(rule, name) for name in ("max_attempts", "base_s", "max_s")}
    return msgspec.structs.replace(policy, **{name: value for name, value in own.items() if value is not None})


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
