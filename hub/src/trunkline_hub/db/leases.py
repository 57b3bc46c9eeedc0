"""Leases in SQL: which hub of many runs the components of scope `one`."""

import time
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from trunkline_hub.core.clock import Clock
from trunkline_hub.db import tables
from trunkline_hub.db.engine import Database


class SqlLeases:
    """Leases held in the hub's own database, with fencing numbers that only grow.

    A lease is free when its time is up, or when nobody has renewed it for as
    long as it lasts: clocks jump, and a dead holder's expiry may lie hours ahead.
    """

    def __init__(self, db: Database, clock: Clock, *, holder: str, ttl_s: float = 10.0) -> None:
        self.ttl_s = ttl_s
        self._db = db
        self._clock = clock
        self._holder = holder
        self._seen: dict[str, tuple[Any, float]] = {}
        """Another's lease as it was when last it changed, and since when, by this process's own seconds."""

    async def acquire(self, name: str) -> int | None:
        """Take or renew the lease `name`; its fencing number, or None while another hub holds it."""
        now = self._clock.now()
        until = now + timedelta(seconds=self.ttl_s)
        table = tables.leases
        try:
            async with self._db.write() as tx:
                row = (await tx.execute(select(table).where(table.c.name == name).with_for_update())).first()
                if row is None:
                    values = {"name": name, "holder": self._holder, "fence": 1, "expires_at": until}
                    await tx.execute(table.insert(), values)
                    return 1
                if row.holder != self._holder and row.expires_at > now and not self._is_stale(name, row):
                    return None
                fence: int = row.fence if row.holder == self._holder else row.fence + 1
                update = table.update().where(table.c.name == name)
                await tx.execute(update.values(holder=self._holder, fence=fence, expires_at=until))
                return fence
        except IntegrityError:  # another hub inserted it first
            return None

    def _is_stale(self, name: str, row: Any) -> bool:
        state = (row.holder, row.fence, row.expires_at)
        seen, since = self._seen.get(name, (None, 0.0))
        if seen != state:
            self._seen[name] = (state, time.monotonic())
            return False
        return time.monotonic() - since > self.ttl_s

    async def release(self, name: str) -> None:
        """Give the lease back, so that another hub need not wait for it to expire."""
        table = tables.leases
        mine = (table.c.name == name) & (table.c.holder == self._holder)
        async with self._db.write() as tx:
            await tx.execute(table.update().where(mine).values(expires_at=self._clock.now()))
