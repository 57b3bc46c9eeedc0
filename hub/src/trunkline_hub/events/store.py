"""Tables of events: the groups that follow them."""

from typing import Any

from sqlalchemy import JSON, Column, Float, String, Table, select

from trunkline_hub.db import Tx, UtcDateTime, metadata

event_groups = Table(
    "event_groups",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("types", JSON, nullable=False),
    Column("retry", JSON, nullable=False),
    Column("ack_wait_s", Float, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)


async def all_groups(tx: Tx) -> list[Any]:
    return list((await tx.execute(select(event_groups))).all())


async def get_group(tx: Tx, workspace: str, name: str) -> Any:
    mine = (event_groups.c.workspace_id == workspace) & (event_groups.c.name == name)
    return (await tx.execute(select(event_groups).where(mine))).first()


async def page_groups(tx: Tx, workspace: str, *, after: str | None, limit: int) -> list[Any]:
    query = select(event_groups).where(event_groups.c.workspace_id == workspace)
    if after is not None:
        query = query.where(event_groups.c.name > after)
    return list((await tx.execute(query.order_by(event_groups.c.name).limit(limit + 1))).all())


async def remove_group(tx: Tx, workspace: str, name: str) -> None:
    mine = (event_groups.c.workspace_id == workspace) & (event_groups.c.name == name)
    await tx.execute(event_groups.delete().where(mine))


async def groups_of(tx: Tx, workspace: str) -> list[Any]:
    mine = event_groups.c.workspace_id == workspace
    return list((await tx.execute(select(event_groups).where(mine).order_by(event_groups.c.name))).all())


async def put_group(tx: Tx, row: dict[str, Any]) -> None:
    mine = (event_groups.c.workspace_id == row["workspace_id"]) & (event_groups.c.name == row["name"])
    changed = {key: row[key] for key in ("types", "retry", "ack_wait_s")}
    updated = await tx.execute(event_groups.update().where(mine).values(**changed))
    if updated.rowcount == 0:
        await tx.execute(event_groups.insert(), {**row, "created_at": tx.clock.now()})
