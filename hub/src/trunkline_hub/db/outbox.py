"""The relay: committed facts leave for the event log, in order, at least once.

The broker's duplicate window turns that into once: a fact's id is its message id.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import ClassVar, Literal

from sqlalchemy import select

from trunkline_hub.core.component import Component
from trunkline_hub.db import tables
from trunkline_hub.db.engine import Database

_BATCH = 200
_IDLE_S = 2.0

Send = Callable[[str, str, str, bytes], Awaitable[None]]
"""(workspace, event type, id, envelope) → stored by the broker."""


class OutboxRelay(Component):
    """Moves facts from the outbox to the bus."""

    name: ClassVar[str] = "outbox-relay"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, db: Database, send: Send, pass_on: Callable[[], None]) -> None:
        """`pass_on` tells the hub that runs the relay, when this one does not."""
        super().__init__()
        self._db = db
        self._send = send
        self._pass_on = pass_on
        self._wake = asyncio.Event()
        self._running = False
        db.on_outbox = self._noted

    async def run(self) -> None:
        self.started.set()
        self._running = True
        try:
            while True:
                self._wake.clear()
                while await self._relay_some() == _BATCH:
                    pass
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_S):
                        await self._wake.wait()
        finally:
            self._running = False

    async def look(self) -> None:
        """Look at once: another hub has committed facts."""
        self._wake.set()

    def _noted(self) -> None:
        if self._running:
            self._wake.set()
        else:
            self._pass_on()

    async def _relay_some(self) -> int:
        async with self._db.read() as tx:
            rows = (await tx.execute(select(tables.outbox).order_by(tables.outbox.c.id).limit(_BATCH))).all()
        if not rows:
            return 0
        await asyncio.gather(*(self._send(row.workspace_id, row.type, row.id, row.envelope) for row in rows))
        async with self._db.write() as tx:
            await tx.execute(tables.outbox.delete().where(tables.outbox.c.id.in_([row.id for row in rows])))
        return len(rows)
