"""Names, schemas, search and rules of MCP. Pure."""

from trunkline_hub.gateways.mcp.model.offer import (
    Offer,
    OfferedTool,
    arguments_of,
    as_registration,
    changes_of,
    news_of,
    skills_of,
)
from trunkline_hub.gateways.mcp.model.search import ranked
from trunkline_hub.gateways.mcp.model.tools import Tool, as_arguments, chosen, tools_of
from trunkline_hub.gateways.mcp.model.upstream import check_command, check_toolset, check_upstream

__all__ = [
    "Offer",
    "OfferedTool",
    "Tool",
    "arguments_of",
    "as_arguments",
    "as_registration",
    "changes_of",
    "check_command",
    "check_toolset",
    "check_upstream",
    "chosen",
    "news_of",
    "ranked",
    "skills_of",
    "tools_of",
]
