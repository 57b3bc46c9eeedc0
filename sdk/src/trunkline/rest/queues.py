"""Queues over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources


class QueuesApi:
    """Queues and what waits in them."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.QueuePage:
        """List queues; filters: `limit`, `cursor`."""
        return await self._api.get("/queues", resources.QueuePage, **filters)

    async def get(self, name: str) -> resources.Queue:
        """Return one queue with its depth, or raise QueueUnknownError."""
        return await self._api.get(f"/queues/{segment(name)}", resources.Queue)

    async def exists(self, name: str) -> None:
        """Raise QueueUnknownError unless the queue is declared."""
        await self._api.get(f"/queues/{segment(name)}/declaration", resources.QueueDeclaration)

    async def declare(self, name: str, declaration: resources.QueueDeclaration) -> resources.Queue:
        """Create a queue or change its settings."""
        return await self._api.put(f"/queues/{segment(name)}", resources.Queue, declaration)
