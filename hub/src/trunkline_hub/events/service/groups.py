"""The groups that follow events, and how far behind each is."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import (
    BusUnavailableError,
    GroupInUseError,
    GroupUnknownError,
)
from trunkline.protocol.resources import Group, GroupPage
from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.progress import Progress, oldest_unsettled, progress_of_all
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.component import Component
from trunkline_hub.core.lookup import GroupWait, StoredEvent
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.events import model, store

_SAMPLE_S = 5.0
_SAMPLES = 4
"""A group's rate is taken over so many samples."""


class Groups(Component):
    """The groups that follow events: how far behind each is, and taking one away."""

    name: ClassVar[str] = "group-rates"

    def __init__(
        self, bus: HubBus, db: Database, clock: Clock, audit: Audit, workspaces: Callable[[], Awaitable[list[str]]]
    ) -> None:
        super().__init__()
        self._bus = bus
        self._db = db
        self._clock = clock
        self._audit = audit
        self._workspaces = workspaces
        self._samples: dict[tuple[str, str], deque[tuple[float, int]]] = {}

    async def run(self) -> None:
        self.started.set()
        while True:
            with contextlib.suppress(BusUnavailableError):
                for workspace in await self._workspaces():
                    self._sample(workspace, await progress_of_all(self._bus, workspace, "group"))
            await asyncio.sleep(_SAMPLE_S)

    async def page(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> GroupPage:
        """Return the groups by name, each with its lag."""
        rows = await store.page_groups(tx, workspace, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.name))
        found = await progress_of_all(self._bus, workspace, "group")
        items = await asyncio.gather(
            *(self._group(row, found.get(subjects.consumer("group", row.name))) for row in kept)
        )
        return GroupPage(items=items, next=after)

    async def get(self, tx: Tx, workspace: str, name: str) -> Group:
        """Return one group with its lag.

        Raises:
            GroupUnknownError
        """
        row = await self._row(tx, workspace, name)
        found = await progress_of_all(self._bus, workspace, "group")
        return await self._group(row, found.get(subjects.consumer("group", name)))

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str, *, force: bool) -> None:
        """Take a group away; the reconciler takes its cursor. What it had not handled, it never will.

        Raises:
            GroupUnknownError
            GroupInUseError: workers read as it, and no force is used.
        """
        await self._row(tx, workspace, name)
        if name.startswith(model.OF_A_HANDLER):
            raise GroupInUseError(f"Group {name!r} is the place of a declared handler; remove that")
        found = (await progress_of_all(self._bus, workspace, "group")).get(subjects.consumer("group", name))
        if not force and found is not None and (found.pulls_waiting or found.in_flight):
            raise GroupInUseError(f"Group {name!r} has {found.in_flight} events in workers' hands, or workers waiting")
        await store.remove_group(tx, workspace, name)
        waiting = found.waiting if found is not None else 0
        await self._audit.record(tx, workspace, by.name, "group.removed", f"group/{name}", waiting=waiting, force=force)
        await tx.emit(workspace, "trunkline.group.removed", {"group": name}, subject=name)

    async def waits(self, workspace: str, events: Sequence[StoredEvent]) -> dict[int, list[GroupWait]]:
        """Return which groups have not settled which events, by place; a settled one may be among those in flight."""
        async with self._db.read() as tx:
            rows = [row for row in await store.all_groups(tx) if row.workspace_id == workspace]
        found = await progress_of_all(self._bus, workspace, "group") if rows else {}
        waits: dict[int, list[GroupWait]] = {}
        for row in rows:
            progress = found.get(subjects.consumer("group", row.name))
            for event in events if progress is not None else ():
                assert progress is not None
                if _gets(row, progress, event) and event.seq > progress.settled_up_to:
                    waits.setdefault(event.seq, []).append(
                        GroupWait(row.name, "waiting" if event.seq > progress.delivered_up_to else "in_flight")
                    )
        return waits

    async def _row(self, tx: Tx, workspace: str, name: str) -> Any:
        row = await store.get_group(tx, workspace, name)
        if row is None:
            raise GroupUnknownError(f"There is no group {name!r} in workspace {workspace!r}")
        return row

    async def _group(self, row: Any, found: Progress | None) -> Group:
        oldest: datetime | None = None
        if found is not None:
            stored = await oldest_unsettled(self._bus, subjects.events_stream(row.workspace_id), found)
            oldest = stored.stored_at if stored is not None else None
        age = None if oldest is None else max(0.0, round((self._clock.now() - oldest).total_seconds(), 3))
        return Group(
            name=row.name, types=row.types, retry=msgspec.convert(row.retry, frames.RetryPolicy),
            ack_wait_s=row.ack_wait_s, waiting=found.waiting if found else 0, in_flight=found.in_flight if found else 0,
            redelivered=found.redelivered if found else 0, workers_waiting=found.pulls_waiting if found else 0,
            oldest_unhandled_at=None if oldest is None else rfc3339(oldest), oldest_unhandled_s=age,
            rate_per_s=self._rate(row.workspace_id, row.name), created_at=rfc3339(row.created_at),
        )  # fmt: skip

    def _sample(self, workspace: str, found: dict[str, Progress]) -> None:
        now = asyncio.get_running_loop().time()
        for name, progress in found.items():
            self._samples.setdefault((workspace, name), deque(maxlen=_SAMPLES)).append((now, progress.settled))
        gone = [key for key in self._samples if key[0] == workspace and key[1] not in found]
        for key in gone:
            del self._samples[key]

    def _rate(self, workspace: str, name: str) -> float | None:
        samples = self._samples.get((workspace, subjects.consumer("group", name)))
        if not samples or len(samples) == 1:
            return None
        (began, before), (ended, after) = samples[0], samples[-1]
        return round(max(0, after - before) / (ended - began), 2)


def _gets(row: Any, progress: Progress, event: StoredEvent) -> bool:
    """Whether the group is meant to get the event: of its types, and stored since it follows the log."""
    if event.group is not None:
        return bool(event.group == row.name)
    return event.stored_at >= progress.created_at and any(
        subjects.matches(pattern, event.type) for pattern in row.types
    )
