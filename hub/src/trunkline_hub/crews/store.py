"""Weights that operators set."""

from typing import Any

from sqlalchemy import Column, Float, String, Table, select

from trunkline_hub.db import Tx, UtcDateTime, metadata

weights = Table(
    "agent_weights",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("agent", String(127), primary_key=True),
    Column("target", String(127), primary_key=True),
    Column("weight", Float, nullable=False),
    Column("set_by", String(127), nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
)


async def of_agent(tx: Tx, workspace: str, agent: str) -> list[Any]:
    mine = (weights.c.workspace_id == workspace) & (weights.c.agent == agent)
    return list((await tx.execute(select(weights).where(mine).order_by(weights.c.target))).all())


async def put(tx: Tx, workspace: str, agent: str, target: str, weight: float, by: str) -> None:
    await drop(tx, workspace, agent, target)
    row = {"workspace_id": workspace, "agent": agent, "target": target, "weight": weight}
    await tx.execute(weights.insert(), {**row, "set_by": by, "set_at": tx.clock.now()})


async def drop(tx: Tx, workspace: str, agent: str, target: str) -> bool:
    """Forget one; whether there was one."""
    mine = (weights.c.workspace_id == workspace) & (weights.c.agent == agent) & (weights.c.target == target)
    return bool((await tx.execute(weights.delete().where(mine))).rowcount)
