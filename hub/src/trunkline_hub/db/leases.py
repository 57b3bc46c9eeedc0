"""Leases in SQL: which hub of many runs the components of scope `one`."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from trunkline_hub.core.clock import Clock
from trunkline_hub.db import tables
from trunkline_hub.db.engine import Database, Tx


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

    async def acquire(self, *names: str) -> dict[str, int]:
        """Take or renew leases, all in one transaction; the fencing numbers of those that are held now."""
        while True:
            try:
                async with self._db.write() as tx:
                    return await self._take(tx, names)
            except IntegrityError:  # another hub inserted one first, so it is there now
                continue

    async def _take(self, tx: Tx, names: Sequence[str]) -> dict[str, int]:
        now = self._clock.now()
        until = now + timedelta(seconds=self.ttl_s)
        table = tables.leases
        found = select(table).where(table.c.name.in_(names)).order_by(table.c.name).with_for_update()
        rows = {row.name: row for row in await tx.execute(found)}
        held = {}
        for name, row in rows.items():
            if row.holder == self._holder:
                held[name] = row.fence
            elif row.expires_at <= now or self._is_stale(name, row):
                held[name] = row.fence + 1
        values = [{"lease": name, "fence": fence} for name, fence in held.items()]
        if values:
            update = table.update().where(table.c.name == bindparam("lease"))
            await tx.execute(update.values(holder=self._holder, fence=bindparam("fence"), expires_at=until), values)
        fresh = [name for name in names if name not in rows]
        if fresh:
            mine = {"holder": self._holder, "fence": 1, "expires_at": until}
            await tx.execute(table.insert(), [{"name": name} | mine for name in fresh])
        return held | dict.fromkeys(fresh, 1)

    def _is_stale(self, name: str, row: Any) -> bool:
        state = (row.holder, row.fence, row.expires_at)
        seen, since = self._seen.get(name, (None, 0.0))
        if seen != state:
            self._seen[name] = (state, time.monotonic())
            return False
        return time.monotonic() - since > self.ttl_s

    async def release(self, *names: str) -> None:
        """Give leases back, so that another hub need not wait for them to expire."""
        table = tables.leases
        mine = table.c.name.in_(names) & (table.c.holder == self._holder)
        async with self._db.write() as tx:
            await tx.execute(table.update().where(mine).values(expires_at=self._clock.now()))
