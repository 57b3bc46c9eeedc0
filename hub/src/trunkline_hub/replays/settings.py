"""Settings of replays."""

from pydantic import BaseModel, Field


class ReplaySettings(BaseModel):
    """Where replays into files write them."""

    directory: str = Field(
        default="", description="Directory of replayed files. `trunkline serve` fills it in; empty refuses them."
    )
    keep_files_s: float = Field(
        default=7 * 86400.0, gt=0, description="Age at which a replayed file is deleted, seconds."
    )
