"""All settings of a hub: each feature's section, nested; nothing else.

Read from the environment (`TRUNKLINE_<SECTION>__<FIELD>`) and, below it, from
the TOML file that TRUNKLINE_CONFIG names. The reference page is generated.
"""

import os

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from trunkline.protocol.errors import SettingInvalidError
from trunkline_hub.admin.settings import AdminSettings
from trunkline_hub.agents.settings import AgentsSettings
from trunkline_hub.archive.settings import ArchiveSettings
from trunkline_hub.blobs.settings import BlobSettings
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.db.settings import DbSettings
from trunkline_hub.dead_letters.settings import DeadLetterSettings
from trunkline_hub.gateways.a2a.settings import A2ASettings
from trunkline_hub.gateways.mcp.settings import McpSettings
from trunkline_hub.idempotency.settings import IdempotencySettings
from trunkline_hub.index.settings import IndexSettings
from trunkline_hub.integrity.settings import IntegritySettings
from trunkline_hub.limits.settings import LimitsSettings
from trunkline_hub.outbound.settings import OutboundSettings
from trunkline_hub.queues.settings import QueuesSettings
from trunkline_hub.replays.settings import ReplaySettings
from trunkline_hub.schemas.settings import SchemasSettings
from trunkline_hub.security.settings import SecuritySettings
from trunkline_hub.tasks.settings import TasksSettings
from trunkline_hub.telemetry.settings import TelemetrySettings
from trunkline_hub.web.settings import WebSettings


class Settings(BaseSettings):
    """A hub's settings."""

    model_config = SettingsConfigDict(env_prefix="TRUNKLINE_", env_nested_delimiter="__", extra="ignore")

    hub_id: str = Field(default="hub-1", pattern=r"^[A-Za-z0-9_-]{1,63}$", description="Name of this hub in a cluster.")
    web: WebSettings = Field(default_factory=WebSettings)
    limits: LimitsSettings = Field(default_factory=LimitsSettings)
    idempotency: IdempotencySettings = Field(default_factory=IdempotencySettings)
    db: DbSettings = Field(default_factory=DbSettings)
    bus: BusSettings = Field(default_factory=BusSettings)
    blobs: BlobSettings = Field(default_factory=BlobSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)
    security: SecuritySettings = Field(default_factory=SecuritySettings)
    queues: QueuesSettings = Field(default_factory=QueuesSettings)
    dead_letters: DeadLetterSettings = Field(default_factory=DeadLetterSettings)
    archive: ArchiveSettings = Field(default_factory=ArchiveSettings)
    replays: ReplaySettings = Field(default_factory=ReplaySettings)
    integrity: IntegritySettings = Field(default_factory=IntegritySettings)
    index: IndexSettings = Field(default_factory=IndexSettings)
    schemas: SchemasSettings = Field(default_factory=SchemasSettings)
    tasks: TasksSettings = Field(default_factory=TasksSettings)
    agents: AgentsSettings = Field(default_factory=AgentsSettings)
    admin: AdminSettings = Field(default_factory=AdminSettings)
    outbound: OutboundSettings = Field(default_factory=OutboundSettings)
    mcp: McpSettings = Field(default_factory=McpSettings)
    a2a: A2ASettings = Field(default_factory=A2ASettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the file."""
        file = os.environ.get("TRUNKLINE_CONFIG")
        sources = (init_settings, env_settings)
        return (*sources, TomlConfigSettingsSource(settings_cls, toml_file=file)) if file else sources


def load() -> Settings:
    """Read the settings.

    Raises:
        SettingInvalidError: names the setting and what is wrong with it.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(step) for step in first["loc"])
        raise SettingInvalidError(f"{name}: {first['msg']}") from None
