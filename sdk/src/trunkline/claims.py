"""`ctx.claim`: write a message's id into the user's own database, in the user's own transaction.

Speaks to what Python programs hold: `sqlite3`, `aiosqlite`, `asyncpg`, and
SQLAlchemy connections and sessions (SQLite and PostgreSQL). None of them is
imported here; a connection is known by where its class comes from.
"""

import sqlite3
import time
from typing import Any, NamedTuple

from trunkline.protocol.errors import ClaimInvalidError

TABLE = """\
CREATE TABLE IF NOT EXISTS trunkline_handled (
    reader     TEXT NOT NULL,
    sender     TEXT NOT NULL,
    message_id TEXT NOT NULL,
    run        TEXT NOT NULL,
    handled_at BIGINT NOT NULL,
    PRIMARY KEY (reader, sender, message_id, run)
)"""
"""What `ctx.claim` writes to; put it into your own migrations. SQLite and PostgreSQL."""

_QMARK = "INSERT INTO trunkline_handled VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_DOLLAR = "INSERT INTO trunkline_handled VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
_NAMED = (
    "INSERT INTO trunkline_handled VALUES (:reader, :sender, :message_id, :run, :handled_at) ON CONFLICT DO NOTHING"
)
_DIALECTS = ("sqlite", "postgresql")
_LEGACY = -1
_NONE_ADDED = "INSERT 0 0"


class Key(NamedTuple):
    """What makes a message the same one again, for one reader."""

    reader: str
    sender: str
    message_id: str
    run: str
    """The replay that delivers it; empty for the original."""


class HandledBeforeError(Exception):
    """An earlier delivery of this message did the work. Let it pass: it counts as success."""


async def claim(key: Key | None, connection: Any) -> None:
    """Write `key` through any supported connection.

    Raises:
        HandledBeforeError: it is there already.
        ClaimInvalidError: the connection is unknown, or not in a transaction.
    """
    kind = _kind(connection)
    if kind == "aiosqlite":
        _check_sqlite(connection)
        cursor = await connection.execute(_QMARK, _row(key))
        _judge(cursor.rowcount)
    elif kind == "asyncpg":
        if not connection.is_in_transaction():
            raise _without_transaction("async with connection.transaction(): …")
        _judge(0 if await connection.execute(_DOLLAR, *_row(key)) == _NONE_ADDED else 1)
    elif kind == "sqlalchemy" and _is_async(connection):
        _check_alchemy(connection.sync_session if hasattr(connection, "sync_session") else connection.sync_connection)
        _judge((await connection.execute(_text(), _values(key))).rowcount)
    else:
        claim_sync(key, connection)


def claim_sync(key: Key | None, connection: Any) -> None:
    """Write `key` through a connection of synchronous code; see `claim`."""
    kind = _kind(connection)
    if kind == "sqlite3":
        _check_sqlite(connection)
        _judge(connection.execute(_QMARK, _row(key)).rowcount)
    elif kind == "sqlalchemy" and not _is_async(connection):
        _check_alchemy(connection)
        _judge(connection.execute(_text(), _values(key)).rowcount)
    else:
        raise ClaimInvalidError(
            f"A {type(connection).__module__}.{type(connection).__qualname__} cannot be claimed with here;"
            " sqlite3, aiosqlite, asyncpg and SQLAlchemy connections can (asynchronous ones with `await ctx.claim`)"
        )


def _kind(connection: Any) -> str:
    if isinstance(connection, sqlite3.Connection):
        return "sqlite3"
    homes = {base.__module__.split(".")[0] for base in type(connection).__mro__}
    return next((known for known in ("aiosqlite", "asyncpg", "sqlalchemy") if known in homes), "")


def _is_async(connection: Any) -> bool:
    return hasattr(connection, "sync_session") or hasattr(connection, "sync_connection")


def _row(key: Key | None) -> tuple[Any, ...]:
    if key is None:
        raise ClaimInvalidError("Only messages from queues and events can be claimed; a call is never delivered twice")
    return (*key, int(time.time()))


def _values(key: Key | None) -> dict[str, Any]:
    return dict(zip(("reader", "sender", "message_id", "run", "handled_at"), _row(key), strict=True))


def _text() -> Any:
    from sqlalchemy import text  # noqa: PLC0415 -- only who hands us its connection has it

    return text(_NAMED)


def _check_sqlite(connection: Any) -> None:
    """Refuse what would commit the claim by itself, before the effect."""
    mode = getattr(connection, "autocommit", _LEGACY)
    commits_alone = connection.isolation_level is None if mode == _LEGACY else mode is True
    if commits_alone and not connection.in_transaction:
        raise _without_transaction("connection.execute('BEGIN IMMEDIATE')")


def _check_alchemy(connection: Any) -> None:
    bind = connection.get_bind() if hasattr(connection, "get_bind") else connection
    if bind.dialect.name not in _DIALECTS:
        raise ClaimInvalidError(f"Claims are written to SQLite and PostgreSQL, not to {bind.dialect.name}")
    own = bind.get_execution_options().get("isolation_level")
    if (own or getattr(bind.dialect, "_on_connect_isolation_level", None)) == "AUTOCOMMIT":
        raise _without_transaction("async with engine.begin() as connection: …")


def _without_transaction(remedy: str) -> ClaimInvalidError:
    return ClaimInvalidError(f"The connection is not in a transaction, so claim and effect would not be one: {remedy}")


def _judge(added: int) -> None:
    if added == 0:
        raise HandledBeforeError
