"""Tables and queries of the index, in a database of its own.

One part is one workspace's index as built once; a rebuild makes a new part
beside the old one. The key of an event holds part and place (`model.key_of`),
so that one number orders, bounds and isolates every query, and each
secondary index ends in it for nothing. Types and senders are numbers of the
part's own, so that the indices over them stay small and cover what filters need.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Integer, Select, String, Table, Text, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.elements import ColumnElement

from trunkline_hub.core.clock import Clock
from trunkline_hub.db import Tx
from trunkline_hub.db.derived import DerivedDatabase
from trunkline_hub.index import model
from trunkline_hub.index.model import Batch, Kind, Row
from trunkline_hub.index.settings import SCHEMA

VERSION = 1
"""Raise it with every change of the tables: an index of another version is made anew."""

LIVE, BUILDING, GARBAGE = "live", "building", "garbage"
TYPE, SENDER = 0, 1
_MANY_TYPES = 5_000
"""A pattern that names more types than this is left to the log itself."""
_SORTABLE = 20_000
"""Up to so many events are fetched by type and sorted; a pattern that names more is dense enough to be walked into."""
_NEAR = 1_000
"""Neighbours looked at around a moment: where a clock was set back, several places lie there."""

metadata = sa.MetaData()
_Key = BigInteger().with_variant(Integer, "sqlite")  # INTEGER PRIMARY KEY is SQLite's own row number

about = Table("about", metadata, Column("version", Integer, nullable=False))

parts = Table(
    "parts",
    metadata,
    Column("part", Integer, primary_key=True, autoincrement=True),
    Column("workspace_id", String(63), nullable=False),
    Column("state", String(15), nullable=False),
    Column("began_us", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

positions = Table(
    "positions",
    metadata,
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(15), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("target", BigInteger, nullable=False),
    Column("born", String(63), nullable=False),
)

names = Table(
    "names",
    metadata,
    Column("no", Integer, primary_key=True, autoincrement=True),
    Column("part", Integer, nullable=False),
    Column("kind", sa.SmallInteger, nullable=False),
    Column("name", String(model.KEY_CHARS), nullable=False),
    Column("seen", BigInteger, nullable=False),
    sa.UniqueConstraint("part", "kind", "name"),
)

events = Table(
    "events",
    metadata,
    Column("key", _Key, primary_key=True, autoincrement=False),
    Column("part", Integer, nullable=False),
    Column("id", Text, nullable=False),
    Column("type_no", Integer, nullable=False),
    Column("sender_no", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text),
    Column("sent_us", BigInteger),
    Column("stored_us", BigInteger, nullable=False),
    Column("correlation", Text),
    Column("causation", Text),
    Column("trace_id", Text),
    Column("size_bytes", Integer, nullable=False),
    Column("is_cloudevent", sa.Boolean, nullable=False),
    Column("reader", Text),
    Column("redrive_of", Text),
    Column("replay", Text),
)


def _partial(name: str, table: Table, *columns: str) -> Index:
    present = table.c[columns[0]].isnot(None)
    return Index(name, *(table.c[column] for column in columns), sqlite_where=present, postgresql_where=present)


Index("ix_events_id", events.c.id, events.c.key)
Index("ix_events_type", events.c.type_no, events.c.key, events.c.sender_no)
Index("ix_events_sender", events.c.sender_no, events.c.key, events.c.type_no)
Index("ix_events_stored", events.c.part, events.c.stored_us, events.c.key)
_partial("ix_events_subject", events, "subject", "key", "type_no", "sender_no")
_partial("ix_events_correlation", events, "correlation", "key")
_partial("ix_events_causation", events, "causation", "key")
_partial("ix_events_trace_id", events, "trace_id", "key")

handlings = Table(
    "handlings",
    metadata,
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("message_id", Text, primary_key=True),
    Column("lane", String(7), primary_key=True),
    Column("reader", Text, primary_key=True),
    Column("stream_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("origin", sa.SmallInteger, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("principal", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("error", Text),
    Column("type", Text),
    Column("sender", Text),
    Column("source", Text),
    Column("subject", Text),
    Column("sent_us", BigInteger),
    Column("stored_us", BigInteger),
    Column("size_bytes", BigInteger),
    Column("correlation", Text),
    Column("causation", Text),
    Column("trace_id", Text),
    Column("redrive_of", Text),
    Column("replay", Text),
    Index("ix_handlings_recorded", "part", "origin", "recorded_us"),
    sqlite_with_rowid=False,
)
_partial("ix_handlings_correlation", handlings, "correlation", "part")
_partial("ix_handlings_causation", handlings, "causation", "part")
_partial("ix_handlings_trace_id", handlings, "trace_id", "part")

letters = Table(
    "letters",
    metadata,
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", Text, nullable=False),
    Column("lane", String(7), nullable=False),
    Column("reader", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text),
    Column("sender", Text, nullable=False),
    Column("sent_us", BigInteger),
    Column("died_us", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("stream_seq", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("correlation", Text),
    Column("causation", Text),
    Column("trace_id", Text),
    Column("redrive_of", Text),
    Index("ix_letters_message_id", "message_id", "part"),
)
_partial("ix_letters_correlation", letters, "correlation", "part")
_partial("ix_letters_causation", letters, "causation", "part")
_partial("ix_letters_trace_id", letters, "trace_id", "part")

_MERGED = ("type", "sender", "source", "subject", "sent_us", "stored_us", "size_bytes", "correlation", "causation",
           "trace_id", "redrive_of", "replay", "error")  # fmt: skip
"""What an attempt's record and its receipt each tell a part of."""


