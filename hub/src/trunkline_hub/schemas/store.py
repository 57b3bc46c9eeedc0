"""Tables of the catalogue: types, their tags and versions, the rules' revision, what was seen, what is quarantined."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text, func, or_, select, union_all

from trunkline_hub.db import Tx, UtcDateTime, metadata

event_types = Table(
    "event_types",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("description", Text, nullable=False),
    Column("owner", String(127), nullable=False),
    Column("tags", JSON, nullable=False),
    Column("samples", JSON, nullable=False),
    Column("compatibility", String(31), nullable=False),
    Column("reading", String(15), nullable=False),
    Column("policy", String(15), nullable=False),
    Column("last_number", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deprecated_at", UtcDateTime, nullable=True),
)

event_type_tags = Table(
    "event_type_tags",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("tag", String(63), primary_key=True),
    Column("type", String(255), primary_key=True),
)

event_type_versions = Table(
    "event_type_versions",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("type", String(255), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("schema", JSON, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("author", String(127), nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deprecated_at", UtcDateTime, nullable=True),
)

event_type_rules = Table(
    "event_type_rules",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("unknown", String(15), nullable=False),
    Column("revision", Integer, nullable=False),
)

event_type_senders = Table(
    "event_type_senders",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("type", String(255), primary_key=True),
    Column("principal", String(127), primary_key=True),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
)

event_type_days = Table(
    "event_type_days",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("type", String(255), primary_key=True),
    Column("principal", String(127), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("count", BigInteger, nullable=False),
)

event_type_looks = Table(
    "event_type_looks",
    metadata,
    Column("workspace_id", String(63), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("workspace_id", String(63), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", String(255), nullable=False),
    Column("sender", String(127), nullable=False),
    Column("message_id", String(512), nullable=False),
    Column("policy", String(15), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "workspace_id", "type", "seq"),
    Index(None, "workspace_id", "seq", unique=True),
)

_BY_TYPE = (event_type_tags, event_type_versions)


def _one(table: Table, workspace: str, **key: Any) -> Any:
    """Return the condition for the rows of a workspace with these values."""
    found: Any = table.c.workspace_id == workspace
    for name, value in key.items():
        found &= table.c[name] == value
    return found


async def get(tx: Tx, workspace: str, name: str, *, lock: bool = False) -> Any:
    """Return a type; with `lock` nobody else changes it until the transaction ends."""
    query = select(event_types).where(_one(event_types, workspace, name=name))
    return (await tx.execute(query.with_for_update() if lock else query)).first()


async def put(tx: Tx, workspace: str, name: str, values: dict[str, Any]) -> None:
    """Insert or change a type; its tags follow."""
    now = tx.clock.now()
    changed = {**values, "updated_at": now}
    updated = await tx.execute(event_types.update().where(_one(event_types, workspace, name=name)).values(**changed))
    if updated.rowcount == 0:
        row = {"workspace_id": workspace, "name": name, "created_at": now, **changed}
        await tx.execute(event_types.insert(), row)
    await tx.execute(event_type_tags.delete().where(_one(event_type_tags, workspace, type=name)))
    rows = [{"workspace_id": workspace, "tag": tag, "type": name} for tag in values["tags"]]
    if rows:
        await tx.execute(event_type_tags.insert(), rows)


async def remove(tx: Tx, workspace: str, name: str) -> None:
    for table in _BY_TYPE:
        await tx.execute(table.delete().where(_one(table, workspace, type=name)))
    await tx.execute(event_types.delete().where(_one(event_types, workspace, name=name)))


async def names(tx: Tx, workspace: str, filters: dict[str, Any], *, after: str | None, limit: int) -> list[str]:
    """Return `limit + 1` names of types, declared or only seen; filters: `text`, `owner`, `tag`, `deprecated`, `declared`."""
    declared, seen = _declared(workspace, filters), _seen(workspace, filters)
    parts = [part for part in (declared, seen) if part is not None]
    if not parts:
        return []
    found = union_all(*parts).subquery()
    query = select(found.c.name).order_by(found.c.name).limit(limit + 1)
    if after is not None:
        query = query.where(found.c.name > after)
    return list((await tx.execute(query)).scalars())


def _declared(workspace: str, filters: dict[str, Any]) -> Any:
    if filters.get("declared") is False:
        return None
    query = select(event_types.c.name.label("name")).where(event_types.c.workspace_id == workspace)
    text = filters.get("text")
    if text:
        query = query.where(or_(_holds(event_types.c.name, text), _holds(event_types.c.description, text)))
    if filters.get("owner") is not None:
        query = query.where(event_types.c.owner == filters["owner"])
    if filters.get("tag") is not None:
        tagged = select(event_type_tags.c.type).where(_one(event_type_tags, workspace, tag=filters["tag"]))
        query = query.where(event_types.c.name.in_(tagged))
    if filters.get("deprecated") is not None:
        is_not = event_types.c.deprecated_at.is_(None)
        query = query.where(~is_not if filters["deprecated"] else is_not)
    return query


def _seen(workspace: str, filters: dict[str, Any]) -> Any:
    """Select the types that were seen and never declared; what only declared types have, they cannot match."""
    if filters.get("declared") is True or any(filters.get(key) is not None for key in ("owner", "tag", "deprecated")):
        return None
    declared = select(event_types.c.name).where(event_types.c.workspace_id == workspace)
    table = event_type_senders
    mine = (table.c.workspace_id == workspace) & table.c.type.not_in(declared)
    query = select(table.c.type.label("name")).distinct().where(mine)
    return query.where(_holds(table.c.type, filters["text"])) if filters.get("text") else query


def _holds(column: Any, text: str) -> Any:
    return func.lower(column).contains(text.lower(), autoescape=True)


async def rows(tx: Tx, workspace: str, wanted: list[str] | None = None) -> list[Any]:
    """Return the declared types of a workspace, or those of `wanted`."""
    query = select(event_types).where(event_types.c.workspace_id == workspace)
    if wanted is not None:
        query = query.where(event_types.c.name.in_(wanted))
    return list((await tx.execute(query)).all())


async def versions(
    tx: Tx, workspace: str, name: str | None = None, *, before: int | None = None, limit: int | None = None
) -> list[Any]:
    """Return versions, newest first, of one type or of all."""
    query = select(event_type_versions).where(event_type_versions.c.workspace_id == workspace)
    if name is not None:
        query = query.where(event_type_versions.c.type == name)
    if before is not None:
        query = query.where(event_type_versions.c.number < before)
    query = query.order_by(event_type_versions.c.type, event_type_versions.c.number.desc())
    return list((await tx.execute(query if limit is None else query.limit(limit))).all())


async def version(tx: Tx, workspace: str, name: str, number: int) -> Any:
    mine = _one(event_type_versions, workspace, type=name, number=number)
    return (await tx.execute(select(event_type_versions).where(mine))).first()


async def version_counts(tx: Tx, workspace: str, names: list[str]) -> dict[str, tuple[int, int]]:
    """Return how many versions each type has, and the number of its newest."""
    table = event_type_versions
    query = select(table.c.type, func.count(), func.max(table.c.number)).where(
        (table.c.workspace_id == workspace) & table.c.type.in_(names)
    )
    return {row[0]: (row[1], row[2]) for row in (await tx.execute(query.group_by(table.c.type))).all()}


async def add_version(tx: Tx, row: dict[str, Any]) -> None:
    await tx.execute(event_type_versions.insert(), {**row, "created_at": tx.clock.now()})
    mine = _one(event_types, row["workspace_id"], name=row["type"])
    await tx.execute(event_types.update().where(mine).values(last_number=row["number"], updated_at=tx.clock.now()))


async def deprecate_version(tx: Tx, workspace: str, name: str, number: int, at: datetime | None) -> None:
    mine = _one(event_type_versions, workspace, type=name, number=number)
    await tx.execute(event_type_versions.update().where(mine).values(deprecated_at=at))


async def remove_version(tx: Tx, workspace: str, name: str, number: int) -> None:
    await tx.execute(event_type_versions.delete().where(_one(event_type_versions, workspace, type=name, number=number)))


async def rules(tx: Tx, workspace: str) -> tuple[int, str]:
    """Return the revision of a workspace's rules, and what becomes of unknown types."""
    row = (await tx.execute(select(event_type_rules).where(event_type_rules.c.workspace_id == workspace))).first()
    return (0, "allow") if row is None else (row.revision, row.unknown)


