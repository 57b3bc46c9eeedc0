"""The table of jobs. A job is held by one hub at a time, under a lease with a fencing number."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Float, Index, Integer, String, Table, Text, select

from trunkline_hub.db import Tx, UtcDateTime, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("workspace_id", String(63), nullable=False),
    Column("kind", String(63), nullable=False),
    Column("title", String(255), nullable=False),
    Column("state", String(15), nullable=False),
    Column("wanted", String(15), nullable=True),
    Column("params", JSON, nullable=False),
    Column("checkpoint", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("total", BigInteger, nullable=True),
    Column("done", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("rate_per_s", Float, nullable=True),
    Column("error", Text, nullable=True),
    Column("by", String(255), nullable=False),
    Column("holder", String(127), nullable=True),
    Column("fence", Integer, nullable=False),
    Column("lease_until", UtcDateTime, nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime, nullable=True),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=True),
    Index(None, "workspace_id", "id"),
    Index(None, "state", "lease_until"),
)


async def insert(tx: Tx, row: dict[str, Any]) -> None:
    await tx.execute(jobs.insert(), row)


async def get(tx: Tx, workspace: str, job_id: str) -> Any:
    mine = (jobs.c.workspace_id == workspace) & (jobs.c.id == job_id)
    return (await tx.execute(select(jobs).where(mine))).first()


async def lock(tx: Tx, workspace: str, job_id: str) -> Any:
    """Return a job's row; nobody else changes it until this transaction ends."""
    mine = (jobs.c.workspace_id == workspace) & (jobs.c.id == job_id)
    return (await tx.execute(select(jobs).where(mine).with_for_update())).first()


async def change(tx: Tx, job_id: str, **values: Any) -> None:
    await tx.execute(jobs.update().where(jobs.c.id == job_id).values(updated_at=tx.clock.now(), **values))


async def page(tx: Tx, workspace: str, filters: dict[str, Any], *, before: str | None, limit: int) -> list[Any]:
    """Return `limit + 1` jobs older than `before`, newest first."""
    query = select(jobs).where(jobs.c.workspace_id == workspace)
    for name in ("kind", "state"):
        if filters.get(name) is not None:
            query = query.where(jobs.c[name] == filters[name])
    if before is not None:
        query = query.where(jobs.c.id < before)
    return list((await tx.execute(query.order_by(jobs.c.id.desc()).limit(limit + 1))).all())


async def claimable(tx: Tx, limit: int) -> list[Any]:
    """Return jobs that wait for a hub, or whose hub is gone, oldest first."""
    free = jobs.c.lease_until.is_(None) | (jobs.c.lease_until < tx.clock.now())
    query = select(jobs).where(jobs.c.state.in_(["queued", "running"]) & free).order_by(jobs.c.id).limit(limit)
    return list((await tx.execute(query.with_for_update(skip_locked=True))).all())


async def hold(tx: Tx, row: Any, holder: str, until: datetime) -> None:
    started = row.started_at or tx.clock.now()
    await change(tx, row.id, state="running", holder=holder, fence=row.fence + 1, lease_until=until, started_at=started)


async def report(tx: Tx, job_id: str, fence: int, **values: Any) -> Any:
    """Write progress while the job is still ours; its row, or None when another hub holds it by now."""
    mine = (jobs.c.id == job_id) & (jobs.c.fence == fence) & (jobs.c.state == "running")
    updated = await tx.execute(jobs.update().where(mine).values(updated_at=tx.clock.now(), **values))
    if updated.rowcount == 0:
        return None
    return (await tx.execute(select(jobs).where(jobs.c.id == job_id))).first()
