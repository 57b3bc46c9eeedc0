"""The index over dead letters and attempts; the messages themselves stay in their stream."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint, func, select

from trunkline_hub.db import Tx, UtcDateTime, metadata

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("workspace_id", String(63), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("lane", String(7), nullable=False),
    Column("reader", String(127), nullable=False),
    Column("subject", String(2048), nullable=False),
    Column("stream_seq", BigInteger, nullable=False),
    Column("message_id", String(512), nullable=False),
    Column("type", String(512), nullable=False),
    Column("sender", String(255), nullable=False),
    Column("reason", String(63), nullable=False),
    Column("error", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("traceparent", String(55), nullable=True),
    Column("redrive_of", String(36), nullable=True),
    Column("died_at", UtcDateTime, nullable=False),
    Column("redrive_began_at", UtcDateTime, nullable=True),
    Column("redriven_at", UtcDateTime, nullable=True),
    Column("redriven_by", String(255), nullable=True),
    UniqueConstraint("workspace_id", "seq"),
    Index(None, "workspace_id", "id"),
    Index(None, "workspace_id", "lane", "reader", "id"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("lane", String(7), nullable=False),
    Column("reader", String(127), nullable=False),
    Column("stream_seq", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("record", JSON, nullable=False),
    Index(None, "workspace_id", "lane", "reader", "stream_seq"),
)


async def known(tx: Tx, table: Table, workspace: str, seqs: list[int]) -> set[int]:
    """Return which of `seqs` are in the index already: observers may see a message twice."""
    query = select(table.c.seq).where((table.c.workspace_id == workspace) & table.c.seq.in_(seqs))
    return set((await tx.execute(query)).scalars())


async def insert(tx: Tx, table: Table, rows: list[dict[str, Any]]) -> None:
    await tx.execute(table.insert(), rows)


async def page(tx: Tx, workspace: str, filters: dict[str, Any], *, before: str | None, limit: int) -> list[Any]:
    """Return `limit + 1` rows older than `before`, newest first."""
    table = dead_letters
    query = select(table).where(table.c.workspace_id == workspace)
    for name in ("lane", "reader", "reason"):
        if filters.get(name) is not None:
            query = query.where(table.c[name] == filters[name])
    if filters.get("waiting") is not None:
        waits = table.c.redriven_at.is_(None)
        query = query.where(waits if filters["waiting"] else ~waits)
    if before is not None:
        query = query.where(table.c.id < before)
    return list((await tx.execute(query.order_by(table.c.id.desc()).limit(limit + 1))).all())


async def get(tx: Tx, workspace: str, letter_id: str) -> Any:
    table = dead_letters
    mine = (table.c.workspace_id == workspace) & (table.c.id == letter_id)
    return (await tx.execute(select(table).where(mine))).first()


async def by_seq(tx: Tx, workspace: str, seqs: list[int]) -> list[Any]:
    table = dead_letters
    mine = (table.c.workspace_id == workspace) & table.c.seq.in_(seqs)
    columns = (table.c.seq, table.c.id, table.c.redrive_began_at, table.c.redriven_at, table.c.redriven_by)
    return list(await tx.execute(select(*columns).where(mine)))


async def history(tx: Tx, workspace: str, lane: str, reader: str, stream_seq: int) -> list[dict[str, Any]]:
    """Return the records of every attempt at one stored message, in order."""
    table = attempts
    mine = (
        (table.c.workspace_id == workspace)
        & (table.c.lane == lane)
        & (table.c.reader == reader)
        & (table.c.stream_seq == stream_seq)
    )
    return list((await tx.execute(select(table.c.record).where(mine).order_by(table.c.number, table.c.seq))).scalars())


async def mark_redrive_began(tx: Tx, workspace: str, letter_id: str) -> bool:
    """Write the intent; False when the letter is on its way already."""
    table = dead_letters
    mine = (table.c.workspace_id == workspace) & (table.c.id == letter_id) & table.c.redriven_at.is_(None)
    result = await tx.execute(table.update().where(mine).values(redrive_began_at=tx.clock.now()))
    return bool(result.rowcount)


async def mark_redriven(tx: Tx, workspace: str, letter_id: str, by: str) -> bool:
    table = dead_letters
    mine = (table.c.workspace_id == workspace) & (table.c.id == letter_id) & table.c.redriven_at.is_(None)
    values = {"redriven_at": tx.clock.now(), "redriven_by": by}
    return bool((await tx.execute(table.update().where(mine).values(**values))).rowcount)


async def counts(tx: Tx, workspace: str) -> list[Any]:
    """Return (lane, reader, total, waiting) for every reader with dead letters."""
    table = dead_letters
    waiting = func.count().filter(table.c.redriven_at.is_(None))
    query = (
        select(table.c.lane, table.c.reader, func.count().label("total"), waiting.label("waiting"))
        .where(table.c.workspace_id == workspace)
        .group_by(table.c.lane, table.c.reader)
    )
    return list((await tx.execute(query)).all())


async def attempt_count(tx: Tx, workspace: str) -> int:
    query = select(func.count()).select_from(attempts).where(attempts.c.workspace_id == workspace)
    return int((await tx.execute(query)).scalar_one())
