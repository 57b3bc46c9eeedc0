"""The table of queues."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import JSON, Column, Float, Integer, String, Table, func, select

from trunkline_hub.db import Tx, UtcDateTime, metadata
from trunkline_hub.queues.model import Settled

queues = Table(
    "queues",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("retry", JSON, nullable=False),
    Column("ack_wait_s", Float, nullable=False),
    Column("max_in_flight", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)


def settled(row: Any) -> Settled:
    return msgspec.convert(
        {"retry": row.retry, "ack_wait_s": row.ack_wait_s, "max_in_flight": row.max_in_flight}, Settled
    )


async def get(tx: Tx, workspace: str, name: str) -> Any:
    mine = (queues.c.workspace_id == workspace) & (queues.c.name == name)
    return (await tx.execute(select(queues).where(mine))).first()


async def put(tx: Tx, workspace: str, name: str, wanted: Settled) -> None:
    mine = (queues.c.workspace_id == workspace) & (queues.c.name == name)
    values = msgspec.to_builtins(wanted)
    updated = await tx.execute(queues.update().where(mine).values(**values))
    if updated.rowcount == 0:
        key = {"workspace_id": workspace, "name": name, "created_at": tx.clock.now()}
        await tx.execute(queues.insert(), key | values)


async def page(tx: Tx, workspace: str, *, text: str | None, after: str | None, limit: int) -> list[Any]:
    query = select(queues).where(queues.c.workspace_id == workspace)
    if text:
        query = query.where(func.lower(queues.c.name).contains(text.lower(), autoescape=True))
    if after is not None:
        query = query.where(queues.c.name > after)
    return list((await tx.execute(query.order_by(queues.c.name).limit(limit + 1))).all())


async def some(tx: Tx, workspace: str, names: Sequence[str]) -> list[Any]:
    query = select(queues).where((queues.c.workspace_id == workspace) & queues.c.name.in_(names))
    return list((await tx.execute(query.order_by(queues.c.name))).all())


async def names(tx: Tx, workspace: str) -> set[str]:
    query = select(queues.c.name).where(queues.c.workspace_id == workspace)
    return set((await tx.execute(query)).scalars())


async def every(tx: Tx) -> list[Any]:
    return list((await tx.execute(select(queues))).all())


async def delete(tx: Tx, workspace: str, name: str) -> None:
    await tx.execute(queues.delete().where((queues.c.workspace_id == workspace) & (queues.c.name == name)))
