"""When a message's time is over: CloudEvents attribute `expirytime`, RFC 3339. Pure."""

import time
from datetime import UTC, datetime

from trunkline.protocol.errors import EnvelopeInvalidError, FieldError, MessageExpiredError

_LATEST = 253_402_300_799.0
"""The last second of the year 9999, where RFC 3339 ends."""


def expiry_moment(expirytime: str) -> float:
    """Return the moment in seconds since 1970.

    Raises:
        EnvelopeInvalidError: it is not RFC 3339.
    """
    try:
        moment = datetime.fromisoformat(expirytime)
    except ValueError:
        problem = FieldError("/expirytime", "must be an RFC 3339 time")
        raise EnvelopeInvalidError("The message's expiry is not a time", errors=[problem]) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def refuse_expired(expirytime: str, now: float | None = None) -> None:
    """Refuse a message whose time is over.

    Raises:
        MessageExpiredError
        EnvelopeInvalidError: `expirytime` is not RFC 3339.
    """
    moment = expiry_moment(expirytime)
    late = (time.time() if now is None else now) - moment
    if late >= 0:
        raise MessageExpiredError(f"It expired at {expirytime}, {late:.1f} s before it was taken")


def expirytime(
    expires_in_s: float | None, expires_at: datetime | str | None, default_s: float, now: float | None = None
) -> str | None:
    """Return the attribute for a message that is sent now, or None where it may wait for ever.

    Raises:
        EnvelopeInvalidError: `expires_at` is not RFC 3339.
    """
    if isinstance(expires_at, datetime):
        return (expires_at if expires_at.tzinfo else expires_at.astimezone()).isoformat()
    if expires_at is not None:
        expiry_moment(expires_at)
        return expires_at
    if expires_in_s is None and not default_s:
        return None
    return _rfc3339((time.time() if now is None else now) + (default_s if expires_in_s is None else expires_in_s))


def _rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(min(moment, _LATEST), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
