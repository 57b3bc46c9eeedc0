"""MCP over HTTP: the mounts themselves, and the REST side of upstreams and toolsets."""

from trunkline_hub.gateways.mcp.api.door import Door, mounts
from trunkline_hub.gateways.mcp.api.rest import router

__all__ = ["Door", "mounts", "router"]
