"""Settings of idempotent requests."""

from pydantic import BaseModel, Field


class IdempotencySettings(BaseModel):
    """How long requests are remembered by their Idempotency-Key."""

    keep_s: float = Field(default=86_400.0, ge=60, description="How long an answer is kept, seconds.")
    claim_s: float = Field(
        default=330.0, gt=0,
        description="After so long a request without an answer counts as died with its hub; longer than any request lasts. Seconds.",
    )  # fmt: skip
    max_answer_bytes: int = Field(default=2**20, ge=0, description="Largest answer that is kept, bytes.")
