"""The records of tasks, and how far the courses are folded into them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Index, String, Table, Text, and_, func, or_, select

from trunkline.protocol.tasks import INTERRUPTED, TERMINAL
from trunkline_hub.db import Tx, UtcDateTime, metadata
from trunkline_hub.tasks.model import Record

tasks = Table(
    "tasks",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("context_id", String(255), nullable=False),
    Column("agent", String(127), nullable=False),
    Column("skill", String(127), nullable=False),
    Column("caller", String(127), nullable=False),
    Column("state", String(15), nullable=False),
    Column("state_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("record", Text, nullable=False),
    Index(None, "workspace_id", "state_at", "id"),
    Index(None, "workspace_id", "caller", "state_at"),
    Index(None, "workspace_id", "context_id"),
    Index(None, "state", "state_at"),
)

task_courses = Table(
    "task_courses",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("born", String(40), nullable=False),
    Column("seq", BigInteger, nullable=False),
)

_decoder = msgspec.json.Decoder(Record)


def record_of(row: Any) -> Record:
    return _decoder.decode(row.record)


async def get(tx: Tx, workspace: str, task_id: str) -> Record | None:
    mine = (tasks.c.workspace_id == workspace) & (tasks.c.id == task_id)
    row = (await tx.execute(select(tasks.c.record).where(mine))).first()
    return None if row is None else record_of(row)


async def some(tx: Tx, workspace: str, ids: Sequence[str]) -> dict[str, Record]:
    mine = (tasks.c.workspace_id == workspace) & tasks.c.id.in_(ids)
    rows = (await tx.execute(select(tasks.c.id, tasks.c.record).where(mine))).all()
    return {row.id: record_of(row) for row in rows}


async def put(tx: Tx, workspace: str, record: Record, *, is_new: bool) -> None:
    row = {
        "workspace_id": workspace, "id": record.id, "context_id": record.seed.context_id, "agent": record.seed.agent,
        "skill": record.seed.skill, "caller": record.seed.caller, "state": record.state,
        "state_at": datetime.fromisoformat(record.state_at), "created_at": datetime.fromisoformat(record.created_at),
        "seq": record.seq, "record": msgspec.json.encode(record).decode(),
    }  # fmt: skip
    if is_new:
        await tx.execute(tasks.insert(), row)
        return
    mine = (tasks.c.workspace_id == workspace) & (tasks.c.id == record.id)
    await tx.execute(tasks.update().where(mine).values(**row))


async def page(
    tx: Tx, workspace: str, filters: dict[str, Any], *, before: tuple[datetime, str] | None, limit: int
) -> list[Any]:
    """Return `limit + 1` tasks, those whose state is newest first."""
    query = select(tasks).where(_matching(workspace, filters))
    if before is not None:
        at, task_id = before
        query = query.where(or_(tasks.c.state_at < at, and_(tasks.c.state_at == at, tasks.c.id < task_id)))
    return list((await tx.execute(query.order_by(tasks.c.state_at.desc(), tasks.c.id.desc()).limit(limit + 1))).all())


async def count(tx: Tx, workspace: str, filters: dict[str, Any]) -> int:
    return int((await tx.execute(select(func.count()).where(_matching(workspace, filters)))).scalar_one())


async def by_state(tx: Tx) -> list[tuple[str, str, int]]:
    """Return (workspace, state, how many) of the tasks that have not ended."""
    query = (
        select(tasks.c.workspace_id, tasks.c.state, func.count())
        .where(tasks.c.state.not_in(TERMINAL))
        .group_by(tasks.c.workspace_id, tasks.c.state)
    )
    return [tuple(row) for row in (await tx.execute(query)).all()]


async def unbegun(tx: Tx, until: datetime, *, after: datetime | None, limit: int) -> list[tuple[str, Record]]:
    """Return tasks that are submitted since before a moment and that nobody began, oldest first."""
    waiting = (tasks.c.state == "submitted") & (tasks.c.state_at <= until)
    if after is not None:
        waiting &= tasks.c.state_at > after
    rows = (await tx.execute(select(tasks).where(waiting).order_by(tasks.c.state_at).limit(limit))).all()
    return [(row.workspace_id, record_of(row)) for row in rows]


async def interrupted(tx: Tx, workspace: str, agent: str, limit: int) -> list[Record]:
    """Return tasks of an agent that wait for their caller, those that wait longest first."""
    mine = (tasks.c.workspace_id == workspace) & (tasks.c.agent == agent) & tasks.c.state.in_(INTERRUPTED)
    rows = await tx.execute(select(tasks.c.record).where(mine).order_by(tasks.c.state_at).limit(limit))
    return [record_of(row) for row in rows.all()]


async def prune(tx: Tx, before: datetime, limit: int) -> int:
    """Forget tasks that ended before a moment; how many."""
    old = (tasks.c.state.in_(TERMINAL)) & (tasks.c.state_at < before)
    rows = (await tx.execute(select(tasks.c.workspace_id, tasks.c.id).where(old).limit(limit))).all()
    for row in rows:
        mine = (tasks.c.workspace_id == row.workspace_id) & (tasks.c.id == row.id)
        await tx.execute(tasks.delete().where(mine))
    return len(rows)


async def position(tx: Tx, workspace: str) -> tuple[str, int] | None:
    """Return (birth of the stream, place up to which its steps are folded), or None at the beginning."""
    found = (await tx.execute(select(task_courses).where(task_courses.c.workspace_id == workspace))).first()
    return None if found is None else (found.born, found.seq)


async def set_position(tx: Tx, workspace: str, born: str, seq: int) -> None:
    values = {"born": born, "seq": seq}
    mine = task_courses.c.workspace_id == workspace
    if (await tx.execute(task_courses.update().where(mine).values(**values))).rowcount == 0:
        await tx.execute(task_courses.insert(), {"workspace_id": workspace, **values})


def _matching(workspace: str, filters: dict[str, Any]) -> Any:
    clause = tasks.c.workspace_id == workspace
    for name in ("state", "agent", "skill", "caller", "context_id"):
        if filters.get(name) is not None:
            clause &= tasks.c[name] == filters[name]
    if filters.get("since") is not None:
        clause &= tasks.c.state_at >= filters["since"]
    return clause
