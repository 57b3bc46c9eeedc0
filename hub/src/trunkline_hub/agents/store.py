"""The catalogue of agents, which outlives them; how they were, and what changed when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, String, Table, Text, cast, func, select, tuple_

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
    Column("title", Text, nullable=False, server_default=""),
    Column("documentation_url", Text, nullable=False, server_default=""),
    Column("icon_url", Text, nullable=False, server_default=""),
    Column("labels", JSON, nullable=False, server_default="{}"),
    Column("interfaces", JSON, nullable=False, server_default="[]"),
    Column("limits", JSON, nullable=False, server_default="null"),
    Column("a2a", JSON, nullable=False, server_default="null"),
    Column("origin", String(15), nullable=False, server_default="sdk"),
    Column("origin_url", Text, nullable=False, server_default=""),
    Column("imported_by", Text, nullable=False, server_default=""),
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

agent_revisions = Table(
    "agent_revisions",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False),
)
"""How often anything changed; what was registered, updated or removed up to `floor` may be forgotten."""

agent_changes = Table(
    "agent_changes",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("change", String(15), nullable=False),
    Column("agent", String(127), nullable=False),
    Column("instance", String(127), nullable=False),
    Column("version", String(63), nullable=False),
    Column("state", String(15), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_agent_changes_workspace_id_agent_revision", "workspace_id", "agent", "revision"),
)
"""`registered`, `updated`, `removed`, and each change of `state` of an agent (no instance) or of an instance."""

agent_states = Table(
    "agent_states",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("agent", String(127), primary_key=True),
    Column("instance", String(127), primary_key=True),
    Column("state", String(15), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)
"""The newest state on record."""

_PARAMETERS = 400


def _mine(workspace: str, name: str) -> Any:
    return (agents.c.workspace_id == workspace) & (agents.c.name == name)


async def get(tx: Tx, workspace: str, name: str) -> Any:
    return (await tx.execute(select(agents).where(_mine(workspace, name)))).first()


async def put(tx: Tx, row: dict[str, Any], skills: list[str]) -> str | None:
    """Insert or update an agent and the index of its skills; `registered`, `updated`, or None where it was just so."""
    workspace, name = row["workspace_id"], row["name"]
    now = tx.clock.now()
    before = await get(tx, workspace, name)
    if before is None:
        await tx.execute(agents.insert(), {**row, "registered_at": now, "updated_at": now})
    else:
        await tx.execute(agents.update().where(_mine(workspace, name)).values(**row, updated_at=now))
    if before is not None and all(getattr(before, column) == value for column, value in row.items()):
        return None
    await _drop_skills(tx, workspace, name)
    if skills:
        rows = [{"workspace_id": workspace, "skill": skill, "agent": name} for skill in skills]
        await tx.execute(agent_skills.insert(), rows)
    return "registered" if before is None else "updated"


async def remove(tx: Tx, workspace: str, name: str) -> None:
    await tx.execute(agents.delete().where(_mine(workspace, name)))
    await tx.execute(agent_states.delete().where(_states_of(workspace) & (agent_states.c.agent == name)))
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


async def count(tx: Tx, workspace: str, *, among: Sequence[str] | None = None) -> int:
    """Count a workspace's agents, or those of them that are among some."""
    query = select(func.count()).select_from(agents).where(agents.c.workspace_id == workspace)
    if among is None:
        return int((await tx.execute(query)).scalar_one())
    found = 0
    for start in range(0, len(among), _PARAMETERS):
        some = among[start : start + _PARAMETERS]
        found += int((await tx.execute(query.where(agents.c.name.in_(some)))).scalar_one())
    return found


async def roster(tx: Tx, workspace: str) -> list[Any]:
    """Return every agent without what it can do."""
    wanted = (agents.c.name, agents.c.owner, agents.c.version, agents.c.title, agents.c.origin)
    query = select(*wanted).where(agents.c.workspace_id == workspace).order_by(agents.c.name)
    return list((await tx.execute(query)).all())


async def skill_names(tx: Tx, workspace: str) -> set[str]:
    query = select(agent_skills.c.skill).where(agent_skills.c.workspace_id == workspace).distinct()
    return set((await tx.execute(query)).scalars())


async def _drop_skills(tx: Tx, workspace: str, name: str) -> None:
    mine = (agent_skills.c.workspace_id == workspace) & (agent_skills.c.agent == name)
    await tx.execute(agent_skills.delete().where(mine))


async def by_name(tx: Tx, workspace: str, wanted: Sequence[str]) -> dict[str, Any]:
    query = select(agents).where((agents.c.workspace_id == workspace) & agents.c.name.in_(wanted))
    return {row.name: row for row in (await tx.execute(query)).all()}


_SEARCHED = select(
    agents.c.name, agents.c.version, agents.c.title, agents.c.description, agents.c.origin, agents.c.labels,
    agents.c.interfaces, cast(agents.c.skills, Text).label("skills"),
)  # fmt: skip
"""What is searched; skills as JSON text, for reading it is the greater part of the work and done elsewhere."""


async def searched_after(tx: Tx, workspace: str, after: str, limit: int) -> list[Any]:
    query = _SEARCHED.where((agents.c.workspace_id == workspace) & (agents.c.name > after))
    return list((await tx.execute(query.order_by(agents.c.name).limit(limit))).all())


