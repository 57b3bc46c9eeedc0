"""Ownership of background tasks: whoever spawns one ends it."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_log = logging.getLogger("trunkline")


class Tasks:
    """A set of tasks with one owner; a task that fails is logged, never lost."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._revocable: dict[str, asyncio.Task[Any]] = {}

    def spawn(self, work: Coroutine[Any, Any, T], *, name: str, awaited: bool = False) -> asyncio.Task[T]:
        """Start `work` and hold on to it until it ends; where the caller awaits it, a failure is the caller's."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard if awaited else self._ended)
        return task

    def names(self) -> list[str]:
        """Return the names of those that still run."""
        return [task.get_name() for task in self._tasks]

    async def close(self, *, timeout_s: float = 5.0) -> None:
        """Cancel what still runs and wait for it, at most `timeout_s`."""
        running = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=timeout_s)

    async def revocable(self, work: Coroutine[Any, Any, object], *, name: str) -> None:
        """Do `work` under a name by which somebody else may call it off: it then ends here without a word."""
        working = self.spawn(work, name=name, awaited=True)
        self._revocable[name] = working
        try:
            await asyncio.wait([working])
            if not working.cancelled():
                working.result()
        except asyncio.CancelledError:
            working.cancel()
            raise
        finally:
            self._revocable.pop(name, None)

    def call_off(self, name: str) -> None:
        """End what is done under a name, if anything is."""
        working = self._revocable.get(name)
        if working is not None:
            working.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("background task %s failed", task.get_name(), exc_info=error)
