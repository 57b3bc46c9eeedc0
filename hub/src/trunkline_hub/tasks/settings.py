"""How long tasks are remembered."""

from pydantic import BaseModel, Field


class TasksSettings(BaseModel):
    """Tasks."""

    keep_s: int = Field(
        default=30 * 86400, ge=60, description="Age at which a task that has ended is forgotten, seconds."
    )
