"""What runs: connections to upstreams, their tasks, and the server of MCP itself."""

from trunkline_hub.gateways.mcp.events.doer import UpstreamTasks
from trunkline_hub.gateways.mcp.events.server import McpServer
from trunkline_hub.gateways.mcp.events.stdio import StdioUpstreams
from trunkline_hub.gateways.mcp.events.upstreams import SdkDialer, UpstreamRunner

__all__ = ["McpServer", "SdkDialer", "StdioUpstreams", "UpstreamRunner", "UpstreamTasks"]
