"""Queues over HTTP."""

from typing import Any

from trunkline.declaring import Queue
from trunkline.http import segment
from trunkline.protocol import frames, resources
from trunkline.rest.queue_control import QueueControlApi


class QueuesApi(QueueControlApi):
    """Queues and what waits in them."""

    async def list(self, **filters: Any) -> resources.QueuePage:
        """List queues; filters: `text`, `limit`, `cursor`."""
        return await self._api.get("/queues", resources.QueuePage, **filters)

    async def get(self, name: str) -> resources.Queue:
        """Return one queue with its depth, or raise QueueUnknownError."""
        return await self._api.get(f"/queues/{segment(name)}", resources.Queue)

    async def declaration(self, name: str) -> resources.QueueSettings:
        """Return a queue's settings and its page alone, or raise QueueUnknownError."""
        return await self._api.get(f"/queues/{segment(name)}/declaration", resources.QueueSettings)

    async def declare(
        self, queue: str | Queue, declaration: resources.QueueDeclaration | None = None
    ) -> resources.Queue:
        """Create a queue or change its settings.

        Raises:
            RequestInvalidError: names each setting that is wrong.
            QueueInUseError: a setting that needs an empty queue, and it is not.
        """
        name = queue.name if isinstance(queue, Queue) else queue
        wanted = queue.declaration() if isinstance(queue, Queue) else declaration or resources.QueueDeclaration()
        return await self._api.put(f"/queues/{segment(name)}", resources.Queue, wanted)

    async def preview(self, name: str, declaration: resources.QueueDeclaration) -> resources.QueueDeclaration:
        """Return the settings that `declare` would leave, without changing anything; raises as it would."""
        return await self._api.post(
            f"/queues/{segment(name)}/declaration/preview", resources.QueueDeclaration, declaration
        )

    async def enqueue(self, name: str, request: resources.EnqueueRequest) -> frames.Ack:
        """Put work into a queue through the hub."""
        return await self._api.post(f"/queues/{segment(name)}/messages", frames.Ack, request)
