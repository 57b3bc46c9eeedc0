"""Long jobs over HTTP."""

import asyncio
from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources

_FINISHED = frozenset({"completed", "failed", "cancelled"})
_POLL_S = 0.25


class JobsApi:
    """Long work that the hub does: replays, redrives, exports."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.JobPage:
        """List jobs, newest first; filters: `kind`, `state`, `limit`, `cursor`."""
        return await self._api.get("/jobs", resources.JobPage, **filters)

    async def get(self, job_id: str) -> resources.Job:
        """Return one job, or raise JobUnknownError."""
        return await self._api.get(f"/jobs/{segment(job_id)}", resources.Job)

    async def pause(self, job_id: str) -> resources.Job:
        """Have a job stop where it is, until it is resumed."""
        return await self._api.post(f"/jobs/{segment(job_id)}/pause", resources.Job)

    async def resume(self, job_id: str) -> resources.Job:
        """Have a paused or failed job go on from where it stopped."""
        return await self._api.post(f"/jobs/{segment(job_id)}/resume", resources.Job)

    async def cancel(self, job_id: str) -> resources.Job:
        """End a job; what it did stays done."""
        return await self._api.post(f"/jobs/{segment(job_id)}/cancel", resources.Job)

    async def set_rate(self, job_id: str, rate_per_s: float) -> resources.Job:
        """Change a job's pace while it runs; 0 lifts the limit."""
        change = resources.JobChange(rate_per_s=rate_per_s)
        return await self._api.post(f"/jobs/{segment(job_id)}/rate", resources.Job, change)

    async def wait(self, job_id: str, *, timeout_s: float = 3600.0) -> resources.Job:
        """Return the job once it has finished, one way or another, or raise TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                job = await self.get(job_id)
                if job.state in _FINISHED:
                    return job
                await asyncio.sleep(_POLL_S)
