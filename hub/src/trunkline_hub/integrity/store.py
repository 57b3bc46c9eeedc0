"""The table of witnesses: which message stood where in the log, noted now and then."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table, select

from trunkline_hub.db import Tx, UtcDateTime, metadata

event_witnesses = Table(
    "event_witnesses",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
    Column("lasting", Boolean, nullable=False),
    Index(None, "workspace_id", "noted_at"),
)


async def newest(tx: Tx, workspace: str) -> Any:
    query = select(event_witnesses).where(event_witnesses.c.workspace_id == workspace)
    return (await tx.execute(query.order_by(event_witnesses.c.noted_at.desc()).limit(1))).first()


async def add(tx: Tx, workspace: str, seq: int, sha256: str, *, lasting: bool) -> None:
    """Note a message; where another one stood at this place before, the first note counts."""
    mine = (event_witnesses.c.workspace_id == workspace) & (event_witnesses.c.seq == seq)
    if (await tx.execute(select(event_witnesses.c.seq).where(mine))).first() is None:
        row = {"workspace_id": workspace, "seq": seq, "sha256": sha256, "noted_at": tx.clock.now(), "lasting": lasting}
        await tx.execute(event_witnesses.insert(), row)


async def prune(tx: Tx, workspace: str, *, first_seq: int, dense_since: datetime) -> None:
    """Forget what has left the log, and of what is older all but the lasting ones."""
    gone = event_witnesses.c.seq < first_seq
    thin = (event_witnesses.c.noted_at < dense_since) & event_witnesses.c.lasting.is_(False)
    await tx.execute(event_witnesses.delete().where((event_witnesses.c.workspace_id == workspace) & (gone | thin)))


async def every(tx: Tx, workspace: str) -> dict[int, str]:
    query = select(event_witnesses.c.seq, event_witnesses.c.sha256).where(event_witnesses.c.workspace_id == workspace)
    return {row.seq: row.sha256 for row in await tx.execute(query)}
