"""What happens by itself: pages are opened; remembered de-duplication keys are forgotten when their window is over."""

import asyncio
import contextlib
from typing import ClassVar, Literal

from trunkline_hub.bus import QueueStream, Reconciler
from trunkline_hub.core.component import Component
from trunkline_hub.db import Database
from trunkline_hub.queues import store

_SWEEP_S = 30.0
_BATCH = 1000


class PageOpener:
    """Opens a further page when those that a workspace has are full."""

    def __init__(self, db: Database, reconciler: Reconciler, *, size: int) -> None:
        self._db = db
        self._reconciler = reconciler
        self._size = size

    async def make_room(self, workspace: str, consumers: int) -> None:
        """See to a page with room for so many: first the stream, then the word of it.

        While the broker refuses, the present pages get fuller.
        """
        async with self._db.read() as tx:
            pages = await store.pages(tx, workspace, self._size)
        if pages.with_room(consumers) is not None:
            return
        page = pages.last + 1
        if await self._reconciler.ensure_stream(QueueStream(workspace=workspace, page=page)):
            with contextlib.suppress(store.PageTakenError):
                async with self._db.write() as tx:
                    await store.open_page(tx, workspace, page)


class DedupeSweep(Component):
    """Deletes keys whose window is over, some at a time."""

    name: ClassVar[str] = "dedupe-sweep"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, db: Database, *, interval_s: float = _SWEEP_S) -> None:
        super().__init__()
        self._db = db
        self._interval_s = interval_s

    async def run(self) -> None:
        self.started.set()
        while True:
            await asyncio.sleep(self._interval_s)
            while await self.sweep() == _BATCH:
                pass

    async def sweep(self) -> int:
        """Delete up to a batch; how many."""
        async with self._db.write() as tx:
            return await store.forget_expired(tx, limit=_BATCH)
