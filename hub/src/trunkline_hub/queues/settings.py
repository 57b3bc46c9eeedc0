"""Settings of queues."""

from pydantic import BaseModel, Field


class QueuesSettings(BaseModel):
    """How closely queues are watched."""

    sample_s: float = Field(default=5.0, gt=0, description="Interval of the samples behind trends and rates, seconds.")
    history: int = Field(default=120, ge=2, le=3600, description="Samples kept for each queue's trend.")
    stray_scan_s: float = Field(
        default=30.0, gt=0, description="Interval of the search for messages that no consumer holds, seconds."
    )
    page_size: int = Field(
        default=100, ge=1, le=100_000,
        description="Consumers that a stream of plain queues takes before a further stream is made; a plain queue has one.",
    )  # fmt: skip
    expiry_sweep_s: float = Field(
        default=10.0, gt=0, description="Interval of the search for waiting messages that expired, seconds."
    )
