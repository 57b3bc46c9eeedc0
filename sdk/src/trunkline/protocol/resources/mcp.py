"""MCP servers that became agents, and sets of tools."""

from typing import Any, Literal

import msgspec

from trunkline.protocol.resources.change import Change

McpTransport = Literal["streamable-http", "stdio"]


class McpUpstreamDeclaration(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An MCP server to use, and how to reach it."""

    transport: McpTransport = "streamable-http"
    url: str = ""
    command: list[str] = []
    """For `stdio`: the command and its arguments; an operator must allow the command."""
    env: dict[str, str] = {}
    """For `stdio`: more environment. Never shown again."""
    headers: dict[str, str] = {}
    """Sent with every request, such as `Authorization`: the hub's own credentials. Never shown again."""
    prefix: str | None = None
    """Stands before each tool's name in the skill's; None: the upstream's name and a dot."""
    description: str = ""


class McpTool(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A tool of an upstream, and the skill it becomes."""

    name: str
    skill: str
    title: str = ""
    description: str = ""
    input_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] | None = None


class McpOffer(msgspec.Struct, kw_only=True):
    """What an MCP server brings."""

    server: str
    version: str
    instructions: str
    versions: list[str]
    """Protocol revisions it was found to speak."""
    tools: list[McpTool]
    resources: int
    templates: int
    prompts: list[str]
    completion: bool


class McpUpstream(msgspec.Struct, kw_only=True):
    """An MCP server that is an agent of the catalogue under the same name."""

    name: str
    transport: McpTransport
    url: str
    command: list[str]
    header_names: list[str]
    env_names: list[str]
    prefix: str
    description: str
    state: Literal["new", "connected", "failing"]
    detail: str
    """What ails it."""
    server: str
    version: str
    versions: list[str]
    tools: int
    created_by: str
    created_at: str
    refreshed_at: str | None
    changes: list[Change]
    """How what it offers now differs from what was approved, where that waits for approval: its instructions, and its
    tools by name."""


class McpUpstreamPage(msgspec.Struct, kw_only=True):
    items: list[McpUpstream]
    next: str | None = None


class ToolsetDeclaration(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which tools a client is offered that asks for this set: those that any of these names."""

    skills: list[str] = []
    """Names of skills, or patterns with `*` and `?`."""
    tags: list[str] = []
    agents: list[str] = []
    description: str = ""


class Toolset(msgspec.Struct, kw_only=True):
    """A stored set of tools: `/mcp/w/<workspace>?toolset=<name>`."""

    name: str
    declaration: ToolsetDeclaration
    updated_by: str
    updated_at: str


class ToolsetPage(msgspec.Struct, kw_only=True):
    items: list[Toolset]
    next: str | None = None
