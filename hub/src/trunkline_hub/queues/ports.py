"""What queues need to know from elsewhere."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from trunkline.protocol.resources import QueueStatus
from trunkline_hub.db import Tx

MakeRoom = Callable[[str, int], Awaitable[None]]
"""Sees to it that a workspace has a page with room for so many consumers."""


class DeadCounts(Protocol):
    """Counts the dead letters that wait, by queue."""

    async def waiting_by_queue(self, tx: Tx, workspace: str) -> dict[str, int]: ...


class Workers(Protocol):
    """Counts the running agents that take work, by queue."""

    async def by_queue(self, tx: Tx, workspace: str) -> dict[str, int]: ...


class Statuses(Protocol):
    """Tells what operators said about queues: paused, draining."""

    async def status(self, tx: Tx, workspace: str, name: str) -> QueueStatus: ...

    async def by_queue(self, tx: Tx, workspace: str) -> dict[str, QueueStatus]: ...

    async def check_open(self, tx: Tx, workspace: str, name: str) -> QueueStatus: ...

    async def closed(self, tx: Tx, workspace: str) -> set[str]: ...
