"""Tables of identity: workspaces, principals, API keys, sessions, sign-in links, bus grants."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Index, String, Table, select

from trunkline_hub.db import Tx, UtcDateTime, metadata
from trunkline_hub.security.model import Grant, Key

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
)

principals = Table(
    "principals",
    metadata,
    Column("name", String(127), primary_key=True),
    Column("workspace_id", String(63), nullable=False),
    Column("kind", String(15), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("principal", String(127), ForeignKey("principals.name"), nullable=False),
    Column("workspace_id", String(63), nullable=False),
    Column("name", String(127), nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=True),
    Column("revoked_at", UtcDateTime, nullable=True),
    Column("last_used_at", UtcDateTime, nullable=True),
    Index(None, "workspace_id", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("secret_hash", String(64), primary_key=True),
    Column("workspace_id", String(63), nullable=False),
    Column("key_id", String(16), ForeignKey("api_keys.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

signin_links = Table(
    "signin_links",
    metadata,
    Column("secret_hash", String(64), primary_key=True),
    Column("workspace_id", String(63), nullable=False),
    Column("key_id", String(16), ForeignKey("api_keys.id"), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime, nullable=True),
)

bus_grants = Table(
    "bus_grants",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("agent", String(127), primary_key=True),
    Column("kind", String(15), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("principal", String(127), nullable=False),
    Index(None, "principal", "agent"),
)


async def workspace_slugs(tx: Tx) -> list[str]:
    return list((await tx.execute(select(workspaces.c.id).order_by(workspaces.c.id))).scalars())


async def add_workspace(tx: Tx, slug: str) -> None:
    await tx.execute(workspaces.insert(), {"id": slug, "created_at": tx.clock.now()})


async def principal(tx: Tx, name: str) -> Any:
    return (await tx.execute(select(principals).where(principals.c.name == name))).first()


async def add_principal(tx: Tx, name: str, workspace: str, kind: str) -> None:
    row = {"name": name, "workspace_id": workspace, "kind": kind, "created_at": tx.clock.now()}
    await tx.execute(principals.insert(), row)


async def add_key(tx: Tx, row: dict[str, Any]) -> None:
    await tx.execute(api_keys.insert(), row)


async def key(tx: Tx, key_id: str) -> Key | None:
    row = (await tx.execute(select(api_keys).where(api_keys.c.id == key_id))).first()
    if row is None:
        return None
    return Key(
        id=row.id, principal=row.principal, workspace=row.workspace_id, scopes=frozenset(row.scopes),
        secret_hash=row.secret_hash, expires_at=row.expires_at, revoked_at=row.revoked_at,
    )  # fmt: skip


async def key_row(tx: Tx, workspace: str, key_id: str) -> Any:
    mine = (api_keys.c.id == key_id) & api_keys.c.workspace_id.in_([workspace, "*"])
    return (await tx.execute(select(api_keys).where(mine))).first()


async def key_page(tx: Tx, workspace: str, *, after: str | None, limit: int) -> Sequence[Any]:
    query = select(api_keys).where(api_keys.c.workspace_id.in_([workspace, "*"]))
    if after is not None:
        query = query.where(api_keys.c.id > after)
    return list((await tx.execute(query.order_by(api_keys.c.id).limit(limit + 1))).all())


async def revoke_key(tx: Tx, key_id: str) -> None:
    mine = api_keys.c.id == key_id
    await tx.execute(api_keys.update().where(mine).values(revoked_at=tx.clock.now()))
    await tx.execute(sessions.delete().where(sessions.c.key_id == key_id))
    await tx.execute(signin_links.delete().where(signin_links.c.key_id == key_id))


async def touch_keys(tx: Tx, used: dict[str, datetime]) -> None:
    for key_id, at in used.items():
        await tx.execute(api_keys.update().where(api_keys.c.id == key_id).values(last_used_at=at))


async def add_signin_link(tx: Tx, row: dict[str, Any]) -> None:
    await tx.execute(signin_links.insert(), row)


async def use_signin_link(tx: Tx, secret_hash: str) -> Any:
    """Return the link and mark it used; None when it is unknown, expired or used already."""
    now = tx.clock.now()
    fresh = (
        (signin_links.c.secret_hash == secret_hash)
        & signin_links.c.used_at.is_(None)
        & (signin_links.c.expires_at > now)
    )
    row = (await tx.execute(select(signin_links).where(fresh))).first()
    if row is None:
        return None
    marked = await tx.execute(signin_links.update().where(fresh).values(used_at=now))
    return row if marked.rowcount == 1 else None


async def add_session(tx: Tx, row: dict[str, Any]) -> None:
    await tx.execute(sessions.insert(), row)


async def session(tx: Tx, secret_hash: str) -> Any:
    alive = (sessions.c.secret_hash == secret_hash) & (sessions.c.expires_at > tx.clock.now())
    return (await tx.execute(select(sessions).where(alive))).first()


async def end_session(tx: Tx, secret_hash: str) -> None:
    await tx.execute(sessions.delete().where(sessions.c.secret_hash == secret_hash))


async def grants_of(tx: Tx, principal_name: str, agent: str) -> list[Grant]:
    mine = (bus_grants.c.principal == principal_name) & (bus_grants.c.agent == agent)
    rows = (await tx.execute(select(bus_grants).where(mine))).all()
    return [Grant(workspace=row.workspace_id, agent=row.agent, kind=row.kind, name=row.name) for row in rows]


async def replace_grants(tx: Tx, workspace: str, agent: str, principal_name: str, grants: list[Grant]) -> None:
    mine = (bus_grants.c.workspace_id == workspace) & (bus_grants.c.agent == agent)
    await tx.execute(bus_grants.delete().where(mine))
    rows = [
        {"workspace_id": workspace, "agent": agent, "kind": g.kind, "name": g.name, "principal": principal_name}
        for g in grants
    ]
    if rows:
        await tx.execute(bus_grants.insert(), rows)
