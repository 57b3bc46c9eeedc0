"""Tables of routes: what is declared, and what came of it."""

from typing import Any

import msgspec
from sqlalchemy import JSON, BigInteger, Column, Integer, String, Table, Text, select

from trunkline.protocol.resources import RouteDeclaration
from trunkline_hub.db import Tx, UtcDateTime, metadata

routes = Table(
    "routes",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("declaration", JSON, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("updated_by", String(255), nullable=False),
)

route_counts = Table(
    "route_counts",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("route", String(127), primary_key=True),
    Column("outcome", String(15), primary_key=True),
    Column("type", String(255), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("last_id", String(512), nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)
"""`route` is empty for events that nothing took; `type` is empty where it is not asked for."""


def declaration(row: Any) -> RouteDeclaration:
    return msgspec.convert(row.declaration, RouteDeclaration)


async def get(tx: Tx, workspace: str, name: str) -> Any:
    mine = (routes.c.workspace_id == workspace) & (routes.c.name == name)
    return (await tx.execute(select(routes).where(mine))).first()


async def every(tx: Tx) -> list[Any]:
    return list((await tx.execute(select(routes))).all())


async def of_workspace(tx: Tx, workspace: str) -> list[Any]:
    return list((await tx.execute(select(routes).where(routes.c.workspace_id == workspace))).all())


async def page(tx: Tx, workspace: str, *, after: str | None, limit: int) -> list[Any]:
    """Return `limit + 1` routes by name."""
    query = select(routes).where(routes.c.workspace_id == workspace)
    if after is not None:
        query = query.where(routes.c.name > after)
    return list((await tx.execute(query.order_by(routes.c.name).limit(limit + 1))).all())


async def put(tx: Tx, row: dict[str, Any]) -> None:
    mine = (routes.c.workspace_id == row["workspace_id"]) & (routes.c.name == row["name"])
    row = row | {"updated_at": tx.clock.now()}
    updated = await tx.execute(routes.update().where(mine).values(**row))
    if updated.rowcount == 0:
        await tx.execute(routes.insert(), row)


async def remove(tx: Tx, workspace: str, name: str) -> None:
    await tx.execute(routes.delete().where((routes.c.workspace_id == workspace) & (routes.c.name == name)))
    gone = (route_counts.c.workspace_id == workspace) & (route_counts.c.route == name)
    await tx.execute(route_counts.delete().where(gone))


async def add_count(tx: Tx, key: tuple[str, str, str, str], count: int, values: dict[str, Any]) -> None:
    """Add to a counter; `key` is (workspace, route, outcome, type)."""
    table = route_counts
    names = ("workspace_id", "route", "outcome", "type")
    mine = table.c.workspace_id == key[0]
    for name, value in zip(names[1:], key[1:], strict=True):
        mine &= table.c[name] == value
    updated = await tx.execute(table.update().where(mine).values(count=table.c.count + count, **values))
    if updated.rowcount == 0:
        await tx.execute(table.insert(), dict(zip(names, key, strict=True)) | {"count": count} | values)


async def counts(tx: Tx, workspace: str, names: list[str]) -> list[Any]:
    mine = (route_counts.c.workspace_id == workspace) & route_counts.c.route.in_(names)
    return list((await tx.execute(select(route_counts).where(mine))).all())


async def dead_ends(tx: Tx, workspace: str, *, skip: int, limit: int) -> list[Any]:
    """Return `limit + 1` dead ends, the most frequent first."""
    table = route_counts
    query = select(table).where((table.c.workspace_id == workspace) & table.c.outcome.in_(["dead_end", "unrouted"]))
    ordered = query.order_by(table.c.count.desc(), table.c.route, table.c.type)
    return list((await tx.execute(ordered.offset(skip).limit(limit + 1))).all())
