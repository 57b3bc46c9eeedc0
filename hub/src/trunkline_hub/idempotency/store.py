"""The table of requests by their keys. Neither key nor answer can be read from it without the key."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, LargeBinary, String, Table, select
from sqlalchemy.exc import IntegrityError

from trunkline_hub.db import Tx, UtcDateTime, metadata

requests = Table(
    "idempotent_requests",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("workspace_id", String(63), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("state", String(15), nullable=False),
    Column("token", String(36), nullable=False),
    Column("hub_id", String(63), nullable=False),
    Column("answer", LargeBinary),
    Column("claimed_at", UtcDateTime, nullable=False),
    Index(None, "claimed_at"),
)


async def get(tx: Tx, request_id: str) -> Any:
    return (await tx.execute(select(requests).where(requests.c.id == request_id))).first()


async def add(tx: Tx, row: dict[str, Any]) -> bool:
    """Store a claim; False where another was quicker."""
    try:
        await tx.execute(requests.insert(), row)
    except IntegrityError:
        return False
    return True


async def take_over(tx: Tx, before: Any, *, token: str, hub_id: str, at: datetime) -> bool:
    """Claim what another hub claimed and left; False where somebody was quicker."""
    mine = (requests.c.id == before.id) & (requests.c.token == before.token) & (requests.c.state == "claimed")
    changed = await tx.execute(requests.update().where(mine).values(token=token, hub_id=hub_id, claimed_at=at))
    return bool(changed.rowcount)


async def change(tx: Tx, request_id: str, token: str, **values: Any) -> None:
    mine = (requests.c.id == request_id) & (requests.c.token == token)
    await tx.execute(requests.update().where(mine).values(**values))


async def drop(tx: Tx, request_id: str, token: str) -> None:
    """Forget a claim, unless it has had its effect."""
    mine = (requests.c.id == request_id) & (requests.c.token == token) & (requests.c.state == "claimed")
    await tx.execute(requests.delete().where(mine))


async def drop_claims_of(tx: Tx, hub_id: str, before: datetime) -> None:
    """Forget what a hub claimed before it was started anew."""
    mine = (requests.c.hub_id == hub_id) & (requests.c.state == "claimed") & (requests.c.claimed_at < before)
    await tx.execute(requests.delete().where(mine))


async def prune(tx: Tx, before: datetime) -> None:
    await tx.execute(requests.delete().where(requests.c.claimed_at < before))
