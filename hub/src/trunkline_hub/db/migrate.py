"""Migrations: up at each start, down by command.

Alembic itself is loaded only when there is something to migrate, because it
takes longer to load than a hub with an up-to-date schema needs to start.
"""

from pathlib import Path

import structlog
from sqlalchemy import Connection, inspect, text

from trunkline_hub.db.engine import WRITES, Database

_log = structlog.get_logger("db")
_LOCK = 7_126_543_001
"""Advisory lock number: several hubs may start at once on one PostgreSQL."""
_SCRIPTS = Path(__file__).parent / "migrations"


async def upgrade(db: Database) -> None:
    """Bring the schema up to date."""
    async with db.engine.execution_options(**{WRITES: True}).begin() as connection:
        await connection.run_sync(_upgrade)


async def downgrade(db: Database, revision: str) -> None:
    """Take the schema down to `revision`; `base` empties the database."""
    async with db.engine.execution_options(**{WRITES: True}).begin() as connection:
        await connection.run_sync(_run, "downgrade", revision)


async def current(db: Database) -> str | None:
    """Return the schema's revision, or None for an empty database."""
    async with db.engine.connect() as connection:
        return await connection.run_sync(_current)


def head() -> str:
    """Return the newest revision: the number that the last script's name begins with."""
    return max(script.name.split("_", 1)[0] for script in (_SCRIPTS / "versions").glob("[0-9]*_*.py"))


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    before = _current(connection)
    if before != head():
        _run(connection, "upgrade", "head")
        _log.info("schema_upgraded", before=before, after=head())


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _run(connection: Connection, direction: str, revision: str) -> None:
    from alembic import command  # noqa: PLC0415 -- see above
    from alembic.config import Config  # noqa: PLC0415 -- see above

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    (command.upgrade if direction == "upgrade" else command.downgrade)(config, revision)
