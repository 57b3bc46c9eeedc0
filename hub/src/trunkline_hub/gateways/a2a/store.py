"""Push notifications and where they go, signing keys, imported agents and the tasks they have of ours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text, func, select
from sqlalchemy.exc import IntegrityError

from trunkline_hub.db import Tx, UtcDateTime, metadata

push_configs = Table(
    "a2a_push_configs",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("task_id", String(36), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("agent", String(127), nullable=False),
    Column("base_url", String(2047), nullable=False),
    Column("target", JSON, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "created_at"),
)

push_deliveries = Table(
    "a2a_push_deliveries",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("task_id", String(36), primary_key=True),
    Column("config_id", String(255), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("body", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Index(None, "due_at"),
)

keys = Table(
    "a2a_keys",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("private_key", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

remotes = Table(
    "a2a_agents",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("url", String(2047), nullable=False),
    Column("declaration", JSON, nullable=False),
    Column("approved", JSON, nullable=False),
    Column("found", JSON),
    Column("signed_by", String(255), nullable=False),
    Column("problem", Text, nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("refreshed_at", UtcDateTime, nullable=False),
)

remote_tasks = Table(
    "a2a_remote_tasks",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("call_id", String(255), primary_key=True),
    Column("agent", String(127), nullable=False),
    Column("remote_id", String(255), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "created_at"),
)


def _config(workspace: str, task_id: str, config_id: str) -> Any:
    found = push_configs.c
    return (found.workspace_id == workspace) & (found.task_id == task_id) & (found.id == config_id)


async def put_config(tx: Tx, row: dict[str, Any]) -> None:
    """Insert a configuration, or put it in the place of the one with its id."""
    await tx.execute(push_configs.delete().where(_config(row["workspace_id"], row["task_id"], row["id"])))
    await tx.execute(push_configs.insert(), {**row, "created_at": tx.clock.now()})


async def configs(tx: Tx, workspace: str, task_ids: Sequence[str], *, lock: bool = False) -> list[Any]:
    found = push_configs.c
    query = select(push_configs).where((found.workspace_id == workspace) & found.task_id.in_(task_ids))
    if lock:
        query = query.with_for_update()
    return list((await tx.execute(query.order_by(found.task_id, found.id))).all())


async def config(tx: Tx, workspace: str, task_id: str, config_id: str) -> Any:
    return (await tx.execute(select(push_configs).where(_config(workspace, task_id, config_id)))).first()


async def drop_config(tx: Tx, workspace: str, task_id: str, config_id: str) -> None:
    await tx.execute(push_configs.delete().where(_config(workspace, task_id, config_id)))
    await tx.execute(push_deliveries.delete().where(_deliveries(workspace, task_id, config_id)))


async def enter(tx: Tx, row: Any, seq: int, bodies: Sequence[tuple[int, str]]) -> None:
    """Put (place in the course, body) on the list of what a configuration is to be sent, and note how far that is."""
    mine = _config(row.workspace_id, row.task_id, row.id)
    await tx.execute(push_configs.update().where(mine & (push_configs.c.seq < seq)).values(seq=seq))
    for place, body in bodies:
        if place > row.seq:
            wanted = {"workspace_id": row.workspace_id, "task_id": row.task_id, "config_id": row.id, "seq": place}
            await tx.execute(
                push_deliveries.insert(), {**wanted, "body": body, "attempts": 0, "due_at": tx.clock.now()}
            )


async def due(tx: Tx, now: datetime, limit: int) -> list[Any]:
    """Return the first delivery of each configuration, if its time has come, with where it goes."""
    row = push_deliveries.c
    first = (
        select(row.workspace_id, row.task_id, row.config_id, func.min(row.seq).label("seq"))
        .group_by(row.workspace_id, row.task_id, row.config_id)
        .subquery()
    )
    same = (
        (row.workspace_id == first.c.workspace_id) & (row.task_id == first.c.task_id)
        & (row.config_id == first.c.config_id) & (row.seq == first.c.seq)
    )  # fmt: skip
    to = (
        (push_configs.c.workspace_id == row.workspace_id) & (push_configs.c.task_id == row.task_id)
        & (push_configs.c.id == row.config_id)
    )  # fmt: skip
    query = select(push_deliveries, push_configs.c.target).join(first, same).join(push_configs, to)
    return list((await tx.execute(query.where(row.due_at <= now).order_by(row.due_at).limit(limit))).all())


async def delivered(tx: Tx, sent: Any) -> None:
    await tx.execute(push_deliveries.delete().where(_delivery(sent)))


async def postponed(tx: Tx, sent: Any, due_at: datetime) -> None:
    values = {"attempts": sent.attempts + 1, "due_at": due_at}
    await tx.execute(push_deliveries.update().where(_delivery(sent)).values(**values))


async def prune(tx: Tx, before: datetime) -> None:
    """Forget configurations and remote tasks that are older than any task is remembered."""
    old = select(push_configs).where(push_configs.c.created_at < before)
    for row in (await tx.execute(old)).all():
        await drop_config(tx, row.workspace_id, row.task_id, row.id)
    await tx.execute(remote_tasks.delete().where(remote_tasks.c.created_at < before))


async def private_key(tx: Tx, workspace: str) -> str | None:
    found = await tx.execute(select(keys.c.private_key).where(keys.c.workspace_id == workspace))
    key: str | None = found.scalar_one_or_none()
    return key


async def keep_key(tx: Tx, workspace: str, key: str) -> None:
    """Store a new workspace key; two hubs may do so at once, then the first one's stays."""
    try:
        row = {"workspace_id": workspace, "private_key": key, "created_at": tx.clock.now()}
        await tx.execute(keys.insert(), row)
    except IntegrityError:
        return


