"""Settings of the bus."""

from pydantic import BaseModel, Field, SecretStr

from trunkline.protocol.frames import Connection
from trunkline.protocol.subjects import inbox_prefix


class BusSettings(BaseModel):
    """How the hub reaches NATS, and how much it may store there."""

    urls: list[str] = Field(default=[], description="NATS server URLs. `trunkline serve` fills in the embedded one.")
    client_urls: list[str] = Field(
        default=[], description="NATS URLs that agents are told to connect to; `urls` when empty."
    )
    user: str = Field(default="hub", description="The hub's user in the NATS account that holds the streams.")
    password: SecretStr = Field(default=SecretStr(""), description="Password of `user`.")
    auth_user: str = Field(default="auth", description="User that answers the auth callout.")
    auth_password: SecretStr = Field(default=SecretStr(""), description="Password of `auth_user`.")
    sys_user: str = Field(default="sys", description="User of the NATS system account.")
    sys_password: SecretStr = Field(
        default=SecretStr(""), description="Password of `sys_user`; without it, revoked tokens keep open connections."
    )
    issuer_seed: SecretStr = Field(
        default=SecretStr(""), description="Account nkey seed that signs user permissions (`auth_callout.issuer`)."
    )
    account: str = Field(default="TRUNKLINE", description="NATS account that holds the streams.")
    replicas: int = Field(default=1, ge=1, le=5, description="Copies of each stream in a cluster.")
    events_max_bytes: int = Field(
        default=8 * 2**30, ge=2**20, description="Size of a workspace's event log; the oldest leave first."
    )
    events_max_age_s: int = Field(default=30 * 86400, ge=120, description="Age at which events leave the log, seconds.")
    tasks_max_bytes: int = Field(
        default=4 * 2**30,
        ge=2**20,
        description="Size of each stream that a workspace's queues share; when full, publishers wait.",
    )
    dead_max_bytes: int = Field(default=2 * 2**30, ge=2**20, description="Size of a workspace's dead letters.")
    attempts_max_age_s: int = Field(
        default=30 * 86400, ge=120, description="Age at which records of failed attempts are deleted, seconds."
    )
    schedule_max_bytes: int = Field(
        default=4 * 2**30,
        ge=2**20,
        description="Size of a workspace's delayed messages; beyond it, new ones are refused.",
    )
    receipts_max_bytes: int = Field(
        default=256 * 2**20, ge=2**20, description="Size of a workspace's receipts of handled messages."
    )
    receipts_max_age_s: int = Field(
        default=7 * 86400, ge=120, description="Age at which receipts of handled messages are deleted, seconds."
    )
    work_max_bytes: int = Field(
        default=2 * 2**30, ge=2**20, description="Size of a workspace's courses of tasks; the oldest leave first."
    )
    work_max_age_s: int = Field(
        default=7 * 86400, ge=3600, description="Age at which a task's events leave its course, seconds."
    )
    max_consumers: int = Field(default=100_000, ge=1, description="Readers that one stream may have.")
    heartbeat_s: float = Field(default=5.0, gt=0, description="Interval of agents' heartbeats, seconds.")

    def connection_for(self, workspace: str, principal: str, *, governed: tuple[bool, bool]) -> Connection:
        """Return what a client needs to reach the bus as `principal`; `governed` are its events and its tasks."""
        return Connection(
            urls=self.client_urls or self.urls,
            workspace=workspace,
            principal=principal,
            inbox_prefix=inbox_prefix(principal),
            heartbeat_s=self.heartbeat_s,
            governed_events=governed[0],
            governed_tasks=governed[1],
        )
