"""Migrations: up at each start, down by command."""

from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from trunkline_hub.db.engine import Database

_log = structlog.get_logger("db")
_LOCK = 7_126_543_001
"""Advisory lock number: several hubs may start at once on one PostgreSQL."""


async def upgrade(db: Database, revision: str = "head") -> None:
    """Bring the schema up to `revision`."""
    async with db.engine.begin() as connection:
        await connection.run_sync(_upgrade, revision)


async def downgrade(db: Database, revision: str) -> None:
    """Take the schema down to `revision`; `base` empties the database."""
    async with db.engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(_config(sync), revision))


async def current(db: Database) -> str | None:
    """Return the schema's revision, or None for an empty database."""
    async with db.engine.connect() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


def _upgrade(connection: Connection, revision: str) -> None:
    config = _config(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    before = MigrationContext.configure(connection).get_current_revision()
    if before == ScriptDirectory.from_config(config).get_current_head():
        return
    command.upgrade(config, revision)
    _log.info("schema_upgraded", before=before, after=revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
