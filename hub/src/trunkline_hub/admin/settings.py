"""Settings of the operators' view."""

from pydantic import BaseModel, Field


class AdminSettings(BaseModel):
    """How closely the overview watches."""

    sample_s: float = Field(default=1.0, gt=0, description="Interval of the overview's samples, seconds.")
    history: int = Field(default=120, ge=10, le=3600, description="Samples kept for the overview's charts.")
