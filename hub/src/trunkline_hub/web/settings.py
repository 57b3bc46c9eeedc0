"""Settings of the HTTP door."""

from pydantic import BaseModel, Field


class WebSettings(BaseModel):
    """Where the hub listens, and what it accepts."""

    host: str = Field(default="127.0.0.1", description="Address to listen on. Loopback unless you decide otherwise.")
    port: int = Field(default=8400, ge=0, le=65535, description="TCP port; 0 picks a free one.")
    public_url: str = Field(default="", description="Address users see, when a proxy stands in front of the hub.")
    cors_origins: list[str] = Field(
        default_factory=list,
        description="Origins of pages that browsers let use the API with a token (CORS), `https://app.example`; or `*`.",
    )
    max_body_bytes: int = Field(default=8 * 2**20, ge=1024, description="Largest request body accepted, bytes.")
    shutdown_s: float = Field(default=2.0, gt=0, description="Time for open requests to finish at shutdown, seconds.")
