"""Settings of the database."""

from pydantic import BaseModel, Field, SecretStr


class DbSettings(BaseModel):
    """Where the hub keeps its state."""

    url: SecretStr = Field(
        default=SecretStr("sqlite:///trunkline.db"),
        description="`sqlite:///path` or `postgresql://user:password@host/name`.",
    )
