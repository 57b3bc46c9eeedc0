"""Making jobs, steering them, and running them on whichever hub is free."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import structlog

from trunkline.protocol.errors import JobUnknownError, TrunklineError, UnavailableError
from trunkline.protocol.ids import new_id
from trunkline.protocol.resources import Job, JobPage, JobState
from trunkline.tasks import Tasks
from trunkline_hub.audit import Audit
from trunkline_hub.core.clock import rfc3339, rfc3339_or_none
from trunkline_hub.core.component import Component
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.jobs import model, store

_log = structlog.get_logger("jobs")
_LEASE_S = 15.0
_FLUSH_S = 0.5
"""How often progress is written, and how soon another hub's pause or cancel is seen."""
_POLL_S = 1.0
_SLOTS = 4
"""Jobs that one hub works on at once."""
_RETRY_S = 2.0


class Jobs:
    """The jobs of all workspaces. Features make them; operators steer them."""

    def __init__(self, audit: Audit) -> None:
        self.wake = asyncio.Event()
        """Set when something changed that the runner should look at."""
        self._audit = audit

    async def create(
        self,
        tx: Tx,
        by: Principal,
        workspace: str,
        kind: str,
        title: str,
        params: dict[str, Any],
        *,
        rate_per_s: float | None = None,
    ) -> Job:
        """Write down a job; some hub begins it soon after the commit.

        Raises:
            RequestInvalidError: the rate.
        """
        now = tx.clock.now()
        row = {
            "id": new_id(), "workspace_id": workspace, "kind": kind, "title": title[:255], "state": "queued",
            "params": params, "checkpoint": {}, "result": {}, "done": 0, "failed": 0, "fence": 0,
            "rate_per_s": model.check_rate(rate_per_s), "by": by.name, "created_at": now, "updated_at": now,
        }  # fmt: skip
        await store.insert(tx, row)
        await self._audit.record(tx, workspace, by.name, "job.created", f"job/{row['id']}", kind=kind, params=params)
        tx.after_commit(self._woken)
        return await self.get(tx, workspace, str(row["id"]))

    async def get(self, tx: Tx, workspace: str, job_id: str) -> Job:
        """Return one job.

        Raises:
            JobUnknownError
        """
        return _job(_found(await store.get(tx, workspace, job_id), job_id))

    async def page(self, tx: Tx, workspace: str, filters: dict[str, Any], *, cursor: str | None, limit: int) -> JobPage:
        """Return jobs, newest first; filters: `kind`, `state`."""
        rows = await store.page(tx, workspace, filters, before=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.id))
        return JobPage(items=[_job(row) for row in kept], next=after)

    async def steer(self, tx: Tx, by: Principal, workspace: str, job_id: str, verb: model.Verb) -> Job:
        """Pause, resume or cancel a job. One that runs comes to rest within a second.

        Raises:
            JobUnknownError, JobStateError
        """
        row = _found(await store.lock(tx, workspace, job_id), job_id)
        wanted = model.after(row.state, verb)
        if row.state == "running":
            await store.change(tx, job_id, wanted=wanted)
        elif wanted == "queued":
            await store.change(tx, job_id, state="queued", wanted=None, error=None, lease_until=None, finished_at=None)
        else:
            finished = tx.clock.now() if wanted in model.FINISHED else None
            await store.change(tx, job_id, state=wanted, finished_at=finished)
        await self._audit.record(tx, workspace, by.name, f"job.{verb}", f"job/{job_id}", kind=row.kind)
        tx.after_commit(self._woken)
        return await self.get(tx, workspace, job_id)

    async def set_rate(self, tx: Tx, by: Principal, workspace: str, job_id: str, rate_per_s: float) -> Job:
        """Change a job's pace; 0 lifts the limit.

        Raises:
            JobUnknownError, RequestInvalidError
        """
        _found(await store.lock(tx, workspace, job_id), job_id)
        rate = model.check_rate(rate_per_s)
        await store.change(tx, job_id, rate_per_s=rate)
        await self._audit.record(tx, workspace, by.name, "job.rate", f"job/{job_id}", rate_per_s=rate)
        tx.after_commit(self._woken)
        return await self.get(tx, workspace, job_id)

    async def _woken(self) -> None:
        self.wake.set()


class _StoppedError(Exception):
    """The job was paused, cancelled, or taken over: leave its work where it is."""


