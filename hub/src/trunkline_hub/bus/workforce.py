"""Workers inside the hub, one for each thing that is declared."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from trunkline.protocol.errors import UnavailableError
from trunkline_hub.bus.desk import Worker
from trunkline_hub.core.component import Component

_log = structlog.get_logger("workforce")
_LOOK_S = 2.0
_DRAIN_S = 2.0

Key = tuple[str, str]
"""Workspace and name."""


@dataclass(frozen=True, kw_only=True)
class Post:
    """A worker that should be there."""

    version: Any
    """What it works by; where that has changed, another takes its place."""
    make: Callable[[], Worker]


@dataclass(frozen=True, kw_only=True)
class _AtWork:
    version: Any
    worker: Worker


class Workforce(Component):
    """Has at work who is wanted, as they are wanted, and nobody else."""

    def __init__(self) -> None:
        super().__init__()
        self._wake = asyncio.Event()
        self._running: dict[Key, _AtWork] = {}

    async def wanted(self) -> Mapping[Key, Post]:
        """Return who should be at work."""
        raise NotImplementedError

    async def on_change(self) -> None:
        """Hear that something was declared on some hub."""
        self._wake.set()

    async def run(self) -> None:
        self.started.set()
        try:
            while True:
                self._wake.clear()
                try:
                    await self._converge(await self.wanted())
                except UnavailableError as error:
                    _log.warning("workers_unknown", workforce=self.name, error=str(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._wake.wait()
        finally:
            await self._stop(list(self._running))

    async def _converge(self, wanted: Mapping[Key, Post]) -> None:
        changed = [key for key, one in self._running.items() if key not in wanted or wanted[key].version != one.version]
        await self._stop(changed)
        for key, post in wanted.items():
            if key not in self._running:
                worker = post.make()
                await worker.start()
                self._running[key] = _AtWork(version=post.version, worker=worker)

    async def _stop(self, keys: list[Key]) -> None:
        workers = [self._running.pop(key).worker for key in keys]
        await asyncio.gather(*(worker.drain(timeout_s=_DRAIN_S) for worker in workers))
