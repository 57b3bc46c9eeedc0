"""The catalogue of agents. It outlives them."""

from typing import Any

from sqlalchemy import JSON, Column, String, Table, Text, func, select

from trunkline_hub.db import Tx, UtcDateTime, metadata

agents = Table(
    "agents",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("owner", String(127), nullable=False),
    Column("version", String(63), nullable=False),
    Column("description", Text, nullable=False),
    Column("skills", JSON, nullable=False),
    Column("readers", JSON, nullable=False),
    Column("publishes", JSON, nullable=False),
    Column("registered_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

agent_skills = Table(
    "agent_skills",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("skill", String(127), primary_key=True),
    Column("agent", String(127), primary_key=True),
)


def _mine(workspace: str, name: str) -> Any:
    return (agents.c.workspace_id == workspace) & (agents.c.name == name)


async def get(tx: Tx, workspace: str, name: str) -> Any:
    return (await tx.execute(select(agents).where(_mine(workspace, name)))).first()


async def put(tx: Tx, row: dict[str, Any], skills: list[str]) -> None:
    """Insert or update an agent and the index of its skills."""
    workspace, name = row["workspace_id"], row["name"]
    now = tx.clock.now()
    updated = await tx.execute(agents.update().where(_mine(workspace, name)).values(**row, updated_at=now))
    if updated.rowcount == 0:
        await tx.execute(agents.insert(), {**row, "registered_at": now, "updated_at": now})
    await _drop_skills(tx, workspace, name)
    if skills:
        rows = [{"workspace_id": workspace, "skill": skill, "agent": name} for skill in skills]
        await tx.execute(agent_skills.insert(), rows)


async def remove(tx: Tx, workspace: str, name: str) -> None:
    await tx.execute(agents.delete().where(_mine(workspace, name)))
    await _drop_skills(tx, workspace, name)


async def page(tx: Tx, workspace: str, *, skill: str | None, after: str | None, limit: int) -> list[Any]:
    query = select(agents).where(agents.c.workspace_id == workspace)
    if skill is not None:
        offering = select(agent_skills.c.agent).where(
            (agent_skills.c.workspace_id == workspace) & (agent_skills.c.skill == skill)
        )
        query = query.where(agents.c.name.in_(offering))
    if after is not None:
        query = query.where(agents.c.name > after)
    return list((await tx.execute(query.order_by(agents.c.name).limit(limit + 1))).all())


async def readers(tx: Tx, workspace: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return (agent, what it reads) of every agent."""
    query = select(agents.c.name, agents.c.readers).where(agents.c.workspace_id == workspace)
    return [(row.name, row.readers) for row in (await tx.execute(query)).all()]


async def every(tx: Tx, workspace: str) -> list[Any]:
    return list(
        (await tx.execute(select(agents).where(agents.c.workspace_id == workspace).order_by(agents.c.name))).all()
    )


async def mark(tx: Tx, workspace: str) -> tuple[int, str]:
    """Return what changes whenever an agent of the workspace is registered, changed or removed."""
    query = select(func.count(), func.max(agents.c.updated_at)).where(agents.c.workspace_id == workspace)
    count, latest = (await tx.execute(query)).one()
    return int(count), str(latest)


async def names(tx: Tx, workspace: str) -> list[str]:
    return list((await tx.execute(select(agents.c.name).where(agents.c.workspace_id == workspace))).scalars())


async def skill_names(tx: Tx, workspace: str) -> set[str]:
    query = select(agent_skills.c.skill).where(agent_skills.c.workspace_id == workspace).distinct()
    return set((await tx.execute(query)).scalars())


async def _drop_skills(tx: Tx, workspace: str, name: str) -> None:
    mine = (agent_skills.c.workspace_id == workspace) & (agent_skills.c.agent == name)
    await tx.execute(agent_skills.delete().where(mine))
