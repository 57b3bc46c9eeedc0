"""What a client says of itself."""

from typing import Any

from mcp.server.context import ServerRequestContext

ERA = "2026-07-28"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"


def capabilities(ctx: ServerRequestContext[Any, Any]) -> dict[str, Any]:
    """Return what the client of a request of the 2026 era says it can do."""
    meta = (ctx.params or {}).get("_meta")
    found = meta.get(CAPABILITIES) if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else {}
