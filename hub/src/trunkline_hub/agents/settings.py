"""Settings of agents."""

from pydantic import BaseModel, Field


class AgentsSettings(BaseModel):
    """How agents are watched, and what of them stays on record."""

    probe_s: float = Field(default=10.0, gt=0, description="Interval at which each instance is probed, seconds.")
    probe_timeout_s: float = Field(
        default=2.0, gt=0, description="Seconds after which a probe counts as unanswered, where heartbeats still come."
    )
    late_s: float = Field(default=1.0, gt=0, description="An instance that answers later, twice, is degraded; seconds.")
    deaf_after: int = Field(
        default=3, ge=1, description="Unanswered probes in a row after which an instance is unhealthy."
    )
    history: int = Field(default=200, ge=10, description="Changes of each agent that are kept.")
    history_max_age_s: int = Field(
        default=30 * 86400, ge=3600, description="Age at which changes of agents are forgotten, seconds."
    )
