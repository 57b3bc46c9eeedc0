"""Queues over HTTP."""

from typing import Any

from trunkline.http import segment
from trunkline.protocol import resources
from trunkline.rest.queue_control import QueueControlApi


class QueuesApi(QueueControlApi):
    """Queues and what waits in them."""

    async def list(self, **filters: Any) -> resources.QueuePage:
        """List queues; filters: `text`, `limit`, `cursor`."""
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
