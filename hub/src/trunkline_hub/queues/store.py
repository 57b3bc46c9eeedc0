"""The tables of queues, of their pages, and of the de-duplication keys they remember."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import JSON, BigInteger, Column, Float, Index, Integer, String, Table, func, select, text
from sqlalchemy.exc import IntegrityError

from trunkline_hub.db import Tx, UtcDateTime, metadata
from trunkline_hub.queues.model import Pages, Settled

queues = Table(
    "queues",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(127), primary_key=True),
    Column("retry", JSON, nullable=False),
    Column("ack_wait_s", Float, nullable=False),
    Column("max_in_flight", Integer, nullable=False),
    Column("options", JSON, nullable=False, server_default=text("'{}'")),
    Column("page", Integer, nullable=False, server_default=text("0")),
    Column("consumers", Integer, nullable=False, server_default=text("1")),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "workspace_id", "page", "consumers"),
)

queue_pages = Table(
    "queue_pages",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("page", Integer, primary_key=True),
    Column("opened_at", UtcDateTime, nullable=False),
)
"""Each page there ever was, but for page 0."""

dedupe_keys = Table(
    "queue_dedupe_keys",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("queue", String(127), primary_key=True),
    Column("key_hash", String(64), primary_key=True),
    Column("send_id", String(36), nullable=False),
    Column("message_id", String(512), nullable=False),
    Column("stream", String(255), nullable=True),
    Column("seq", BigInteger, nullable=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "expires_at"),
)


class KeyTakenError(Exception):
    """Another request remembered the same key first."""


class PageTakenError(Exception):
    """Another request opened the same page first."""


def settled(row: Any) -> Settled:
    own = {"retry": row.retry, "ack_wait_s": row.ack_wait_s, "max_in_flight": row.max_in_flight, "page": row.page}
    return msgspec.convert(row.options | own, Settled)


async def get(tx: Tx, workspace: str, name: str) -> Any:
    return (await tx.execute(select(queues).where(_mine(workspace, name)))).first()


async def put(tx: Tx, workspace: str, name: str, wanted: Settled) -> None:
    values = {
        "retry": msgspec.to_builtins(wanted.retry), "ack_wait_s": wanted.ack_wait_s,
        "max_in_flight": wanted.max_in_flight, "options": wanted.options(), "page": wanted.page,
        "consumers": wanted.consumers,
    }  # fmt: skip
    updated = await tx.execute(queues.update().where(_mine(workspace, name)).values(**values))
    if updated.rowcount == 0:
        key = {"workspace_id": workspace, "name": name, "created_at": tx.clock.now()}
        await tx.execute(queues.insert(), key | values)


async def remove(tx: Tx, workspace: str, name: str) -> None:
    await tx.execute(queues.delete().where(_mine(workspace, name)))
    mine = (dedupe_keys.c.workspace_id == workspace) & (dedupe_keys.c.queue == name)
    await tx.execute(dedupe_keys.delete().where(mine))


async def page(tx: Tx, workspace: str, *, text: str | None, after: str | None, limit: int) -> list[Any]:
    query = select(queues).where(queues.c.workspace_id == workspace)
    if text:
        query = query.where(func.lower(queues.c.name).contains(text.lower(), autoescape=True))
    if after is not None:
        query = query.where(queues.c.name > after)
    return list((await tx.execute(query.order_by(queues.c.name).limit(limit + 1))).all())


async def names(tx: Tx, workspace: str) -> set[str]:
    query = select(queues.c.name).where(queues.c.workspace_id == workspace)
    return set((await tx.execute(query)).scalars())


async def some(tx: Tx, workspace: str | None = None, names: Sequence[str] | None = None) -> list[Any]:
    """Return all queues, those of one workspace, or some of them by name."""
    query = select(queues)
    if workspace is not None:
        query = query.where(queues.c.workspace_id == workspace)
    if names is not None:
        query = query.where(queues.c.name.in_(names))
    return list((await tx.execute(query.order_by(queues.c.workspace_id, queues.c.name))).all())


async def pages(tx: Tx, workspace: str, size: int) -> Pages:
    """Return how full the pages of a workspace are; each has room for `size` consumers."""
    held = select(queues.c.page, func.sum(queues.c.consumers)).where(queues.c.workspace_id == workspace)
    used = {int(page): int(count) for page, count in await tx.execute(held.group_by(queues.c.page)) if count}
    newest = select(func.max(queue_pages.c.page)).where(queue_pages.c.workspace_id == workspace)
    return Pages(used=used, last=(await tx.execute(newest)).scalar() or 0, size=size)


async def newest_pages(tx: Tx) -> list[tuple[str, int]]:
    """Return the newest page of each workspace that has more than page 0."""
    query = select(queue_pages.c.workspace_id, func.max(queue_pages.c.page)).group_by(queue_pages.c.workspace_id)
    return [(str(workspace), int(page)) for workspace, page in await tx.execute(query)]


async def open_page(tx: Tx, workspace: str, page: int) -> None:
    """Have queues be put on a page from now on.

    Raises:
        PageTakenError: somebody else did in this moment; `tx` must be given up.
    """
    try:
        await tx.execute(
            queue_pages.insert(), {"workspace_id": workspace, "page": page, "opened_at": tx.clock.now()}
        )  # fmt: skip
    except IntegrityError:
        raise PageTakenError from None


async def dedupe_row(tx: Tx, workspace: str, queue: str, key_hash: str) -> Any:
    """Return what is remembered of a key, if its window is still open."""
    mine = _key(workspace, queue, key_hash) & (dedupe_keys.c.expires_at > tx.clock.now())
    return (await tx.execute(select(dedupe_keys).where(mine))).first()


async def claim(tx: Tx, row: dict[str, Any]) -> None:
    """Remember a key.

    Raises:
        KeyTakenError: somebody else did in this moment; `tx` must be given up.
    """
    stale = _key(row["workspace_id"], row["queue"], row["key_hash"]) & (dedupe_keys.c.expires_at <= tx.clock.now())
    await tx.execute(dedupe_keys.delete().where(stale))
    try:
        await tx.execute(dedupe_keys.insert(), row)
    except IntegrityError:
        raise KeyTakenError from None


async def settle_send(tx: Tx, send_id: str, place: tuple[str, str, str], *, stream: str, seq: int) -> None:
    """Write down where the message lies now; `place` is (workspace, queue, key hash)."""
    mine = _key(*place) & (dedupe_keys.c.send_id == send_id)
    await tx.execute(dedupe_keys.update().where(mine).values(stream=stream, seq=seq))


async def forget_expired(tx: Tx, *, limit: int) -> int:
    """Delete up to `limit` keys whose window is over; how many."""
    old = (await tx.execute(_expired(tx.clock.now(), limit))).all()
    for row in old:
        await tx.execute(dedupe_keys.delete().where(_key(*row) & (dedupe_keys.c.expires_at <= tx.clock.now())))
    return len(old)


def _expired(now: datetime, limit: int) -> Any:
    key = (dedupe_keys.c.workspace_id, dedupe_keys.c.queue, dedupe_keys.c.key_hash)
    return select(*key).where(dedupe_keys.c.expires_at <= now).limit(limit)


def _mine(workspace: str, name: str) -> Any:
    return (queues.c.workspace_id == workspace) & (queues.c.name == name)


def _key(workspace: str, queue: str, key_hash: str) -> Any:
    table = dedupe_keys.c
    return (table.workspace_id == workspace) & (table.queue == queue) & (table.key_hash == key_hash)
