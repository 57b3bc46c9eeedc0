"""Settings of dead letters."""

from pydantic import BaseModel, Field


class DeadLetterSettings(BaseModel):
    """How long dead letters stay. What leaves is counted, and told as a fact."""

    settled_max_age_s: int = Field(
        default=30 * 86400, ge=60, description="Age at which redriven and discarded letters leave, seconds."
    )
    waiting_max_age_s: int | None = Field(
        default=None, ge=60, description="Age at which letters leave that nobody dealt with, seconds; never when unset."
    )
    max_count: int | None = Field(
        default=None,
        ge=1,
        description="Letters that one workspace keeps; beyond it the oldest leave, those dealt with first. No limit when unset.",
    )
    sweep_interval_s: float = Field(default=60.0, gt=0, description="Interval at which retention is enforced, seconds.")