class JobRun:
    """A job under way, as its work sees it.

    Work must be repeatable from `checkpoint`: a hub that dies between a step
    and its checkpoint does that step again.
    """

    def __init__(self, db: Database, row: Any, fence: int) -> None:
        self.id: str = row.id
        self.workspace: str = row.workspace_id
        self.by: str = row.by
        self.params: dict[str, Any] = row.params
        self.checkpoint: dict[str, Any] = row.checkpoint
        self.done: int = row.done
        self.failed: int = row.failed
        self.total: int | None = row.total
        self.outcome: JobState | None = None
        """Set when the run was stopped from outside."""
        self.poked = asyncio.Event()
        self._db = db
        self._fence = fence
        self._error: str | None = None
        self._pace = model.Pace(row.rate_per_s)
        self._flushed_at = asyncio.get_running_loop().time()

    @property
    def rate_per_s(self) -> float | None:
        """The pace wanted at present; None is as fast as it goes."""
        return self._pace.rate_per_s

    async def expect(self, total: int) -> None:
        """Say how many items there are."""
        self.total = total
        await self._flush()

    async def step(
        self, checkpoint: dict[str, Any], *, done: int = 0, failed: int = 0, error: str | None = None
    ) -> None:
        """Count items, remember where to go on, and keep the pace. Must be called regularly, also with no items."""
        self.checkpoint = checkpoint
        self.done += done
        self.failed += failed
        self._error = error or self._error
        loop = asyncio.get_running_loop()
        if self.poked.is_set() or loop.time() - self._flushed_at >= _FLUSH_S:
            await self._flush()
        delay = self._pace.delay_s(loop.time(), done + failed)
        until = loop.time() + delay
        while loop.time() < until:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_FLUSH_S, until - loop.time())):
                    await self.poked.wait()
            await self._flush()

    async def finish(self, state: JobState, **values: Any) -> None:
        """Write the end, if the job is still ours."""
        async with self._db.write() as tx:
            ended = tx.clock.now() if state in model.FINISHED else None
            await store.report(
                tx, self.id, self._fence, **{"error": self._error} | self._progress() | values, state=state, wanted=None,
                holder=None, lease_until=None, finished_at=ended,
            )  # fmt: skip

    async def postpone(self, seconds: float, error: str) -> None:
        """Give the job back; any hub goes on with it after a while."""
        async with self._db.write() as tx:
            until = tx.clock.now() + timedelta(seconds=seconds)
            await store.report(
                tx, self.id, self._fence, **self._progress(), holder=None, lease_until=until, error=error
            )

    def _progress(self) -> dict[str, Any]:
        return {"checkpoint": self.checkpoint, "done": self.done, "failed": self.failed, "total": self.total}

    async def _flush(self) -> None:
        self.poked.clear()
        async with self._db.write() as tx:
            until = tx.clock.now() + timedelta(seconds=_LEASE_S)
            row = await store.report(tx, self.id, self._fence, **self._progress(), lease_until=until)
        self._flushed_at = asyncio.get_running_loop().time()
        if row is None:
            raise _StoppedError
        self._pace.rate_per_s = row.rate_per_s
        if row.wanted is not None:
            self.outcome = row.wanted
            raise _StoppedError


Work = Callable[[JobRun], Awaitable[dict[str, Any]]]
"""What a kind of job does; returns the job's result."""


class JobRunner(Component):
    """Claims jobs that wait, or whose hub died, and does their work."""

    name: ClassVar[str] = "jobs"

    def __init__(self, jobs: Jobs, db: Database, kinds: Mapping[str, Work], *, hub_id: str) -> None:
        super().__init__()
        self._jobs = jobs
        self._db = db
        self._kinds = kinds
        self._hub_id = hub_id
        self._runs: dict[str, JobRun] = {}

    async def run(self) -> None:
        tasks = Tasks()
        self.started.set()
        try:
            while True:
                self._jobs.wake.clear()
                for run, kind in await self._claim(_SLOTS - len(self._runs)):
                    self._runs[run.id] = run
                    tasks.spawn(self._work(run, kind), name=f"job-{run.id}")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_S):
                        await self._jobs.wake.wait()
                        for run in self._runs.values():
                            run.poked.set()
        finally:
            await tasks.close()

    async def _claim(self, slots: int) -> list[tuple[JobRun, str]]:
        if slots <= 0:
            return []
        async with self._db.read() as tx:
            waiting = await store.claimable(tx, 1)
        if not waiting:  # the common case takes no write lock
            return []
        async with self._db.write() as tx:
            rows = await store.claimable(tx, slots)
            until = tx.clock.now() + timedelta(seconds=_LEASE_S)
            for row in rows:
                await store.hold(tx, row, self._hub_id, until)
        return [(JobRun(self._db, row, row.fence + 1), row.kind) for row in rows]

    async def _work(self, run: JobRun, kind: str) -> None:
        work = self._kinds.get(kind)
        try:
            if work is None:
                await run.finish("failed", error=f"This hub does not know jobs of kind {kind!r}")
                return
            result = await work(run)
            await run.finish("completed", result=result)
        except asyncio.CancelledError:
            with contextlib.suppress(UnavailableError):
                await run.postpone(0, "")  # another hub need not wait for our lease to end
            raise
        except _StoppedError:
            if run.outcome is not None:
                await run.finish(run.outcome)
        except UnavailableError as error:
            _log.warning("job_postponed", job=run.id, error=str(error))
            await run.postpone(_RETRY_S, str(error))
        except TrunklineError as error:
            await run.finish("failed", error=f"{error.title}: {error.detail}")
        except Exception as error:  # noqa: BLE001 -- the supervising edge: whatever work raises, the job must say so
            _log.exception("job_failed", job=run.id, kind=kind)
            await run.finish("failed", error=f"{type(error).__name__}: {error}")
        finally:
            if self._runs.get(run.id) is run:
                del self._runs[run.id]
            self._jobs.wake.set()


def _found(row: Any, job_id: str) -> Any:
    if row is None:
        raise JobUnknownError(f"There is no job {job_id!r}")
    return row


def _job(row: Any) -> Job:
    return Job(
        id=row.id, kind=row.kind, title=row.title, state=row.state, params=row.params, total=row.total,
        done=row.done, failed=row.failed, rate_per_s=row.rate_per_s, result=row.result, error=row.error or None,
        by=row.by, created_at=rfc3339(row.created_at), started_at=rfc3339_or_none(row.started_at),
        updated_at=rfc3339(row.updated_at), finished_at=rfc3339_or_none(row.finished_at),
    )  # fmt: skip
