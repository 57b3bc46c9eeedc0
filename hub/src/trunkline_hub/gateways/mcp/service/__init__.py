"""Verbs of MCP: upstreams, toolsets, and the desk at which tools are listed and called."""

from trunkline_hub.gateways.mcp.service.desk import Desk, Mount
from trunkline_hub.gateways.mcp.service.keys import Keys, Seal
from trunkline_hub.gateways.mcp.service.toolsets import Toolsets
from trunkline_hub.gateways.mcp.service.upstreams import Upstreams

__all__ = ["Desk", "Keys", "Mount", "Seal", "Toolsets", "Upstreams"]