def database(url: str, clock: Clock) -> DerivedDatabase:
    """Return the index's database; nothing is opened yet."""
    return DerivedDatabase(url, clock, schema=SCHEMA, metadata=metadata, about=about, version=VERSION)


# Writing


async def write(tx: Tx, part: int, batch: Batch, *, sqlite: bool) -> None:
    """Write a batch and how far it reaches. Idempotent: what is there already is left or completed."""
    put = sqlite_insert if sqlite else postgres_insert
    if batch.events:
        numbers = await _numbers(tx, part, batch.events)
        rows = [
            {**row, "type_no": numbers[TYPE, row["type"]], "sender_no": numbers[SENDER, row["sender"]]}
            for row in batch.events
        ]
        await tx.execute(put(events).on_conflict_do_nothing(), rows)
    if batch.handlings:
        await tx.execute(_merge(put(handlings)), batch.handlings)
    if batch.letters:
        await tx.execute(put(letters).on_conflict_do_nothing(), batch.letters)
    for kind, seq in batch.positions.items():
        mine = (positions.c.part == part) & (positions.c.kind == kind)
        await tx.execute(update(positions).where(mine).values(seq=seq))


def _merge(statement: Any) -> Any:
    new, old = statement.excluded, handlings.c
    is_receipt = new.origin == 0
    values: dict[str, Any] = {name: func.coalesce(new[name], old[name]) for name in _MERGED}
    values |= {
        name: sa.case((is_receipt, new[name]), else_=old[name]) for name in ("started_us", "duration_us", "outcome")
    }
    values["origin"] = sa.case((is_receipt, old.origin), else_=new.origin)
    return statement.on_conflict_do_update(index_elements=list(handlings.primary_key.columns), set_=values)


async def _numbers(tx: Tx, part: int, rows: list[Row]) -> dict[tuple[int, str], int]:
    """Return the numbers of all types and senders in `rows`, new ones made, and count what was seen."""
    counted: dict[tuple[int, str], int] = {}
    for row in rows:
        for pair in ((TYPE, row["type"]), (SENDER, row["sender"])):
            counted[pair] = counted.get(pair, 0) + 1
    known = await _known(tx, part, counted)
    fresh = [pair for pair in counted if pair not in known]
    if fresh:
        made = [{"part": part, "kind": kind, "name": name, "seen": 0} for kind, name in fresh]
        await tx.execute(sa.insert(names), made)
        known |= await _known(tx, part, fresh)
    more = update(names).where(names.c.no == sa.bindparam("b_no")).values(seen=names.c.seen + sa.bindparam("b_more"))
    await tx.execute(more, [{"b_no": known[pair], "b_more": count} for pair, count in counted.items()])
    return known


