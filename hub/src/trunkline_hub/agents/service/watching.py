"""Following the catalogue: what changes, as it changes, on whichever hub it was changed."""

import asyncio
from collections.abc import AsyncIterator

from trunkline.protocol.resources import AgentChange
from trunkline_hub.agents.service.catalogue import CHANGED
from trunkline_hub.agents.service.finding import Finder
from trunkline_hub.bus.hubs import HubNews

_HEARTBEAT_S = 5.0
"""News are best effort: whoever misses them looks so often."""


class Watching:
    """Tells those who watch that there is something new."""

    def __init__(self, finder: Finder, news: HubNews) -> None:
        self._finder = finder
        self._changed = asyncio.Event()
        news.on(CHANGED, self._tell)

    async def now(self, workspace: str) -> int:
        """Return the revision of now, to begin with."""
        return await self._finder.revision(workspace)

    async def changes(self, workspace: str, after: int) -> AsyncIterator[AgentChange | None]:
        """Yield what changed `after` a revision; None when there was nothing for a while."""
        seen = after
        while True:
            changed = self._changed
            found = await self._finder.changes(workspace, seen)
            for one in found:
                seen = one.revision
                yield one
            if not found:
                try:
                    async with asyncio.timeout(_HEARTBEAT_S):
                        await changed.wait()
                except TimeoutError:
                    yield None

    async def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
