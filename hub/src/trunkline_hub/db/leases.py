"""Leases in SQL: which hub of many runs the components of scope `one`."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from trunkline_hub.core.clock import Clock
from trunkline_hub.db import tables
from trunkline_hub.db.engine import Database


class SqlLeases:
    """Leases held in the hub's own database, with fencing numbers that only grow."""

    def __init__(self, db: Database, clock: Clock, *, holder: str, ttl_s: float = 10.0) -> None:
        self.ttl_s = ttl_s
        self._db = db
        self._clock = clock
        self._holder = holder

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
                if row.holder != self._holder and row.expires_at > now:
                    return None
                fence: int = row.fence if row.holder == self._holder else row.fence + 1
                update = table.update().where(table.c.name == name)
                await tx.execute(update.values(holder=self._holder, fence=fence, expires_at=until))
                return fence
        except IntegrityError:  # another hub inserted it first
            return None

    async def release(self, name: str) -> None:
        """Give the lease back, so that another hub need not wait for it to expire."""
        table = tables.leases
        mine = (table.c.name == name) & (table.c.holder == self._holder)
        async with self._db.write() as tx:
            await tx.execute(table.update().where(mine).values(expires_at=self._clock.now()))
