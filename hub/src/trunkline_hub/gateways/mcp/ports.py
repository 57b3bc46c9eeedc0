"""What MCP needs from elsewhere: the library's side of it, loaded when first used, and who is in the catalogue."""

from collections.abc import Callable
from typing import Any, Protocol

from trunkline.protocol.frames import Progress
from trunkline.protocol.resources import McpUpstreamDeclaration
from trunkline_hub.gateways.mcp.model import Offer
from trunkline_hub.gateways.mcp.model.asked import Answers

Report = Callable[[Progress], None]


def unheard(_progress: Progress) -> None:
    """A report that nobody listens to."""


class Link(Protocol):
    """A connection to one MCP server that is rebuilt by itself."""

    state: str
    detail: str

    async def run(self) -> None:
        """Stay connected until cancelled."""
        ...

    async def call_tool(
        self, name: str, arguments: dict[str, Any], report: Report, timeout_s: float, answers: Answers | None = None
    ) -> Any:
        """Call a tool, maybe with answers to what it asked before, and return its output as a skill's, or `Asked`.

        Raises:
            McpUpstreamUnavailableError, McpUpstreamBrokenError, CallFailedError, CallTimeoutError, OutboundErrors
        """
        ...

    def refresh(self) -> None:
        """Read its offer anew, now."""
        ...


class Dialer(Protocol):
    """Looks at MCP servers."""

    async def look(self, wanted: McpUpstreamDeclaration) -> Offer:
        """Connect once and return what the server brings.

        Raises:
            McpUpstreamBrokenError, OutboundErrors
        """
        ...
