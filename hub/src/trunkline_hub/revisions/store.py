"""The table of revisions."""

from typing import Any

from sqlalchemy import JSON, Column, Integer, String, Table, Text, func, select

from trunkline_hub.db import Tx, UtcDateTime, metadata

revisions = Table(
    "revisions",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("kind", String(31), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("action", String(15), nullable=False),
    Column("body", JSON(none_as_null=True), nullable=True),
    Column("by", String(255), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("note", Text, nullable=False),
)


def _of(workspace: str, kind: str, name: str) -> Any:
    table = revisions.c
    return (table.workspace_id == workspace) & (table.kind == kind) & (table.name == name)


async def last_number(tx: Tx, workspace: str, kind: str, name: str) -> int:
    query = select(func.max(revisions.c.number)).where(_of(workspace, kind, name))
    return int((await tx.execute(query)).scalar() or 0)


async def insert(tx: Tx, row: dict[str, Any]) -> None:
    await tx.execute(revisions.insert(), row)


async def get(tx: Tx, workspace: str, kind: str, name: str, number: int) -> Any:
    query = select(revisions).where(_of(workspace, kind, name) & (revisions.c.number == number))
    return (await tx.execute(query)).first()


async def page(tx: Tx, workspace: str, kind: str, name: str, *, before: int | None, limit: int) -> list[Any]:
    """Return `limit + 1` revisions with numbers below `before`, newest first."""
    query = select(revisions).where(_of(workspace, kind, name))
    if before is not None:
        query = query.where(revisions.c.number < before)
    return list((await tx.execute(query.order_by(revisions.c.number.desc()).limit(limit + 1))).all())
