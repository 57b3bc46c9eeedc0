"""The table of queues that are not simply active."""

from typing import Any

from sqlalchemy import Column, String, Table, Text, select

from trunkline_hub.db import Tx, UtcDateTime, metadata

queue_states = Table(
    "queue_states",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("state", String(15), nullable=False),
    Column("by", String(255), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("job_id", String(36), nullable=True),
)
"""`job_id`: the bulk work that the queue is held by; a row with it alone may say `active`."""


def _of(workspace: str, name: str) -> Any:
    return (queue_states.c.workspace_id == workspace) & (queue_states.c.name == name)


async def get(tx: Tx, workspace: str, name: str) -> Any:
    return (await tx.execute(select(queue_states).where(_of(workspace, name)))).first()


async def of_workspace(tx: Tx, workspace: str) -> list[Any]:
    return list((await tx.execute(select(queue_states).where(queue_states.c.workspace_id == workspace))).all())


async def every(tx: Tx) -> list[Any]:
    return list((await tx.execute(select(queue_states))).all())


async def put(tx: Tx, workspace: str, name: str, **values: Any) -> None:
    """Write some of a queue's row; what a new row is not told takes the active queue's values."""
    updated = await tx.execute(queue_states.update().where(_of(workspace, name)).values(**values))
    if updated.rowcount == 0:
        plain = {"state": "active", "by": "", "reason": "", "job_id": None, "since": tx.clock.now()}
        key = {"workspace_id": workspace, "name": name}
        await tx.execute(queue_states.insert(), plain | key | values)


async def release(tx: Tx, workspace: str, name: str, job_id: str) -> None:
    """Forget that `job_id` holds the queue."""
    mine = _of(workspace, name) & (queue_states.c.job_id == job_id)
    await tx.execute(queue_states.update().where(mine).values(job_id=None))


async def delete(tx: Tx, workspace: str, name: str) -> None:
    await tx.execute(queue_states.delete().where(_of(workspace, name)))
