"""The event log over HTTP."""

from typing import Any

from trunkline.http import HttpApi
from trunkline.protocol import resources


class EventsApi:
    """The event log."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def query(self, **filters: Any) -> resources.EventPage:
        """Read the log.

        Filters: `type`, `subject`, `id`, `sender`, `correlation_id`, `trace_id`, `since`, `until` (of storing,
        RFC 3339), `newest`, `limit`, `cursor`.
        """
        return await self._api.get("/events", resources.EventPage, **filters)
