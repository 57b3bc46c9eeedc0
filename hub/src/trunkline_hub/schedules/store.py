"""Tables of schedules and of how they fired."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import JSON, Boolean, Column, Index, String, Table, Text, select

from trunkline.protocol.resources import ScheduleDeclaration
from trunkline_hub.db import Tx, UtcDateTime, metadata

_KEPT_FIRINGS = 200
"""Firings on record, a schedule."""

schedules = Table(
    "schedules",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("declaration", JSON, nullable=False),
    Column("owner", String(127), nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("planned_at", UtcDateTime, nullable=True),
    Column("fires_at", UtcDateTime, nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "fires_at"),
)

firings = Table(
    "schedule_firings",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("schedule", String(127), nullable=False),
    Column("planned_at", UtcDateTime, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("outcome", String(15), nullable=False),
    Column("message_id", String(255), nullable=True),
    Column("detail", Text, nullable=False),
    Index(None, "workspace_id", "schedule", "id"),
)


def declaration(row: Any) -> ScheduleDeclaration:
    return msgspec.convert(row.declaration, ScheduleDeclaration)


async def get(tx: Tx, workspace: str, name: str) -> Any:
    return (await tx.execute(select(schedules).where(_mine(workspace, name)))).first()


async def page(tx: Tx, workspace: str, *, after: str | None, limit: int) -> list[Any]:
    query = select(schedules).where(schedules.c.workspace_id == workspace)
    if after is not None:
        query = query.where(schedules.c.name > after)
    return list((await tx.execute(query.order_by(schedules.c.name).limit(limit + 1))).all())


async def insert(tx: Tx, row: dict[str, Any]) -> None:
    now = tx.clock.now()
    await tx.execute(schedules.insert(), {**row, "created_at": now, "updated_at": now})


async def update(tx: Tx, workspace: str, name: str, **values: Any) -> None:
    await tx.execute(schedules.update().where(_mine(workspace, name)).values(**values, updated_at=tx.clock.now()))


async def remove(tx: Tx, workspace: str, name: str) -> None:
    await tx.execute(schedules.delete().where(_mine(workspace, name)))
    of_it = (firings.c.workspace_id == workspace) & (firings.c.schedule == name)
    await tx.execute(firings.delete().where(of_it))


async def due(tx: Tx, now: datetime, limit: int) -> list[Any]:
    """Return what should have fired by now, in every workspace, the longest overdue first."""
    query = select(schedules).where(schedules.c.fires_at <= now).order_by(schedules.c.fires_at).limit(limit)
    return list((await tx.execute(query)).all())


async def next_moment(tx: Tx) -> datetime | None:
    """Return when something fires next, in any workspace."""
    row = (await tx.execute(select(schedules.c.fires_at).where(schedules.c.fires_at.is_not(None))
                            .order_by(schedules.c.fires_at).limit(1))).first()  # fmt: skip
    return None if row is None else row.fires_at


async def advance(tx: Tx, row: Any, at: datetime, planned: datetime, fires: datetime) -> bool:
    """Move a schedule on from `at` to its next firing; False when somebody changed it meanwhile."""
    same = _mine(row.workspace_id, row.name) & (schedules.c.planned_at == at)
    values = {"planned_at": planned, "fires_at": fires}
    return bool((await tx.execute(schedules.update().where(same).values(**values))).rowcount)


async def add_firing(tx: Tx, row: dict[str, Any]) -> None:
    """Write a firing down, and forget the oldest beyond those that are kept."""
    await tx.execute(firings.insert(), row)
    of_it = (firings.c.workspace_id == row["workspace_id"]) & (firings.c.schedule == row["schedule"])
    oldest = (
        select(firings.c.id).where(of_it).order_by(firings.c.id.desc()).offset(_KEPT_FIRINGS).limit(1).scalar_subquery()
    )
    await tx.execute(firings.delete().where(of_it & (firings.c.id <= oldest)))


async def firing_page(tx: Tx, workspace: str, name: str, *, before: str | None, limit: int) -> list[Any]:
    """Return `limit + 1` firings older than `before`, newest first."""
    query = select(firings).where((firings.c.workspace_id == workspace) & (firings.c.schedule == name))
    if before is not None:
        query = query.where(firings.c.id < before)
    return list((await tx.execute(query.order_by(firings.c.id.desc()).limit(limit + 1))).all())


def _mine(workspace: str, name: str) -> Any:
    return (schedules.c.workspace_id == workspace) & (schedules.c.name == name)
