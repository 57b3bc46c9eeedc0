"""MCP: agents' skills as tools at one URL, and MCP servers as agents of the catalogue.

Both eras at the same address: 2026-07-28 without sessions, 2025-11-25 with
them. Nothing here imports the `mcp` library: `providers` do, when first used.
"""

from trunkline_hub.gateways.mcp.service import Desk, Toolsets, Upstreams
from trunkline_hub.gateways.mcp.settings import McpSettings

__all__ = ["Desk", "McpSettings", "Toolsets", "Upstreams"]
