"""How long the event log lasts, over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources
from trunkline.protocol.resources import Job


class RetentionApi:
    """The log's limits, types that are kept longer, the archive, and whether all of it is whole."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def show(self) -> resources.Retention:
        """Return the limits of the log, what it holds, and what is kept longer."""
        return await self._api.get("/events/retention", resources.Retention)

    async def set(self, *, max_age_s: float | None = None, max_bytes: int | None = None) -> resources.Retention:
        """Give the log limits of its own; None is what the hub's settings say. What lies outside leaves at once."""
        change = resources.RetentionChange(max_age_s=max_age_s, max_bytes=max_bytes)
        return await self._api.put("/events/retention", resources.Retention, change)

    async def keep(self, name: str, *types: str, max_age_s: float, max_bytes: int = 2**30) -> resources.Retention:
        """Keep some types longer than the log, from as far back as it reaches."""
        wanted = resources.KeepDeclaration(types=list(types), max_age_s=max_age_s, max_bytes=max_bytes)
        return await self._api.put(f"/events/keeps/{segment(name)}", resources.Retention, wanted)

    async def drop(self, name: str) -> None:
        """Keep these types no longer than the others; what only their stream held is deleted."""
        await self._api.delete(f"/events/keeps/{segment(name)}")

    async def archive(self) -> resources.Archive:
        """Return what is archived, and how far that is behind the log."""
        return await self._api.get("/events/archive", resources.Archive)

    async def segments(self, **filters: Any) -> resources.SegmentPage:
        """Return the archive's files, newest first; filters: `limit`, `cursor`."""
        return await self._api.get("/events/archive/segments", resources.SegmentPage, **filters)

    async def verify(self) -> Job:
        """Have the hub read everything in log, keeps and archive, and judge it; the verdict is the job's result."""
        return await self._api.post("/events/verify", Job)
