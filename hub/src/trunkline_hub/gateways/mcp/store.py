"""The tables of upstreams, toolsets and sealing keys."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import JSON, Column, String, Table, null, select
from sqlalchemy.exc import IntegrityError

from trunkline.protocol.resources import McpUpstreamDeclaration, ToolsetDeclaration
from trunkline_hub.db import Tx, UtcDateTime, metadata
from trunkline_hub.gateways.mcp.model import Offer

upstreams = Table(
    "mcp_upstreams",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("declaration", JSON, nullable=False),
    Column("offer", JSON, nullable=False),
    Column("found", JSON),
    Column("created_by", String(255), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("refreshed_at", UtcDateTime),
)

toolsets = Table(
    "mcp_toolsets",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("declaration", JSON, nullable=False),
    Column("updated_by", String(255), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

keys = Table(
    "mcp_keys",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("key", String(64), nullable=False),
)


def declaration(row: Any) -> McpUpstreamDeclaration:
    return msgspec.convert(row.declaration, McpUpstreamDeclaration)


def offer(row: Any) -> Offer:
    return msgspec.convert(row.offer, Offer)


def found(row: Any) -> Offer | None:
    """Return what waits for approval."""
    return None if row.found is None else msgspec.convert(row.found, Offer)


def toolset(row: Any) -> ToolsetDeclaration:
    return msgspec.convert(row.declaration, ToolsetDeclaration)


async def get(tx: Tx, table: Table, workspace: str, name: str) -> Any:
    return (await tx.execute(select(table).where(_mine(table, workspace, name)))).first()


async def page(tx: Tx, table: Table, workspace: str, *, after: str | None, limit: int) -> Sequence[Any]:
    query = select(table).where(table.c.workspace_id == workspace)
    if after is not None:
        query = query.where(table.c.name > after)
    return list((await tx.execute(query.order_by(table.c.name).limit(limit + 1))).all())


async def remove(tx: Tx, table: Table, workspace: str, name: str) -> None:
    await tx.execute(table.delete().where(_mine(table, workspace, name)))


async def every_upstream(tx: Tx) -> list[Any]:
    return list((await tx.execute(select(upstreams))).all())


async def add_upstream(
    tx: Tx, workspace: str, name: str, wanted: McpUpstreamDeclaration, brings: Offer, by: str
) -> None:
    now = tx.clock.now()
    row = {
        "workspace_id": workspace, "name": name, "declaration": msgspec.to_builtins(wanted),
        "offer": msgspec.to_builtins(brings), "created_by": by, "created_at": now, "refreshed_at": now,
    }  # fmt: skip
    await tx.execute(upstreams.insert(), row)


async def set_offer(tx: Tx, workspace: str, name: str, brings: Offer, *, waits: bool = False) -> None:
    """Take over what an upstream offers now, or have it wait for approval."""
    offered = msgspec.to_builtins(brings)
    values = {"found": offered} if waits else {"offer": offered, "found": null()}
    values["refreshed_at"] = tx.clock.now()
    await tx.execute(upstreams.update().where(_mine(upstreams, workspace, name)).values(**values))


async def put_toolset(tx: Tx, workspace: str, name: str, wanted: ToolsetDeclaration, by: str) -> None:
    values = {"declaration": msgspec.to_builtins(wanted), "updated_by": by, "updated_at": tx.clock.now()}
    updated = await tx.execute(toolsets.update().where(_mine(toolsets, workspace, name)).values(**values))
    if updated.rowcount == 0:
        await tx.execute(toolsets.insert(), {"workspace_id": workspace, "name": name, **values})


async def key(tx: Tx, workspace: str) -> str | None:
    found = (await tx.execute(select(keys.c.key).where(keys.c.workspace_id == workspace))).scalar()
    return None if found is None else str(found)


async def add_key(tx: Tx, workspace: str, fresh: str) -> bool:
    """Store a workspace's key; False where another hub was quicker."""
    try:
        await tx.execute(keys.insert(), {"workspace_id": workspace, "key": fresh})
    except IntegrityError:
        return False
    return True


def _mine(table: Table, workspace: str, name: str) -> Any:
    return (table.c.workspace_id == workspace) & (table.c.name == name)
