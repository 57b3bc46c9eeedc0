"""The A2A library's side of the gateway, loaded when somebody first speaks A2A: a hub's start does not wait for it."""

import asyncio
import importlib
from typing import Any

_ENGINE = "trunkline_hub.gateways.a2a.providers.sdk"


class Engines:
    """Gives the one engine of this hub, made of what it was told at the start."""

    def __init__(self, **parts: Any) -> None:
        self._parts = parts
        self._engine: Any = None
        self._loading = asyncio.Lock()

    async def get(self) -> Any:
        """Return the engine; the first who asks has it loaded, in a thread."""
        if self._engine is None:
            async with self._loading:
                if self._engine is None:
                    module = await asyncio.to_thread(importlib.import_module, _ENGINE)
                    self._engine = module.Engine(**self._parts)
        return self._engine
