"""Settings of the door out."""

from pydantic import BaseModel, Field


class OutboundSettings(BaseModel):
    """What the hub may reach on somebody's word, and how long and how much it bears."""

    allow: list[str] = Field(
        default_factory=list,
        description="Addresses inside your network that may be reached all the same: names, name:port, IPs, CIDRs.",
    )
    ca_file: str = Field(
        default="", description="PEM file of certificate authorities that are trusted besides the usual ones."
    )
    connect_s: float = Field(default=5.0, gt=0, description="Time to resolve a name and connect, seconds.")
    read_s: float = Field(default=30.0, gt=0, description="Longest silence of the other side, seconds.")
    total_s: float = Field(default=300.0, gt=0, description="Longest request that is no stream, seconds.")
    max_bytes: int = Field(default=8 * 2**20, ge=1024, description="Largest answer that is read, bytes.")
