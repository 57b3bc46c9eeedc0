"""The index over the log, and traces, over HTTP."""

from trunkline.http import HttpApi
from trunkline.protocol import resources


class IndexApi:
    """The index over the event log."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def status(self) -> resources.IndexStatus:
        """Return how far the index is, and how a rebuild gets on."""
        return await self._api.get("/index", resources.IndexStatus)

    async def rebuild(self) -> resources.IndexStatus:
        """Have the index made anew from the log; queries are answered meanwhile."""
        return await self._api.post("/index/rebuild", resources.IndexStatus)

    async def trace(
        self, message_id: str | None = None, *, correlation_id: str | None = None, trace_id: str | None = None
    ) -> resources.Trace:
        """Return the path of a message, or all of a transaction; see `Client.trace`."""
        return await self._api.get(
            "/traces", resources.Trace, message_id=message_id, correlation_id=correlation_id, trace_id=trace_id
        )
