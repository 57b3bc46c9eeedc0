"""Tables of retention: limits of a workspace's log, and the types that are kept longer."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Float, Integer, String, Table, select

from trunkline_hub.db import Tx, UtcDateTime, metadata

event_limits = Table(
    "event_limits",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("max_age_s", Float, nullable=True),
    Column("max_bytes", BigInteger, nullable=True),
)

event_keeps = Table(
    "event_keeps",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("types", JSON, nullable=False),
    Column("max_age_s", Float, nullable=False),
    Column("max_bytes", BigInteger, nullable=False),
    Column("declared_at", UtcDateTime, nullable=False),
)


async def limits(tx: Tx, workspace: str) -> Any:
    return (await tx.execute(select(event_limits).where(event_limits.c.workspace_id == workspace))).first()


async def put_limits(tx: Tx, workspace: str, *, max_age_s: float | None, max_bytes: int | None) -> None:
    mine = event_limits.c.workspace_id == workspace
    values = {"max_age_s": max_age_s, "max_bytes": max_bytes}
    updated = await tx.execute(event_limits.update().where(mine).values(**values))
    if updated.rowcount == 0:
        await tx.execute(event_limits.insert(), {"workspace_id": workspace} | values)


async def keeps(tx: Tx, workspace: str) -> list[Any]:
    query = select(event_keeps).where(event_keeps.c.workspace_id == workspace).order_by(event_keeps.c.name)
    return list((await tx.execute(query)).all())


async def keep(tx: Tx, workspace: str, name: str) -> Any:
    mine = (event_keeps.c.workspace_id == workspace) & (event_keeps.c.name == name)
    return (await tx.execute(select(event_keeps).where(mine))).first()


async def put_keep(tx: Tx, row: dict[str, Any]) -> None:
    mine = (event_keeps.c.workspace_id == row["workspace_id"]) & (event_keeps.c.name == row["name"])
    updated = await tx.execute(event_keeps.update().where(mine).values(**row))
    if updated.rowcount == 0:
        await tx.execute(event_keeps.insert(), row)


async def remove_keep(tx: Tx, workspace: str, name: str) -> bool:
    mine = (event_keeps.c.workspace_id == workspace) & (event_keeps.c.name == name)
    removed = await tx.execute(event_keeps.delete().where(mine))
    return bool(removed.rowcount)
