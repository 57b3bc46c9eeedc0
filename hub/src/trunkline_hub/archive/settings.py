"""Settings of the archive."""

from pydantic import BaseModel, Field


class ArchiveSettings(BaseModel):
    """Where the log is written to before its oldest events leave it."""

    directory: str = Field(
        default="", description="Directory of the archive, shared by all hubs; empty turns the archive off."
    )
    segment_messages: int = Field(default=100_000, ge=1, description="Messages after which a file is closed.")
    segment_bytes: int = Field(
        default=64 * 2**20, ge=2**16, description="Size, uncompressed, after which a file is closed, bytes."
    )
    segment_age_s: float = Field(
        default=3600.0, gt=0, description="Age of its oldest message after which a file is closed, seconds."
    )
    check_s: float = Field(default=5.0, gt=0, description="Interval at which the log is looked at, seconds.")
