"""What runs in a hub, and the supervisor that keeps it running.

A component runs on `each` hub, or on `one` in the cluster, under a lease. It
is started in order, restarted with backoff when it fails, stopped in reverse.
"""

import asyncio
import contextlib
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import structlog

from trunkline.protocol.errors import UnavailableError

_log = structlog.get_logger("supervisor")

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 3.0
BACKOFF_MIN_S = 0.2
BACKOFF_MAX_S = 10.0


class Component(ABC):
    """Something that runs until it is cancelled."""

    name: ClassVar[str]
    scope: ClassVar[Literal["each", "one"]] = "each"

    def __init__(self) -> None:
        self.started = asyncio.Event()

    @abstractmethod
    async def run(self) -> None:
        """Work until cancelled; set `self.started` when up. Returning or raising means a restart."""

    def ailment(self) -> str | None:
        """What is wrong at the moment, or None."""
        return None

    def warning(self) -> str | None:
        """What an operator should look at though the hub does its work, or None."""
        return None


class Leases(Protocol):
    """Lets one hub of many be the one."""

    ttl_s: float

    async def acquire(self, *names: str) -> dict[str, int]:
        """Take or renew leases; the fencing numbers of those that are held now."""
        ...

    async def release(self, *names: str) -> None: ...


@dataclass
class Supervised:
    """A component and how it has fared."""

    component: Component
    task: asyncio.Task[None] | None = None
    restarts: int = 0
    last_error: str = ""
    standby: bool = False

    def ailment(self) -> str | None:
        if self.standby:
            return None
        if not self.component.started.is_set():
            return self.last_error or "not started"
        return self.component.ailment()


class Supervisor:
    """Starts, watches and stops a hub's components."""

    def __init__(self, components: Sequence[Component], leases: Leases) -> None:
        self.supervised = [Supervised(component) for component in components]
        self._leases = leases
        self._leased: list[Supervised] = []
        """Those of scope `one` that were started, whether this hub runs them or not."""
        self._look = asyncio.Event()
        self._holding: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Start all in order, each after the one before is up (or had its time)."""
        loop = asyncio.get_running_loop()
        self._holding = loop.create_task(self._hold(), name="leases")
        for entry in self.supervised:
            if entry.component.scope == "one":
                self._leased.append(entry)
                self._look.set()
                continue
            entry.task = loop.create_task(self._run(entry), name=f"component-{entry.component.name}")
            try:
                async with asyncio.timeout(START_TIMEOUT_S):
                    await entry.component.started.wait()
            except TimeoutError:
                _log.warning("component_slow_to_start", component=entry.component.name)

    async def stop(self) -> None:
        """Stop all in reverse order; leases are kept until those under them have ended."""
        self._stopping = True
        held = [entry.component.name for entry in self._leased if entry.task is not None]
        for entry in reversed(self.supervised):
            if entry.task is not None:
                await _end(entry.task)
        if self._holding is not None:
            await _end(self._holding)
        if held:
            await self._leases.release(*held)

    async def _run(self, entry: Supervised) -> None:
        delay = BACKOFF_MIN_S
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await entry.component.run()
                entry.last_error = "ended unexpectedly"
            except Exception as error:  # noqa: BLE001 -- the supervising edge
                entry.last_error = f"{type(error).__name__}: {error}"
                _log.exception("component_failed", component=entry.component.name)
            entry.component.started.clear()
            entry.restarts += 1
            if asyncio.get_running_loop().time() - began > BACKOFF_MAX_S:
                delay = BACKOFF_MIN_S
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, BACKOFF_MAX_S)

    async def _hold(self) -> None:
        """Renew all leases together, and run what they allow."""
        while True:
            self._look.clear()
            entries = list(self._leased)
            held = await self._try_acquire([entry.component.name for entry in entries])
            await asyncio.gather(*(self._allow(entry, is_held=entry.component.name in held) for entry in entries))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._leases.ttl_s / 3):
                    await self._look.wait()

    async def _allow(self, entry: Supervised, *, is_held: bool) -> None:
        if self._stopping:
            return
        entry.standby = not is_held
        if is_held and (entry.task is None or entry.task.done()):
            entry.task = asyncio.get_running_loop().create_task(self._run(entry), name=f"leased-{entry.component.name}")
        elif not is_held and entry.task is not None:
            task, entry.task = entry.task, None
            await _end(task)
            entry.component.started.clear()

    async def _try_acquire(self, names: Sequence[str]) -> dict[str, int]:
        try:
            return await self._leases.acquire(*names) if names else {}
        except UnavailableError as error:
            _log.warning("leases_unknown", error=str(error))
        except Exception:  # noqa: BLE001 -- the supervising edge: nobody works without a lease, and all try again
            _log.exception("leases_failed")
        return {}


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task], timeout=STOP_TIMEOUT_S)
