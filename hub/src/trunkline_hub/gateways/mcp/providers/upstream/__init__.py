"""The hub as a client of MCP servers, of both eras, over HTTP and stdio."""

from trunkline_hub.gateways.mcp.providers.upstream.link import UpstreamLink, look
from trunkline_hub.gateways.mcp.providers.upstream.transport import dial

__all__ = ["UpstreamLink", "dial", "look"]
