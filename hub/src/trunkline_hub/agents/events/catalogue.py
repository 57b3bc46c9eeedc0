"""Keeps the index of every workspace in step, so that questions need not wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

import structlog

from trunkline.protocol.errors import UnavailableError
from trunkline_hub.agents.service.catalogue import CHANGED
from trunkline_hub.agents.service.finding import Finder
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.core.component import Component
from trunkline_hub.core.rounds import rounds

_log = structlog.get_logger("catalogue")
_ANYWAY_S = 30.0


class CatalogueKeeper(Component):
    """Brings the index in step whenever something changed."""

    name: ClassVar[str] = "catalogue"

    def __init__(self, finder: Finder, news: HubNews, workspaces: Callable[[], Awaitable[list[str]]]) -> None:
        super().__init__()
        self._finder = finder
        self._workspaces = workspaces
        self._changed = asyncio.Event()
        news.on(CHANGED, self._wake)

    async def run(self) -> None:
        self.started.set()
        try:
            async for _ in rounds(self._changed, _ANYWAY_S):
                await self._catch_up()
        finally:
            await self._finder.close()

    async def _catch_up(self) -> None:
        try:
            for workspace in await self._workspaces():
                await self._finder.catch_up(workspace)
        except UnavailableError as error:
            _log.warning("index_not_in_step", error=str(error))

    async def _wake(self) -> None:
        self._changed.set()
