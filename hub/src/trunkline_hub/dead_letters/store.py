"""The index over dead letters and attempts; the messages themselves stay in their stream."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
)

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
    Column("state", String(9), nullable=False, server_default="waiting"),
    Column("sender_verified", Boolean, nullable=False, server_default="false"),
    Column("agent", String(127), nullable=True),
    Column("correlation_id", String(512), nullable=True),
    Column("redriven_to", String(127), nullable=True),
    Column("edited_by", String(255), nullable=True),
    Column("discarded_at", UtcDateTime, nullable=True),
    Column("discarded_by", String(255), nullable=True),
    Column("discard_reason", Text, nullable=True),
    Column("job_id", String(36), nullable=True),
    UniqueConstraint("workspace_id", "seq"),
    Index(None, "workspace_id", "state", "seq"),
    Index(None, "workspace_id", "lane", "reader", "seq"),
    Index(None, "workspace_id", "lane", "reader", "state"),
    Index(None, "workspace_id", "reason", "seq"),
    Index(None, "workspace_id", "type", "seq"),
    Index(None, "workspace_id", "message_id"),
    Index(None, "workspace_id", "correlation_id"),
    Index(None, "redrive_of"),
    Index(None, "job_id"),
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

expiries = Table(
    "dead_letter_expiries",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("lane", String(7), primary_key=True),
    Column("reader", String(127), primary_key=True),
    Column("state", String(9), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)
"""How many letters left at the end of their retention."""

_EQUAL = ("lane", "reader", "reason", "type", "sender", "agent", "message_id", "correlation_id", "state")


async def known(tx: Tx, table: Table, workspace: str, seqs: list[int]) -> set[int]:
    """Return which of `seqs` are in the index already: observers may see a message twice."""
    query = select(table.c.seq).where((table.c.workspace_id == workspace) & table.c.seq.in_(seqs))
    return set((await tx.execute(query)).scalars())


async def insert(tx: Tx, table: Table, rows: list[dict[str, Any]]) -> None:
    await tx.execute(table.insert(), rows)


async def page(tx: Tx, workspace: str, where: dict[str, Any], *, before: int | None, limit: int) -> list[Any]:
    """Return `limit + 1` rows with sequences below `before`, newest first."""
    table = dead_letters
    query = _filtered(select(table), workspace, where)
    if before is not None:
        query = query.where(table.c.seq < before)
    return list((await tx.execute(query.order_by(table.c.seq.desc()).limit(limit + 1))).all())


async def run(tx: Tx, workspace: str, where: dict[str, Any], *, after: int, up_to: int, limit: int) -> list[Any]:
    """Return rows with sequences above `after` up to `up_to`, in their order."""
    table = dead_letters
    query = _filtered(select(table), workspace, where).where((table.c.seq > after) & (table.c.seq <= up_to))
    return list((await tx.execute(query.order_by(table.c.seq).limit(limit))).all())


async def count(tx: Tx, workspace: str, where: dict[str, Any], *, up_to: int) -> int:
    query = _filtered(select(func.count()), workspace, where).where(dead_letters.c.seq <= up_to)
    return int((await tx.execute(query)).scalar_one())


async def newest_seq(tx: Tx, workspace: str) -> int:
    query = select(func.max(dead_letters.c.seq)).where(dead_letters.c.workspace_id == workspace)
    return int((await tx.execute(query)).scalar() or 0)


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
    query = select(table.c.record).where(_attempts_of(workspace, lane, reader) & (table.c.stream_seq == stream_seq))
    return list((await tx.execute(query.order_by(table.c.number, table.c.seq))).scalars())


async def attempts_at(tx: Tx, workspace: str, lane: str, reader: str, seqs: list[int]) -> dict[int, int]:
    """Count the attempts on record for stored messages of one reader."""
    table = attempts
    mine = _attempts_of(workspace, lane, reader) & table.c.stream_seq.in_(seqs)
    query = select(table.c.stream_seq, func.count()).where(mine).group_by(table.c.stream_seq)
    rows = (await tx.execute(query)).all()
    return {row.stream_seq: row[1] for row in rows}


async def mark_redrive_began(tx: Tx, workspace: str, letter_id: str) -> bool:
    """Write the intent; False when the letter is on its way already."""
    table = dead_letters
    mine = (table.c.workspace_id == workspace) & (table.c.id == letter_id) & (table.c.state != "redriven")
    result = await tx.execute(table.update().where(mine).values(redrive_began_at=tx.clock.now()))
    return bool(result.rowcount)


async def mark_redriven(tx: Tx, workspace: str, ids: Sequence[str], by: str, **values: Any) -> int:
    """Write that letters were redriven; how many were not yet. `values`: `redriven_to`, `edited_by`, `job_id`."""
    table = dead_letters
    mine = (table.c.workspace_id == workspace) & table.c.id.in_(ids) & (table.c.state != "redriven")
    known = {"state": "redriven", "redriven_at": tx.clock.now(), "redriven_by": by}
    return int((await tx.execute(table.update().where(mine).values(**known, **values))).rowcount)


async def mark_discarded(
    tx: Tx, workspace: str, ids: Sequence[str], by: str, reason: str, job_id: str | None = None
) -> int:
    """Write that letters were discarded; how many waited until now."""
    table = dead_letters
    mine = (table.c.workspace_id == workspace) & table.c.id.in_(ids) & (table.c.state == "waiting")
    values = {"discarded_at": tx.clock.now(), "discarded_by": by, "discard_reason": reason, "job_id": job_id}
    return int((await tx.execute(table.update().where(mine).values(state="discarded", **values))).rowcount)


async def done_by_job(tx: Tx, job_id: str) -> int:
    query = select(func.count()).select_from(dead_letters).where(dead_letters.c.job_id == job_id)
    return int((await tx.execute(query)).scalar_one())


async def counts(tx: Tx, workspace: str) -> list[Any]:
    """Return (lane, reader, total, waiting) for every reader with dead letters."""
    table = dead_letters
    waiting = func.count().filter(table.c.state == "waiting")
    query = (
        select(table.c.lane, table.c.reader, func.count().label("total"), waiting.label("waiting"))
        .where(table.c.workspace_id == workspace)
        .group_by(table.c.lane, table.c.reader)
    )
    return list((await tx.execute(query)).all())


async def facets(tx: Tx, workspace: str, where: dict[str, Any], names: Collection[str], limit: int) -> list[Any]:
    """Return the values of columns with (total, waiting, redriven), the most frequent first."""
    table = dead_letters
    columns = [table.c[name] for name in names]
    totals = [
        func.count().label("total"),
        func.count().filter(table.c.state == "waiting").label("waiting"),
        func.count().filter(table.c.state == "redriven").label("redriven"),
    ]
    query = _filtered(select(*columns, *totals), workspace, where).group_by(*columns)
    return list((await tx.execute(query.order_by(totals[0].desc(), *columns).limit(limit))).all())


async def attempt_count(tx: Tx, workspace: str) -> int:
    query = select(func.count()).select_from(attempts).where(attempts.c.workspace_id == workspace)
    return int((await tx.execute(query)).scalar_one())


async def older_than(tx: Tx, workspace: str, states: Collection[str], moment: datetime, limit: int) -> list[Any]:
    """Return letters that died before `moment`, oldest first; not those whose later death is still on record."""
    table = dead_letters
    mine = (table.c.workspace_id == workspace) & table.c.state.in_(states) & (table.c.died_at < moment)
    return await _leaving(tx, mine, limit)


async def oldest(tx: Tx, workspace: str, states: Collection[str], limit: int) -> list[Any]:
    """Return the oldest letters; not those whose later death is still on record."""
    table = dead_letters
    return await _leaving(tx, (table.c.workspace_id == workspace) & table.c.state.in_(states), limit)


async def total(tx: Tx, workspace: str) -> int:
    query = select(func.count()).select_from(dead_letters).where(dead_letters.c.workspace_id == workspace)
    return int((await tx.execute(query)).scalar_one())


async def expire(tx: Tx, workspace: str, rows: Sequence[Any]) -> dict[tuple[str, str, str], int]:
    """Delete letters and add them to the counts; how many by (lane, reader, state)."""
    left: dict[tuple[str, str, str], int] = {}
    for row in rows:
        key = (row.lane, row.reader, row.state)
        left[key] = left.get(key, 0) + 1
    await tx.execute(dead_letters.delete().where(dead_letters.c.id.in_([row.id for row in rows])))
    for (lane, reader, state), number in left.items():
        table = expiries.c
        mine = (
            (table.workspace_id == workspace) & (table.lane == lane) & (table.reader == reader) & (table.state == state)
        )
        values = {"count": table.count + number, "last_at": tx.clock.now()}
        if (await tx.execute(expiries.update().where(mine).values(**values))).rowcount == 0:
            new = {"workspace_id": workspace, "lane": lane, "reader": reader, "state": state, "count": number}
            await tx.execute(expiries.insert(), new | {"last_at": tx.clock.now()})
    return left


async def expired(tx: Tx, workspace: str | None = None) -> list[Any]:
    """Return (workspace_id, lane, reader, state, count) of what left; of all workspaces when None."""
    query = select(expiries)
    if workspace is not None:
        query = query.where(expiries.c.workspace_id == workspace)
    return list((await tx.execute(query)).all())


async def _leaving(tx: Tx, mine: Any, limit: int) -> list[Any]:
    table, later = dead_letters, dead_letters.alias()
    lives_on = select(later.c.id).where(later.c.redrive_of == table.c.id).exists()
    query = select(table.c.id, table.c.seq, table.c.lane, table.c.reader, table.c.state).where(mine & ~lives_on)
    return list((await tx.execute(query.order_by(table.c.seq).limit(limit))).all())


def _attempts_of(workspace: str, lane: str, reader: str) -> Any:
    table = attempts.c
    return (table.workspace_id == workspace) & (table.lane == lane) & (table.reader == reader)


def _filtered(query: Select[Any], workspace: str, where: dict[str, Any]) -> Select[Any]:
    """Add conditions: columns to equal, `waiting`, `error` to contain, `died_since`, `died_before`."""
    table = dead_letters
    query = query.where(table.c.workspace_id == workspace)
    for name in _EQUAL:
        if where.get(name) is not None:
            query = query.where(table.c[name] == where[name])
    if where.get("ids") is not None:
        query = query.where(table.c.id.in_(where["ids"]))
    if where.get("waiting") is not None:
        waits = table.c.state == "waiting"
        query = query.where(waits if where["waiting"] else ~waits)
    if where.get("error") is not None:
        query = query.where(table.c.error.icontains(where["error"], autoescape=True))
    if where.get("died_since") is not None:
        query = query.where(table.c.died_at >= where["died_since"])
    if where.get("died_before") is not None:
        query = query.where(table.c.died_at < where["died_before"])
    return query
