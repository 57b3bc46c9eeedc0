"""What is to happen later, over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources


class SchedulesApi:
    """Cron schedules."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.SchedulePage:
        """List schedules by name; filters: `limit`, `cursor`."""
        return await self._api.get("/schedules", resources.SchedulePage, **filters)

    async def get(self, name: str) -> resources.Schedule:
        """Return one schedule with its next firings, or raise ScheduleUnknownError."""
        return await self._api.get(f"/schedules/{segment(name)}", resources.Schedule)

    async def declare(self, name: str, declaration: resources.ScheduleDeclaration) -> resources.Schedule:
        """Create a schedule or change it; a paused one stays paused."""
        return await self._api.put(f"/schedules/{segment(name)}", resources.Schedule, declaration)

    async def pause(self, name: str) -> resources.Schedule:
        """Let a schedule fire no more until it is resumed."""
        return await self._api.post(f"/schedules/{segment(name)}/pause", resources.Schedule)

    async def resume(self, name: str) -> resources.Schedule:
        """Let a schedule fire again, from now on."""
        return await self._api.post(f"/schedules/{segment(name)}/resume", resources.Schedule)

    async def run(self, name: str) -> resources.Firing:
        """Fire a schedule now, beside its plan."""
        return await self._api.post(f"/schedules/{segment(name)}/run", resources.Firing)

    async def remove(self, name: str) -> None:
        """Remove a schedule."""
        await self._api.delete(f"/schedules/{segment(name)}")

    async def times(self, cron: str, timezone: str = "UTC") -> resources.CronTimes:
        """Return when an expression would fire next, or raise RequestInvalidError; nothing is declared."""
        return await self._api.get("/cron-times", resources.CronTimes, cron=cron, timezone=timezone)

    async def firings(self, name: str, **filters: Any) -> resources.FiringPage:
        """List how a schedule fired, newest first; filters: `limit`, `cursor`."""
        return await self._api.get(f"/schedules/{segment(name)}/firings", resources.FiringPage, **filters)


class ScheduledApi:
    """Messages that wait for their time: delayed ones, and retries that were put off."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.ScheduledPage:
        """List what waits, in the order in which it was sent; filters: `queue`, `limit`, `cursor`."""
        return await self._api.get("/scheduled", resources.ScheduledPage, **filters)

    async def get(self, message_id: str) -> resources.ScheduledDetail:
        """Return what waits, by the message's id or its own, or raise ScheduledUnknownError."""
        return await self._api.get(f"/scheduled/{segment(message_id)}", resources.ScheduledDetail)

    async def cancel(self, message_id: str) -> None:
        """Take a message back before its time."""
        await self._api.delete(f"/scheduled/{segment(message_id)}")

    async def run(self, message_id: str) -> resources.Scheduled:
        """Let a message go out now."""
        return await self._api.post(f"/scheduled/{segment(message_id)}/run", resources.Scheduled)
