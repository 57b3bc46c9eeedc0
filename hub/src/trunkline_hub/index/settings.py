"""Settings of the index over the log."""

from pydantic import BaseModel, Field, SecretStr
from sqlalchemy.engine import make_url

SCHEMA = "trunkline_index"


class IndexSettings(BaseModel):
    """Where the index over the log is kept; it can always be made again from the log."""

    url: SecretStr = Field(
        default=SecretStr(""),
        description="Database of the index; by default a file beside the main SQLite file, or the schema"
        " `trunkline_index` in the main PostgreSQL database.",
    )

    def url_beside(self, main: str) -> str:
        """Return where the index is: as set, or beside the main database."""
        given = self.url.get_secret_value()
        if given:
            return given
        parsed = make_url(main)
        if not parsed.drivername.startswith("sqlite") or not parsed.database:
            return main
        stem, dot, suffix = parsed.database.rpartition(".")
        beside = f"{stem}-index{dot}{suffix}" if stem else f"{parsed.database}-index"
        return parsed.set(database=beside).render_as_string(hide_password=False)
