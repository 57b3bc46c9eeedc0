"""What runs in a hub, and the supervisor that keeps it running.

A component runs on `each` hub, or on `one` in the cluster, under a lease. It
is started in order, restarted with backoff when it fails, stopped in reverse.
"""

import asyncio
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

    async def acquire(self, name: str) -> int | None:
        """Take or renew the lease; its fencing number, or None while another holds it."""
        ...

    async def release(self, name: str) -> None: ...


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

    async def start(self) -> None:
        """Start all in order, each after the one before is up (or had its time)."""
        loop = asyncio.get_running_loop()
        for entry in self.supervised:
            run = self._run_leased if entry.component.scope == "one" else self._run
            entry.task = loop.create_task(run(entry), name=f"component-{entry.component.name}")
            if entry.component.scope == "each":
                try:
                    async with asyncio.timeout(START_TIMEOUT_S):
                        await entry.component.started.wait()
                except TimeoutError:
                    _log.warning("component_slow_to_start", component=entry.component.name)

    async def stop(self) -> None:
        """Stop all in reverse order."""
        for entry in reversed(self.supervised):
            if entry.task is not None:
                entry.task.cancel()
                await asyncio.wait([entry.task], timeout=STOP_TIMEOUT_S)

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

    async def _run_leased(self, entry: Supervised) -> None:
        name = entry.component.name
        work: asyncio.Task[None] | None = None
        try:
            while True:
                held = await self._try_acquire(name)
                entry.standby = not held
                if held and (work is None or work.done()):
                    work = asyncio.get_running_loop().create_task(self._run(entry), name=f"leased-{name}")
                elif not held and work is not None:
                    await _end(work)
                    entry.component.started.clear()
                    work = None
                await asyncio.sleep(self._leases.ttl_s / 3)
        finally:
            if work is not None:
                await _end(work)
                await asyncio.shield(self._leases.release(name))

    async def _try_acquire(self, name: str) -> bool:
        try:
            return await self._leases.acquire(name) is not None
        except UnavailableError as error:
            _log.warning("lease_unknown", component=name, error=str(error))
            return False
        except Exception:  # noqa: BLE001 -- the supervising edge: nobody works without a lease, and all try again
            _log.exception("lease_failed", component=name)
            return False


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task], timeout=STOP_TIMEOUT_S)