async def _known(tx: Tx, part: int, pairs: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
    found: dict[tuple[int, str], int] = {}
    every = list(pairs)
    for at in range(0, len(every), 500):
        mine = (names.c.part == part) & sa.tuple_(names.c.kind, names.c.name).in_(every[at : at + 500])
        found |= {(row.kind, row.name): row.no for row in await tx.execute(select(names).where(mine))}
    return found


# Parts and positions


@dataclass(frozen=True, kw_only=True)
class Part:
    """One workspace's index as built once, and how far it reaches."""

    part: int
    workspace: str
    state: str
    began_us: int
    positions: dict[str, "Position"]


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far one stream has been read, where a rebuild will have caught up, and which stream it was."""

    seq: int
    target: int
    born: str


async def all_parts(tx: Tx, workspace: str | None = None) -> list[Part]:
    """Return the parts in use, oldest first, with their positions."""
    query = (
        select(parts, positions.c.kind, positions.c.seq, positions.c.target, positions.c.born)
        .outerjoin(positions, positions.c.part == parts.c.part)
        .order_by(parts.c.part)
    )
    if workspace is not None:
        query = query.where(parts.c.workspace_id == workspace)
    found: dict[int, Part] = {}
    for row in await tx.execute(query):
        made = Part(
            part=row.part, workspace=row.workspace_id, state=row.state, began_us=row.began_us, positions={}
        )  # fmt: skip
        part = found.setdefault(row.part, made)
        if row.kind is not None:
            part.positions[row.kind] = Position(seq=row.seq, target=row.target, born=row.born)
    return list(found.values())


async def add_part(tx: Tx, workspace: str, state: str) -> int:
    row = {"workspace_id": workspace, "state": state, "began_us": model.micros(tx.clock.now())}
    return int((await tx.execute(sa.insert(parts).values(**row))).inserted_primary_key[0])


async def add_position(tx: Tx, part: int, kind: Kind, *, seq: int, target: int, born: str) -> None:
    row = {"part": part, "kind": kind, "seq": seq, "target": target, "born": born}
    await tx.execute(sa.insert(positions), row)


async def promote(tx: Tx, numbers: list[int]) -> None:
    """Let the newest of a workspace's parts answer from now on, and no other."""
    await tx.execute(update(parts).where(parts.c.part.in_(numbers[:-1])).values(state=GARBAGE))
    await tx.execute(update(parts).where(parts.c.part == numbers[-1]).values(state=LIVE))


async def replace(tx: Tx, numbers: list[int], workspace: str) -> None:
    """Begin again with an empty part."""
    await tx.execute(update(parts).where(parts.c.part.in_(numbers)).values(state=GARBAGE))
    await add_part(tx, workspace, LIVE)


async def sweep(tx: Tx, part: int, limit: int) -> bool:
    """Delete some of a part that nobody uses any more; whether it is gone."""
    for table, low in ((events, None), (handlings, handlings.c.part), (letters, letters.c.part)):
        mine = _within(part) if low is None else low == part
        keys = list(table.primary_key.columns)
        some = select(*keys).where(mine).limit(limit)
        target = keys[0] if len(keys) == 1 else sa.tuple_(*keys)
        if (await tx.execute(sa.delete(table).where(target.in_(some)))).rowcount:
            return False
    await tx.execute(sa.delete(names).where(names.c.part == part))
    await tx.execute(sa.delete(positions).where(positions.c.part == part))
    await tx.execute(sa.delete(parts).where(parts.c.part == part))
    return True


async def trim(
    tx: Tx, part: int, *, events_from: int, letters_from: int, handlings_from_us: tuple[int, int], limit: int
) -> int:
    """Delete what has left the streams, at most `limit` of each kind; how many."""
    gone = 0
    for addressed in (False, True):
        low, high = (model.key_of(part, seq, addressed=addressed) for seq in (0, events_from))
        some = select(events.c.key).where((events.c.key >= low) & (events.c.key < high)).limit(limit)
        gone += (await tx.execute(sa.delete(events).where(events.c.key.in_(some)))).rowcount
    keys = sa.tuple_(*handlings.primary_key.columns)
    for origin, since_us in enumerate(handlings_from_us):
        old = (handlings.c.part == part) & (handlings.c.origin == origin) & (handlings.c.recorded_us < since_us)
        some_keys = select(*handlings.primary_key.columns).where(old).limit(limit)
        gone += (await tx.execute(sa.delete(handlings).where(keys.in_(some_keys)))).rowcount
    old_letters = (letters.c.part == part) & (letters.c.seq < letters_from)
    return gone + int((await tx.execute(sa.delete(letters).where(old_letters))).rowcount)


# Finding places in the log


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A query in the index's own terms."""

    type: str | None
    sender: str | None
    equal: dict[str, str]
    """Column to value; `correlation` matches the event that began the transaction, too."""
    since_us: int | None
    until_us: int | None


async def find(
    tx: Tx, part: int, wanted: Wanted, *, after: int, before: int, newest: bool, limit: int
) -> list[int] | None:
    """Return up to `limit` places between `after` and `before`, exclusive; None where the log must answer itself."""
    types = None if wanted.type is None else await _types(tx, part, wanted.type)
    if types is not None and len(types) > _MANY_TYPES:
        return None
    sender = None if wanted.sender is None else await _name(tx, part, SENDER, wanted.sender)
    if types == [] or sender == []:
        return []
    low, high = model.key_of(part, after), model.key_of(part, before)
    where: list[ColumnElement[bool]] = [events.c[name] == value for name, value in wanted.equal.items()]
    if types is not None:
        where.append(_is_one(events.c.type_no, types))
    if sender is not None:
        where.append(_is_one(events.c.sender_no, sender))
    if wanted.since_us is not None:
        where.append(events.c.stored_us >= wanted.since_us)
        low = max(low, (await _near(tx, part, wanted.since_us, later=True)) - 1)
    if wanted.until_us is not None:
        where.append(events.c.stored_us < wanted.until_us)
        high = min(high, (await _near(tx, part, wanted.until_us, later=False)) + 1)
    bounds = (events.c.key > low) & (events.c.key < high)
    query = _hinted(select(events.c.key).where(bounds, *where), _choose(wanted, types, sender))
    keys = await _ordered(tx, query, newest=newest, limit=limit)
    if "correlation" in wanted.equal:
        keys = await _with_origin(tx, keys, wanted, bounds, where, newest=newest, limit=limit)
    return [model.seq_of(key) for key in keys]


async def _with_origin(
    tx: Tx, keys: list[int], wanted: Wanted, bounds: Any, where: list[Any], *, newest: bool, limit: int
) -> list[int]:
    """Add the event whose id is the correlation: it began the transaction and does not name it."""
    value = wanted.equal["correlation"]
    others = [condition for condition in where if not condition.compare(events.c.correlation == value)]
    query = _hinted(select(events.c.key).where(bounds, events.c.id == value, *others), "ix_events_id")
    origin = await _ordered(tx, query, newest=newest, limit=limit)
    return sorted({*keys, *origin}, reverse=newest)[:limit]


def _choose(wanted: Wanted, types: list[Any] | None, sender: list[Any] | None) -> str | None:
    """Return the index that leads to the fewest entries; None walks the log's order itself."""
    for name in ("id", "causation", "trace_id", "correlation", "subject"):
        if name in wanted.equal:
            return f"ix_events_{name}"
    of_types = sum(row.seen for row in types) if types is not None else None
    of_sender = sender[0].seen if sender else None
    ordered = types is not None and len(types) == 1
    if of_types is not None and (ordered or of_types <= _SORTABLE) and (of_sender is None or of_types <= of_sender):
        return "ix_events_type"
    return "ix_events_sender" if of_sender is not None else None


def _hinted(query: Select[Any], index: str | None) -> Select[Any]:
    """SQLite keeps no statistics here; PostgreSQL does and chooses itself."""
    how = f"INDEXED BY {index}" if index else "NOT INDEXED"
    return query.with_hint(events, how, "sqlite")


async def _ordered(tx: Tx, query: Select[Any], *, newest: bool, limit: int) -> list[int]:
    order = events.c.key.desc() if newest else events.c.key
    return list((await tx.execute(query.order_by(order).limit(limit))).scalars())


async def _near(tx: Tx, part: int, at_us: int, *, later: bool) -> int:
    """Return a key that nothing stored on the wanted side of a moment lies beyond, several clocks' jumps included."""
    mine = events.c.part == part
    if later:
        near = select(events.c.key).where(mine & (events.c.stored_us >= at_us)).order_by(events.c.stored_us)
        found = near.limit(_NEAR).subquery()
        return int((await tx.execute(select(func.min(found.c.key)))).scalar() or model.key_of(part + 1, 0))
    near = select(events.c.key).where(mine & (events.c.stored_us < at_us)).order_by(events.c.stored_us.desc())
    found = near.limit(_NEAR).subquery()
    return int((await tx.execute(select(func.max(found.c.key)))).scalar() or model.key_of(part, 0))


async def _types(tx: Tx, part: int, wanted: str) -> list[Any]:
    if not model.is_pattern(wanted):
        return await _name(tx, part, TYPE, wanted)
    prefix = model.literal_prefix(wanted)
    query = select(names.c.no, names.c.name, names.c.seen).where((names.c.part == part) & (names.c.kind == TYPE))
    if prefix:
        query = query.where(names.c.name.startswith(prefix, autoescape=True))
    fits = model.matcher(wanted).fullmatch
    return [row for row in await tx.execute(query) if fits(row.name)]


async def _name(tx: Tx, part: int, kind: int, name: str) -> list[Any]:
    mine = (names.c.part == part) & (names.c.kind == kind) & (names.c.name == model.clip(name))
    return list(await tx.execute(select(names.c.no, names.c.name, names.c.seen).where(mine)))


def _is_one(column: Any, rows: list[Any]) -> ColumnElement[bool]:
    numbers = [row.no for row in rows]
    found: ColumnElement[bool] = column == numbers[0] if len(numbers) == 1 else column.in_(numbers)
    return found


def _within(part: int) -> ColumnElement[bool]:
    return sa.and_(events.c.key >= model.key_of(part, 0), events.c.key < model.key_of(part + 1, 0))


# Following messages

_type_name, _sender_name = names.alias("type_name"), names.alias("sender_name")
_SHOWN = (
    select(events, _type_name.c.name.label("type"), _sender_name.c.name.label("sender"))
    .join(_type_name, _type_name.c.no == events.c.type_no)
    .join(_sender_name, _sender_name.c.no == events.c.sender_no)
)


async def events_by(tx: Tx, part: int, column: str, values: Sequence[str], *, limit: int) -> list[Any]:
    """Return events whose `column` is one of `values`, those for one group alone included, in the log's order."""
    picked = _hinted(
        select(events.c.key).where(events.c[column].in_([model.clip(v) for v in values]) & _within(part)),
        f"ix_events_{column}",
    ).order_by(events.c.key).limit(limit)  # fmt: skip
    keys = list((await tx.execute(picked)).scalars())
    return list(await tx.execute(_SHOWN.where(events.c.key.in_(keys)).order_by(events.c.key))) if keys else []


async def handlings_by(tx: Tx, part: int, column: str, values: Sequence[str], *, limit: int) -> list[Any]:
    """Return what was handled whose `column` is one of `values`, in the order of time."""
    mine = (handlings.c.part == part) & handlings.c[column].in_([model.clip(v) for v in values])
    return list(await tx.execute(select(handlings).where(mine).order_by(handlings.c.started_us).limit(limit)))


async def letters_by(tx: Tx, part: int, column: str, values: Sequence[str], *, limit: int) -> list[Any]:
    """Return the dead letters whose `column` is one of `values`, in the order of death."""
    mine = (letters.c.part == part) & letters.c[column].in_([model.clip(v) for v in values])
    return list(await tx.execute(select(letters).where(mine).order_by(letters.c.seq).limit(limit)))