async def touch_rules(tx: Tx, workspace: str, unknown: str | None = None) -> int:
    """Count the revision up, so that everybody learns of a change; return it."""
    mine = event_type_rules.c.workspace_id == workspace
    values: dict[str, Any] = {"revision": event_type_rules.c.revision + 1}
    if unknown is not None:
        values["unknown"] = unknown
    updated = await tx.execute(event_type_rules.update().where(mine).values(**values))
    if updated.rowcount == 0:
        row = {"workspace_id": workspace, "revision": 1, "unknown": unknown or "allow"}
        await tx.execute(event_type_rules.insert(), row)
    revision, _unknown = await rules(tx, workspace)
    return revision


async def looked_at(tx: Tx, workspace: str) -> int:
    """Return how far the log has been looked at for who publishes what."""
    query = select(event_type_looks.c.seq).where(event_type_looks.c.workspace_id == workspace)
    return int((await tx.execute(query)).scalar() or 0)


async def look(tx: Tx, workspace: str, seq: int) -> None:
    mine = event_type_looks.c.workspace_id == workspace
    updated = await tx.execute(event_type_looks.update().where(mine).values(seq=seq))
    if updated.rowcount == 0:
        await tx.execute(event_type_looks.insert(), {"workspace_id": workspace, "seq": seq})