async def searched(tx: Tx, workspace: str, wanted: Sequence[str]) -> list[Any]:
    query = _SEARCHED.where((agents.c.workspace_id == workspace) & agents.c.name.in_(wanted))
    return list((await tx.execute(query)).all())


async def revision(tx: Tx, workspace: str) -> tuple[int, int]:
    """Return (revision, floor): up to which change all is told, and up to which it may be forgotten."""
    query = select(agent_revisions).where(agent_revisions.c.workspace_id == workspace)
    row = (await tx.execute(query)).first()
    return (row.revision, row.floor) if row else (0, 0)


async def add_changes(tx: Tx, workspace: str, changes: Sequence[dict[str, Any]]) -> int:
    """Put changes on record, in order; returns the revision. Until the commit others wait, so that none is overtaken."""
    mine = agent_revisions.c.workspace_id == workspace
    raised = agent_revisions.update().where(mine).values(revision=agent_revisions.c.revision + len(changes))
    last = (await tx.execute(raised.returning(agent_revisions.c.revision))).scalar_one_or_none()
    if last is None:
        last = len(changes)
        await tx.execute(agent_revisions.insert(), {"workspace_id": workspace, "revision": last, "floor": 0})
    blank = {"instance": "", "version": "", "state": "", "reason": "", "at": tx.clock.now()}
    rows = [
        {**blank, **change, "workspace_id": workspace, "revision": last - len(changes) + place}
        for place, change in enumerate(changes, 1)
    ]
    await tx.execute(agent_changes.insert(), rows)
    return int(last)


async def changes_after(tx: Tx, workspace: str, after: int, limit: int) -> list[Any]:
    query = select(agent_changes).where(
        (agent_changes.c.workspace_id == workspace) & (agent_changes.c.revision > after)
    )
    return list((await tx.execute(query.order_by(agent_changes.c.revision).limit(limit))).all())


async def renamed_after(tx: Tx, workspace: str, after: int) -> set[str]:
    """Return the agents that were registered, updated or removed after a revision."""
    since = (agent_changes.c.workspace_id == workspace) & (agent_changes.c.revision > after)
    query = select(agent_changes.c.agent).where(since & (agent_changes.c.change != "state")).distinct()
    return set((await tx.execute(query)).scalars())


async def history(tx: Tx, workspace: str, agent: str, *, before: int | None, limit: int) -> list[Any]:
    """Return changes of an agent, the newest first."""
    query = select(agent_changes).where((agent_changes.c.workspace_id == workspace) & (agent_changes.c.agent == agent))
    if before is not None:
        query = query.where(agent_changes.c.revision < before)
    return list((await tx.execute(query.order_by(agent_changes.c.revision.desc()).limit(limit + 1))).all())


async def states(tx: Tx, workspace: str, wanted: Sequence[str]) -> dict[str, Any]:
    """Return the newest recorded state of each agent named."""
    mine = _states_of(workspace) & (agent_states.c.instance == "") & agent_states.c.agent.in_(wanted)
    return {row.agent: row for row in (await tx.execute(select(agent_states).where(mine))).all()}


async def every_state(tx: Tx) -> list[Any]:
    return list((await tx.execute(select(agent_states))).all())


async def put_states(tx: Tx, workspace: str, rows: Sequence[dict[str, Any]], gone: Sequence[tuple[str, str]]) -> None:
    """Write the newest states; forget those of the instances (agent, instance) that are `gone` for long."""
    touched = [(row["agent"], row["instance"]) for row in rows] + list(gone)
    pair = tuple_(agent_states.c.agent, agent_states.c.instance)
    for start in range(0, len(touched), _PARAMETERS):
        some = touched[start : start + _PARAMETERS]
        await tx.execute(agent_states.delete().where(_states_of(workspace) & pair.in_(some)))
    if rows:
        await tx.execute(agent_states.insert(), [{"workspace_id": workspace, **row} for row in rows])


async def forget_changes(tx: Tx, workspace: str, *, keep: int, older_than: datetime) -> int:
    """Forget what is old, and of each agent what is beyond the newest `keep`; returns how many were forgotten."""
    mine = agent_changes.c.workspace_id == workspace
    place = func.row_number().over(partition_by=agent_changes.c.agent, order_by=agent_changes.c.revision.desc())
    numbered = select(agent_changes.c.revision, place.label("place")).where(mine).subquery()
    surplus = select(numbered.c.revision).where(numbered.c.place > keep)
    doomed = mine & ((agent_changes.c.at < older_than) | agent_changes.c.revision.in_(surplus))
    catalogue = doomed & (agent_changes.c.change != "state")
    highest = (await tx.execute(select(func.max(agent_changes.c.revision)).where(catalogue))).scalar()
    done = await tx.execute(agent_changes.delete().where(doomed))
    if highest is not None:
        raised = agent_revisions.update().where(agent_revisions.c.workspace_id == workspace)
        await tx.execute(raised.where(agent_revisions.c.floor < highest).values(floor=highest))
    return int(done.rowcount)


def _states_of(workspace: str) -> Any:
    return agent_states.c.workspace_id == workspace
