"""What happens by itself: remembered de-duplication keys are forgotten when their window is over."""

import asyncio
from typing import ClassVar, Literal

from trunkline_hub.core.component import Component
from trunkline_hub.db import Database
from trunkline_hub.queues import store

_SWEEP_S = 30.0
_BATCH = 1000


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
