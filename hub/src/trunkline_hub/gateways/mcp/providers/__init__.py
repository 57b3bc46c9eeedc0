"""What speaks MCP through the `mcp` library.

Importing that library takes half a second, which a hub without MCP should not
pay at each start: these modules are loaded when first used.
"""

import asyncio
from importlib import import_module
from typing import Any


async def load(name: str) -> Any:
    """Return the provider module `name`, loaded beside the event loop."""
    return await asyncio.to_thread(import_module, f"{__name__}.{name}")
