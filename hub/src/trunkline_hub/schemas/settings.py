"""Settings of the catalogue of event types."""

from pydantic import BaseModel, Field


class SchemasSettings(BaseModel):
    """The catalogue of event types: how their use is observed, how much is kept of what broke the rules."""

    observe_s: float = Field(
        default=10.0, gt=0, description="How often the log is looked at for who publishes what, seconds."
    )
    observed_days: int = Field(default=30, ge=1, description="How many days of counts per type and sender are kept.")
    observed_senders_max: int = Field(
        default=10_000,
        ge=1,
        description="Most pairs of type and sender kept in one workspace; further ones are not counted.",
    )
    quarantine_max: int = Field(
        default=10_000, ge=1, description="Most quarantined events listed in one workspace; the oldest leave the list."
    )
    refresh_s: float = Field(
        default=15.0, gt=0, description="How often a hub looks for rules that another one changed, should it have missed the word, seconds."
    )  # fmt: skip
