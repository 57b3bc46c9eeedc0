"""Settings of blobs."""

from pydantic import BaseModel, Field


class BlobSettings(BaseModel):
    """Payloads too large for a message: how large, how many, how long."""

    max_blob_bytes: int = Field(default=2**30, ge=1024, description="Largest blob accepted, bytes.")
    max_bytes: int = Field(
        default=8 * 2**30, ge=2**20, description="Size of a workspace's blobs together; when full, uploads are refused."
    )
    max_age_s: int = Field(
        default=30 * 86400,
        ge=60,
        description="Age at which blobs are deleted, seconds; keep it above that of messages.",
    )
    idle_s: float = Field(default=60.0, gt=0, description="An upload that is silent for so long is ended, seconds.")
