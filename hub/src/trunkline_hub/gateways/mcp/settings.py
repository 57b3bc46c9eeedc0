"""Settings of MCP."""

from pydantic import BaseModel, Field


class McpSettings(BaseModel):
    """What the hub offers by MCP, and which MCP servers it may use."""

    anonymous: bool = Field(
        default=False,
        description="Let callers without a token use MCP from this machine; for conformance runs, on loopback only.",
    )
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="Host headers that MCP answers to besides loopback and `web.public_url`; name or name:port.",
    )
    allowed_origins: list[str] = Field(
        default_factory=list, description="Origins of browsers that may use MCP besides the hub's own."
    )
    authorization_servers: list[str] = Field(
        default_factory=list, description="Issuers whose tokens the hub accepts, told to clients by RFC 9728."
    )
    stdio_commands: list[str] = Field(
        default_factory=list,
        description="Commands that upstreams may be started with on the hub's machine; none by default.",
    )
    max_processes: int = Field(
        default=32, ge=1, description="Most processes of stdio upstreams that are passed through, on each hub."
    )
    process_idle_s: float = Field(
        default=1800.0, gt=0, description="After so long without a request such a process, or session, ends; seconds."
    )
    call_timeout_s: float = Field(default=300.0, gt=0, le=300, description="Longest tool call, seconds.")
    connect_s: float = Field(
        default=20.0, gt=0, description="Time to connect to an upstream and read its offer, seconds."
    )
    approve_changes: bool = Field(
        default=False,
        description="Go on with the approved tools and instructions of an upstream until a change of them is approved.",
    )
    refresh_s: float = Field(default=300.0, ge=1, description="How often an upstream's tools are read anew, seconds.")
    tools_listed: int = Field(
        default=100, ge=1, description="Above so many tools only `search_tools` and `call_tool` are listed."
    )
    max_tools: int = Field(default=2000, ge=1, description="Most tools that are taken over from one upstream.")
    max_sessions: int = Field(default=1000, ge=1, description="Most open sessions of the 2025 era, on each hub.")
