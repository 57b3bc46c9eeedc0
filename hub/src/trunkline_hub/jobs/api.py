"""Routes of jobs. Features make them through routes of their own."""

from typing import Annotated, Any

from litestar import Request, Router, get, post
from litestar.params import QueryParameter

from trunkline.protocol.resources import Job, JobChange, JobPage, JobState
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.jobs.service import Jobs
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit

AnyRequest = Request[Principal, Any, Any]
State = Annotated[JobState | None, QueryParameter(name="state", description="Only jobs in this state.")]


@get("/jobs", opt=requires("jobs:read"))
async def list_jobs(
    workspace: str,
    tx: Tx,
    jobs: Jobs,
    kind: str | None = None,
    job_state: State = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> JobPage:
    """List jobs, newest first."""
    return await jobs.page(tx, workspace, {"kind": kind, "state": job_state}, cursor=cursor, limit=limit)


@get("/jobs/{job_id:str}", opt=requires("jobs:read"))
async def get_job(workspace: str, job_id: str, tx: Tx, jobs: Jobs) -> Job:
    """Show a job and how far it is."""
    return await jobs.get(tx, workspace, job_id)


@post("/jobs/{job_id:str}/pause", opt=requires("jobs:write"), status_code=200)
async def pause(workspace: str, job_id: str, request: AnyRequest, tx: Tx, jobs: Jobs) -> Job:
    """Have a job stop where it is, until it is resumed."""
    return await jobs.steer(tx, request.user, workspace, job_id, "pause")


@post("/jobs/{job_id:str}/resume", opt=requires("jobs:write"), status_code=200)
async def resume(workspace: str, job_id: str, request: AnyRequest, tx: Tx, jobs: Jobs) -> Job:
    """Have a paused or failed job go on from where it stopped."""
    return await jobs.steer(tx, request.user, workspace, job_id, "resume")


@post("/jobs/{job_id:str}/cancel", opt=requires("jobs:write"), status_code=200)
async def cancel(workspace: str, job_id: str, request: AnyRequest, tx: Tx, jobs: Jobs) -> Job:
    """End a job; what it did stays done."""
    return await jobs.steer(tx, request.user, workspace, job_id, "cancel")


@post("/jobs/{job_id:str}/rate", opt=requires("jobs:write"), status_code=200)
async def set_rate(workspace: str, job_id: str, data: JobChange, request: AnyRequest, tx: Tx, jobs: Jobs) -> Job:
    """Change a job's pace; 0 lifts the limit."""
    return await jobs.set_rate(tx, request.user, workspace, job_id, data.rate_per_s)


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[list_jobs, get_job, pause, resume, cancel, set_rate],
    tags=["jobs"],
)
