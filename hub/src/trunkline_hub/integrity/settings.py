"""Settings of the verification."""

from pydantic import BaseModel, Field


class IntegritySettings(BaseModel):
    """How closely the hub remembers what stood where in the log."""

    witness_s: float = Field(
        default=10.0, gt=0, description="Interval at which the newest event's hash is noted for `verify`, seconds."
    )
