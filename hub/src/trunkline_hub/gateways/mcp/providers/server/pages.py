"""Lists, page by page."""

from collections.abc import Sequence

from trunkline_hub.core.page import decode_cursor, encode_cursor
from trunkline_hub.gateways.mcp.model import Tool
from trunkline_hub.gateways.mcp.providers.server.errors import as_protocol_errors

_PAGE = 200


def page_of(tools: Sequence[Tool], cursor: str | None) -> tuple[list[Tool], str | None]:
    """Return a page by name, and where the next begins."""
    with as_protocol_errors():
        after = decode_cursor(cursor)
    ordered = sorted((tool for tool in tools if after is None or tool.name > after), key=lambda tool: tool.name)
    shown = ordered[:_PAGE]
    return shown, encode_cursor(shown[-1].name) if len(ordered) > _PAGE else None