def _remote(workspace: str, name: str) -> Any:
    return (remotes.c.workspace_id == workspace) & (remotes.c.name == name)


async def remote(tx: Tx, workspace: str, name: str) -> Any:
    return (await tx.execute(select(remotes).where(_remote(workspace, name)))).first()


async def remote_page(tx: Tx, workspace: str, *, after: str | None, limit: int) -> list[Any]:
    query = select(remotes).where(remotes.c.workspace_id == workspace)
    if after is not None:
        query = query.where(remotes.c.name > after)
    return list((await tx.execute(query.order_by(remotes.c.name).limit(limit + 1))).all())


async def every_remote(tx: Tx) -> list[Any]:
    return list((await tx.execute(select(remotes).order_by(remotes.c.workspace_id, remotes.c.name))).all())


async def add_remote(tx: Tx, row: dict[str, Any]) -> None:
    now = tx.clock.now()
    await tx.execute(remotes.insert(), {**row, "created_at": now, "refreshed_at": now})


async def change_remote(tx: Tx, workspace: str, name: str, **values: Any) -> None:
    await tx.execute(remotes.update().where(_remote(workspace, name)).values(**values))


async def drop_remote(tx: Tx, workspace: str, name: str) -> None:
    await tx.execute(remotes.delete().where(_remote(workspace, name)))


async def remote_task(tx: Tx, workspace: str, call_id: str) -> str | None:
    mine = (remote_tasks.c.workspace_id == workspace) & (remote_tasks.c.call_id == call_id)
    found: str | None = (await tx.execute(select(remote_tasks.c.remote_id).where(mine))).scalar_one_or_none()
    return found


async def keep_remote_task(tx: Tx, workspace: str, call_id: str, agent: str, remote_id: str) -> None:
    mine = (remote_tasks.c.workspace_id == workspace) & (remote_tasks.c.call_id == call_id)
    await tx.execute(remote_tasks.delete().where(mine))
    row = {"workspace_id": workspace, "call_id": call_id, "agent": agent, "remote_id": remote_id}
    await tx.execute(remote_tasks.insert(), {**row, "created_at": tx.clock.now()})


def _deliveries(workspace: str, task_id: str, config_id: str) -> Any:
    row = push_deliveries.c
    return (row.workspace_id == workspace) & (row.task_id == task_id) & (row.config_id == config_id)


def _delivery(sent: Any) -> Any:
    return _deliveries(sent.workspace_id, sent.task_id, sent.config_id) & (push_deliveries.c.seq == sent.seq)
