"""The hub as an MCP server: the tools of a workspace in both eras at one URL."""

from trunkline_hub.gateways.mcp.providers.server.server import SkillServer

__all__ = ["SkillServer"]
