"""The audit table."""

from typing import Any

from sqlalchemy import JSON, Column, Index, String, Table, select

from trunkline_hub.db import Tx, UtcDateTime, metadata

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("workspace_id", String(63), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("principal", String(255), nullable=False),
    Column("action", String(127), nullable=False),
    Column("resource", String(512), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("request_id", String(36), nullable=True),
    Index(None, "workspace_id", "id"),
)


async def insert(tx: Tx, row: dict[str, Any]) -> None:
    await tx.execute(audit_log.insert(), row)


async def page(tx: Tx, workspace: str, *, before: str | None, limit: int) -> list[Any]:
    """Return `limit + 1` rows older than `before`, newest first."""
    query = select(audit_log).where(audit_log.c.workspace_id == workspace)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    return list((await tx.execute(query.order_by(audit_log.c.id.desc()).limit(limit + 1))).all())
