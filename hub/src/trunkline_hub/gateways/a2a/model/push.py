"""Where push notifications go, and when one is tried again."""

import uuid
from datetime import timedelta
from typing import Any

import msgspec

from trunkline.protocol.errors import FieldError, RequestInvalidError

_MAX_CHARS = 2047
_BASE_S, _MOST_S = 1.0, 600.0
_ID_CHARS = 255
_BAD = frozenset("\r\n\0")
CONTENT_TYPE = "application/a2a+json"
OK = range(200, 300)
GONE = 410


class Target(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A client's address for the news of one task. What proves the hub to it is written only, never shown."""

    id: str
    url: str
    token: str = ""
    scheme: str = ""
    credentials: str = ""

    def headers(self) -> dict[str, str]:
        """Return what goes with each notification."""
        found = {"Content-Type": CONTENT_TYPE, "A2A-Version": "1.0"}
        if self.scheme and self.credentials:
            found["Authorization"] = f"{self.scheme} {self.credentials}"
        if self.token:
            found["X-A2A-Notification-Token"] = self.token
        return found


def checked(target: Target) -> Target:
    """Return the target with an id; refuse one that could not be sent to.

    Raises:
        RequestInvalidError
    """
    problems: list[FieldError] = []
    if not target.url or len(target.url) > _MAX_CHARS:
        problems.append(FieldError("/url", f"must be 1 to {_MAX_CHARS} characters"))
    if len(target.id) > _ID_CHARS or not target.id.isprintable():
        problems.append(FieldError("/id", f"must be at most {_ID_CHARS} printable characters"))
    held: dict[str, Any] = {"token": target.token, "scheme": target.scheme, "credentials": target.credentials}
    problems += [
        FieldError(f"/{name}", "must fit into a header")
        for name, value in held.items()
        if _BAD & set(value) or not value.isascii()
    ]
    if problems:
        raise RequestInvalidError(errors=problems)
    return target if target.id else msgspec.structs.replace(target, id=str(uuid.uuid4()))


def delay(attempts: int) -> timedelta:
    """Return how long to wait after so many failures."""
    return timedelta(seconds=min(_BASE_S * 2 ** min(attempts, 16), _MOST_S))
