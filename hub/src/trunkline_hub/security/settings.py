"""Settings of security."""

from pydantic import BaseModel, Field, SecretStr


class SecuritySettings(BaseModel):
    """Who gets in at first, and for how long."""

    bootstrap_token: SecretStr = Field(
        default=SecretStr(""), description="Token of the first administrator; made by `trunkline serve`."
    )
    session_s: int = Field(default=12 * 3600, ge=60, description="Life of a dashboard session, seconds.")
    signin_link_s: int = Field(default=600, ge=10, description="Life of a sign-in link, seconds.")
