"""Operating queues over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources


class QueueControlApi:
    """Steer queues, look into them, and move what is in them."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def admits(self, name: str) -> None:
        """Raise QueueUnknownError or QueueDrainingError unless the queue takes work in."""
        await self._api.get(f"/queues/{segment(name)}/admission", resources.QueueStatus)

    async def pause(self, name: str, *, reason: str = "") -> resources.QueueStatus:
        """Hand out nothing from now on; senders go on, and workers finish what they have."""
        return await self._steer(name, "pause", reason)

    async def drain(self, name: str, *, reason: str = "") -> resources.QueueStatus:
        """Take nothing in from now on; workers finish what is there."""
        return await self._steer(name, "drain", reason)

    async def resume(self, name: str, *, reason: str = "") -> resources.QueueStatus:
        """End a pause or a drain."""
        return await self._steer(name, "resume", reason)

    async def peek(self, name: str, **filters: Any) -> resources.QueuedMessagePage:
        """Look at messages without taking them, oldest first; filters: `type`, `sender`, `key`, `since`, `limit`, `cursor`."""
        return await self._api.get(f"/queues/{segment(name)}/peek", resources.QueuedMessagePage, **filters)

    async def message(self, name: str, seq: int) -> resources.QueuedMessage:
        """Look at one message, or raise QueueMessageUnknownError."""
        return await self._api.get(f"/queues/{segment(name)}/messages/{seq}", resources.QueuedMessage)

    async def cancel(self, name: str, seq: int, *, reason: str = "") -> resources.Cancelled:
        """Take a waiting message out for good.

        Raises:
            QueueMessageUnknownError: it is not there, or not any more.
            QueueMessageTakenError: a worker has it.
        """
        body = resources.Reason(reason=reason)
        return await self._api.post(f"/queues/{segment(name)}/messages/{seq}/cancel", resources.Cancelled, body)

    async def purge(self, name: str, request: resources.PurgeRequest) -> resources.QueueWork:
        """Count what the queue holds (`dry_run`), or begin a job that empties it.

        Raises:
            BulkCountError: the queue holds more than `expected_at_most`.
            QueueBusyError: other bulk work on the queue is under way.
        """
        return await self._api.post(f"/queues/{segment(name)}/purge", resources.QueueWork, request)

    async def move(self, name: str, request: resources.MoveRequest) -> resources.QueueWork:
        """Count what waits and matches (`dry_run`), or begin a job that moves it to another queue; raises as `purge`."""
        return await self._api.post(f"/queues/{segment(name)}/move", resources.QueueWork, request)

    async def delete(self, name: str, *, force: bool = False, reason: str = "") -> resources.QueueWork:
        """Delete a queue that is empty and unused; with `force` a job sends its rest to the dead letters first.

        Raises:
            QueueInUseError: it holds messages or has workers; use `force`.
        """
        body = resources.DeleteRequest(force=force, reason=reason)
        return await self._api.post(f"/queues/{segment(name)}/delete", resources.QueueWork, body)

    async def revisions(self, name: str, **filters: Any) -> resources.RevisionPage:
        """Return what the queue's settings were, newest first; filters: `limit`, `cursor`."""
        return await self._api.get(f"/queues/{segment(name)}/revisions", resources.RevisionPage, **filters)

    async def rollback(self, name: str, revision: int, *, note: str = "") -> resources.Queue:
        """Give the queue the settings of an earlier revision again."""
        body = resources.Rollback(revision=revision, note=note)
        return await self._api.post(f"/queues/{segment(name)}/rollback", resources.Queue, body)

    async def _steer(self, name: str, verb: str, reason: str) -> resources.QueueStatus:
        body = resources.Reason(reason=reason)
        return await self._api.post(f"/queues/{segment(name)}/{verb}", resources.QueueStatus, body)
