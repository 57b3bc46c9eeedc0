"""`trunkline jobs …`."""

import asyncio

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trunkline.cli.output import Screen, ago
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.errors import JobFailedError
from trunkline.protocol.resources import Job

_COLUMNS = ("id", "what", "state", "progress", "failed #", "rate", "by", "created")
_REFRESH_S = 0.5
_FINISHED = frozenset({"completed", "failed", "cancelled"})


@click.group()
def jobs() -> None:
    """Long jobs of the hub: see how far they are, pause, resume and cancel them."""


@jobs.command("list")
@click.option("--kind", help="Only jobs of this kind.")
@click.option("--state", "job_state", help="Only jobs in this state.")
@click.option("--limit", default=20, show_default=True, help="Most to show.")
@with_client
async def list_jobs(client: Client, screen: Screen, kind: str | None, job_state: str | None, limit: int) -> None:
    """List jobs, newest first."""
    page = await client.jobs.list(kind=kind, state=job_state, limit=limit)
    screen.table(page, _COLUMNS, [_row(job) for job in page.items], empty="There are no jobs.")


@jobs.command("show")
@click.argument("job_id", metavar="ID")
@with_client
async def show_job(client: Client, screen: Screen, job_id: str) -> None:
    """Show one job."""
    describe(screen, await client.jobs.get(job_id))


@jobs.command("watch")
@click.argument("job_id", metavar="ID")
@with_client
async def watch_job(client: Client, screen: Screen, job_id: str) -> None:
    """Follow one job to its end; fails when the job does."""
    await follow(client, screen, await client.jobs.get(job_id))


@jobs.command("pause")
@click.argument("job_id", metavar="ID")
@with_client
async def pause_job(client: Client, screen: Screen, job_id: str) -> None:
    """Have a job stop where it is."""
    describe(screen, await client.jobs.pause(job_id))


@jobs.command("resume")
@click.argument("job_id", metavar="ID")
@with_client
async def resume_job(client: Client, screen: Screen, job_id: str) -> None:
    """Have a paused or failed job go on from where it stopped."""
    describe(screen, await client.jobs.resume(job_id))


@jobs.command("cancel")
@click.argument("job_id", metavar="ID")
@with_client
async def cancel_job(client: Client, screen: Screen, job_id: str) -> None:
    """End a job; what it did stays done."""
    describe(screen, await client.jobs.cancel(job_id))


@jobs.command("rate")
@click.argument("job_id", metavar="ID")
@click.argument("rate_per_s", metavar="PER_SECOND", type=float)
@with_client
async def set_rate(client: Client, screen: Screen, job_id: str, rate_per_s: float) -> None:
    """Change a job's pace while it runs; 0 lifts the limit."""
    describe(screen, await client.jobs.set_rate(job_id, rate_per_s))


async def follow(client: Client, screen: Screen, job: Job) -> None:
    """Show a job's progress until it has finished, then how it ended."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True, disable=screen.as_json or not screen.is_terminal) as bars:
        bar = bars.add_task(job.title, total=job.total)
        while job.state not in _FINISHED:
            bars.update(bar, total=job.total, completed=job.done + job.failed)
            await asyncio.sleep(_REFRESH_S)
            job = await client.jobs.get(job.id)
    describe(screen, job)
    if job.state == "failed":
        raise JobFailedError(f"{job.title}: {job.error}")


def describe(screen: Screen, job: Job) -> None:
    """Print one job."""
    screen.table(job, _COLUMNS, [_row(job)], empty="")
    if not screen.as_json:
        if job.error:
            screen.say(f"error: {job.error}")
        for name, value in job.result.items():
            screen.say(f"{name}: {value}")


def _row(job: Job) -> tuple[object, ...]:
    progress = f"{job.done:,} of {job.total:,}" if job.total is not None else f"{job.done:,}"
    rate = f"{job.rate_per_s:g}/s" if job.rate_per_s else "unlimited"
    return job.id, job.title, job.state, progress, job.failed, rate, job.by, ago(job.created_at)
