"""The table of handlers."""

from typing import Any

import msgspec
from sqlalchemy import JSON, Boolean, Column, Integer, String, Table, select

from trunkline.protocol.resources import HandlerDeclaration
from trunkline_hub.db import Tx, UtcDateTime, metadata

handlers = Table(
    "handlers",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("declaration", JSON, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("updated_by", String(255), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)


def declaration(row: Any) -> HandlerDeclaration:
    return msgspec.convert(row.declaration, HandlerDeclaration)


async def get(tx: Tx, workspace: str, name: str) -> Any:
    mine = (handlers.c.workspace_id == workspace) & (handlers.c.name == name)
    return (await tx.execute(select(handlers).where(mine))).first()


async def put(tx: Tx, row: dict[str, Any]) -> None:
    mine = (handlers.c.workspace_id == row["workspace_id"]) & (handlers.c.name == row["name"])
    values = {**row, "updated_at": tx.clock.now()}
    updated = await tx.execute(handlers.update().where(mine).values(**values))
    if updated.rowcount == 0:
        await tx.execute(handlers.insert(), {**values, "paused": False})


async def set_paused(tx: Tx, workspace: str, name: str, *, paused: bool) -> None:
    mine = (handlers.c.workspace_id == workspace) & (handlers.c.name == name)
    await tx.execute(handlers.update().where(mine).values(paused=paused))


async def remove(tx: Tx, workspace: str, name: str) -> None:
    mine = (handlers.c.workspace_id == workspace) & (handlers.c.name == name)
    await tx.execute(handlers.delete().where(mine))


async def page(tx: Tx, workspace: str, *, after: str | None, limit: int) -> list[Any]:
    query = select(handlers).where(handlers.c.workspace_id == workspace)
    if after is not None:
        query = query.where(handlers.c.name > after)
    return list((await tx.execute(query.order_by(handlers.c.name).limit(limit + 1))).all())


async def every(tx: Tx) -> list[Any]:
    return list((await tx.execute(select(handlers))).all())
