"""Rules of a retry policy: which error is tried again, which dies at once, which is dropped. Pure."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from trunkline.protocol.errors import FieldError, TrunklineError
from trunkline.protocol.frames import ErrorRule, RetryPolicy

MAX_ATTEMPTS = 1000
MAX_DELAY_S = 86400.0
_MAX_RULES = 50
_MAX_NAMES = 50
_NAME_CHARS = 255


def names_of(error: BaseException) -> list[str]:
    """Return every name a rule may know `error` by.

    These are the names of its class and of those above it, plain and with
    their module, a Trunkline error's code, and `http.<status>` for an error
    that carries an HTTP status.
    """
    found: list[str] = []
    for kind in type(error).__mro__[:-1]:
        found += [kind.__name__, f"{kind.__module__}.{kind.__qualname__}"]
    if isinstance(error, TrunklineError):
        found.append(error.code)
    status = _http_status(error)
    if status is not None:
        found.append(f"http.{status}")
    return found


def find(policy: RetryPolicy, error: BaseException) -> ErrorRule | None:
    """Return the first rule that names `error`."""
    if not policy.rules:
        return None
    names = names_of(error)
    return next((rule for rule in policy.rules if _matches(rule.errors, names)), None)


def most_attempts(policy: RetryPolicy) -> int:
    """Return how many attempts a message may have under the most patient rule."""
    return max([policy.max_attempts, *(rule.max_attempts or 0 for rule in policy.rules)])


def problems(policy: RetryPolicy, at: str) -> list[FieldError]:
    """Return what is wrong with a policy; pointers begin with `at`."""
    found: list[FieldError] = []
    if not 1 <= policy.max_attempts <= MAX_ATTEMPTS:
        found.append(FieldError(f"{at}/max_attempts", f"must be 1 to {MAX_ATTEMPTS}"))
    for name, most in (("base_s", MAX_DELAY_S), ("max_s", MAX_DELAY_S), ("factor", 100.0), ("jitter", 1.0)):
        if not 0 <= getattr(policy, name) <= most:
            found.append(FieldError(f"{at}/{name}", f"must be 0 to {most:g}"))
    if len(policy.rules) > _MAX_RULES:
        found.append(FieldError(f"{at}/rules", f"at most {_MAX_RULES}"))
    for index, rule in enumerate(policy.rules[:_MAX_RULES]):
        found += _rule_problems(rule, f"{at}/rules/{index}")
    return found


def _rule_problems(rule: ErrorRule, at: str) -> list[FieldError]:
    found: list[FieldError] = []
    if not 1 <= len(rule.errors) <= _MAX_NAMES or not all(1 <= len(name) <= _NAME_CHARS for name in rule.errors):
        found.append(FieldError(f"{at}/errors", f"1 to {_MAX_NAMES} names of at most {_NAME_CHARS} characters"))
    if rule.max_attempts is not None and not 1 <= rule.max_attempts <= MAX_ATTEMPTS:
        found.append(FieldError(f"{at}/max_attempts", f"must be 1 to {MAX_ATTEMPTS}"))
    for name in ("base_s", "max_s"):
        value = getattr(rule, name)
        if value is not None and not 0 <= value <= MAX_DELAY_S:
            found.append(FieldError(f"{at}/{name}", f"must be 0 to {MAX_DELAY_S:g}"))
    return found


def _matches(patterns: Iterable[str], names: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def _http_status(error: BaseException) -> int | None:
    """Return the status of aiohttp's, httpx's, requests' and the like's HTTP errors."""
    response = getattr(error, "response", None)
    for owner, name in ((error, "status"), (error, "status_code"), (response, "status_code"), (response, "status")):
        value = getattr(owner, name, None)
        if isinstance(value, int):
            return value
    return None
