"""Settings of A2A."""

from pydantic import BaseModel, Field, SecretStr


class A2ASettings(BaseModel):
    """How agents are reached by A2A, and which A2A agents are taken in."""

    streaming: bool = Field(default=True, description="Offer streams to A2A clients.")
    push_notifications: bool = Field(default=True, description="Offer push notifications to A2A clients.")
    extended_cards: bool = Field(default=True, description="Offer extended agent cards to A2A clients.")
    required_extensions: list[str] = Field(
        default_factory=list, description="URIs of A2A extensions without which nobody may send a message."
    )
    public_cards: bool = Field(
        default=False, description="Show agent cards to those without a token. Extended cards always need one."
    )
    legacy_cards: bool = Field(
        default=False,
        description="Add to every card what clients of A2A 0.3 look for; else they get it at `.well-known/agent.json`.",
    )
    card_max_age_s: int = Field(default=60, ge=0, description="How long clients may keep an agent card, seconds.")
    signing_key: SecretStr = Field(
        default=SecretStr(""),
        description="Private key (PEM, P-256) that agent cards are signed with; each workspace makes one where none is given.",
    )
    grpc_port: int | None = Field(
        default=None, ge=0, le=65535, description="TCP port of the gRPC binding; not served where none is given."
    )
    grpc_host: str = Field(default="127.0.0.1", description="Address that the gRPC binding listens on.")
    grpc_public: str = Field(default="", description="`host:port` of the gRPC binding as clients reach it.")
    grpc_default: str = Field(
        default="", description="`workspace/agent` for gRPC requests that name none, by tenant or metadata."
    )
    wait_s: float = Field(default=300.0, gt=0, description="Longest a blocking message waits for its task, seconds.")
    call_timeout_s: float = Field(default=300.0, gt=0, le=300, description="Longest call of a plain skill, seconds.")
    push_attempts: int = Field(default=10, ge=1, le=50, description="How often a push notification is tried.")
    refresh_s: float = Field(
        default=300.0, ge=1, description="How often the card of an imported agent is read, seconds."
    )
    poll_s: float = Field(
        default=10.0, ge=0.1, description="How often a remote task is looked at that waits for its caller, seconds."
    )
    approve_changes: bool = Field(
        default=False, description="Go on with the approved card of an imported agent until a change is approved."
    )
    require_signatures: bool = Field(
        default=False, description="Take in only agents whose card is signed with a key that is trusted."
    )
    trusted_keys: list[str] = Field(
        default_factory=list,
        description="Keys that cards of A2A agents are signed with: JWKs as JSON, or URLs of JWKS.",
    )
    anonymous: list[str] = Field(
        default_factory=list,
        description="Scopes of callers from this machine without a token, for conformance runs; only where the hub listens on loopback.",
    )
