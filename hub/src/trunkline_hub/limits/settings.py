"""Settings of request limits."""

from pydantic import BaseModel, Field


class LimitsSettings(BaseModel):
    """How many requests a principal may send. `N/S` is N at once, and N in every S seconds; empty: no limit."""

    default: str = Field(
        default="20000/10", description="Requests of a principal to all operations without a limit of their own."
    )
    operations: dict[str, str] = Field(
        default_factory=lambda: {"POST /api/v1/w/{workspace}/events": "100000/10"},
        description="Operations with a limit of their own, as `METHOD /path/{template}` of the OpenAPI document.",
    )
    principals: dict[str, str] = Field(
        default_factory=dict, description="Principals for whom another limit stands in the place of `limits.default`."
    )