async def sender_count(tx: Tx, workspace: str) -> int:
    query = select(func.count()).select_from(event_type_senders).where(event_type_senders.c.workspace_id == workspace)
    return int((await tx.execute(query)).scalar() or 0)


async def saw_again(tx: Tx, workspace: str, pair: tuple[str, str], last: datetime) -> bool:
    """Note that a principal published a type once more; whether the pair is on record."""
    mine = _one(event_type_senders, workspace, type=pair[0], principal=pair[1])
    updated = await tx.execute(event_type_senders.update().where(mine).values(last_seen_at=last))
    return bool(updated.rowcount)


async def saw_first(tx: Tx, workspace: str, pair: tuple[str, str], first: datetime, last: datetime) -> None:
    row = {
        "workspace_id": workspace,
        "type": pair[0],
        "principal": pair[1],
        "first_seen_at": first,
        "last_seen_at": last,
    }
    await tx.execute(event_type_senders.insert(), row)


async def count_day(tx: Tx, workspace: str, pair: tuple[str, str], day: str, count: int) -> None:
    mine = _one(event_type_days, workspace, type=pair[0], principal=pair[1], day=day)
    raised = event_type_days.c.count + count
    updated = await tx.execute(event_type_days.update().where(mine).values(count=raised))
    if updated.rowcount == 0:
        row = {"workspace_id": workspace, "type": pair[0], "principal": pair[1], "day": day, "count": count}
        await tx.execute(event_type_days.insert(), row)


async def forget_before(tx: Tx, moment: datetime) -> None:
    """Forget counts of days before `moment`, and senders that were silent since."""
    await tx.execute(event_type_days.delete().where(event_type_days.c.day < moment.date().isoformat()))
    await tx.execute(event_type_senders.delete().where(event_type_senders.c.last_seen_at < moment))


async def senders(tx: Tx, workspace: str, names: list[str]) -> list[Any]:
    """Return (type, principal, first and last seen) of some types."""
    table = event_type_senders
    query = select(table).where((table.c.workspace_id == workspace) & table.c.type.in_(names))
    return list((await tx.execute(query.order_by(table.c.type, table.c.principal))).all())


async def day_counts(tx: Tx, workspace: str, names: list[str]) -> list[Any]:
    """Return (type, principal, day, count) of some types."""
    table = event_type_days
    query = select(table).where((table.c.workspace_id == workspace) & table.c.type.in_(names))
    return list((await tx.execute(query.order_by(table.c.day))).all())


async def known_seqs(tx: Tx, workspace: str, seqs: list[int]) -> set[int]:
    mine = (quarantine.c.workspace_id == workspace) & quarantine.c.seq.in_(seqs)
    return set((await tx.execute(select(quarantine.c.seq).where(mine))).scalars())


async def add_quarantined(tx: Tx, rows: list[dict[str, Any]]) -> None:
    await tx.execute(quarantine.insert(), rows)


async def trim_quarantine(tx: Tx, workspace: str, most: int) -> None:
    """Keep the newest `most` rows."""
    mine = quarantine.c.workspace_id == workspace
    oldest_kept = select(quarantine.c.seq).where(mine).order_by(quarantine.c.seq.desc()).offset(most - 1).limit(1)
    edge = (await tx.execute(oldest_kept)).scalar()
    if edge is not None:
        await tx.execute(quarantine.delete().where(mine & (quarantine.c.seq < edge)))


async def quarantine_counts(tx: Tx, workspace: str, names: list[str]) -> dict[str, int]:
    query = select(quarantine.c.type, func.count()).where(
        (quarantine.c.workspace_id == workspace) & quarantine.c.type.in_(names)
    )
    return {row[0]: row[1] for row in (await tx.execute(query.group_by(quarantine.c.type))).all()}


async def quarantine_page(
    tx: Tx, workspace: str, filters: dict[str, Any], *, before: int | None, limit: int
) -> list[Any]:
    """Return `limit + 1` quarantined events, newest first; filters: `type`, `sender`."""
    query = select(quarantine).where(quarantine.c.workspace_id == workspace)
    for name in ("type", "sender"):
        if filters.get(name) is not None:
            query = query.where(quarantine.c[name] == filters[name])
    if before is not None:
        query = query.where(quarantine.c.seq < before)
    return list((await tx.execute(query.order_by(quarantine.c.seq.desc()).limit(limit + 1))).all())
