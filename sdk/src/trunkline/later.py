"""Messages for later: they go through the hub, which has the broker keep them until they are due."""

from datetime import UTC, datetime
from typing import TypedDict

from trunkline.http import HttpApi
from trunkline.protocol.frames import Ack


class Later(TypedDict, total=False):
    """When a message is to arrive; one of the two."""

    delay_s: float | None
    """Seconds from now, by the hub's clock."""
    at: datetime | str | None
    """A moment: a `datetime` with a time zone, or RFC 3339."""


def is_later(later: Later) -> bool:
    """Whether a message is to wait at all."""
    return later.get("delay_s") is not None or later.get("at") is not None


async def publish_later(api: HttpApi, payload: bytes, headers: dict[str, str], later: Later) -> Ack:
    """Have an event enter the log when its time comes.

    Raises:
        RequestInvalidError: the time is none, or more than a year ahead.
        EnvelopeInvalidError, MessageTooLargeError, PermissionDeniedError, BusUnavailableError, ScheduleFullError
    """
    query = {"delay_s": later.get("delay_s"), "deliver_at": moment(later)}
    return await api.request("POST", api.scoped("/events"), Ack, query=query, body=payload, headers=headers)


def moment(later: Later) -> str | None:
    """Return the moment as the hub takes it."""
    at = later.get("at")
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError("`at` needs a time zone: datetime.now(UTC) + timedelta(hours=1), for example")
        return at.astimezone(UTC).isoformat()
    return at
