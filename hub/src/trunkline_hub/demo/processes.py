"""The demo's own processes: a hub if none runs, and three agents that are kept alive."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import aiohttp
import msgspec

from trunkline.local import LocalContext, find_context
from trunkline.protocol.errors import ContextMissingError, HubStartError, Problem, TrunklineError, from_problem
from trunkline_hub.embedded.child import end

_READY_TIMEOUT_S = 40.0
_POLL_S = 0.05
_RESTART_S = 0.3
_AGENT_STOP_S = 2.5
_HUB_STOP_S = 5.0


class HubProcess:
    """The local hub: the one that runs already, or one of our own."""

    def __init__(self, log: Path, port: int) -> None:
        self.ours = False
        self._log = log
        self._port = port
        self._process: asyncio.subprocess.Process | None = None

    async def ensure(self) -> LocalContext:
        """Return the context of a hub that is ready.

        Raises:
            HubStartError: ours ended before it was ready; its words are in the detail.
        """
        running = await _running_hub()
        if running is not None:
            return running
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "trunkline.cli", "--json", "serve", "--port", str(self._port),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.ours = True
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                while (found := await _running_hub()) is None:
                    if self._process.returncode is not None:
                        raise _why_not(self._log)
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise HubStartError(f"Not ready after {_READY_TIMEOUT_S:g} s; see {self._log}") from None
        return found

    async def stop(self) -> None:
        """Stop the hub if it is ours."""
        if self._process is not None and self._process.returncode is None:
            await end(self._process, timeout_s=_HUB_STOP_S)


class AgentProcess:
    """One agent as a process of its own, started again when it dies."""

    def __init__(self, module: str, environment: dict[str, str], log: Path, say: Callable[[str], None]) -> None:
        self.module = module
        self.restarts = 0
        self._environment = environment
        self._log = log
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and keep it alive."""
        await self._spawn()
        self._task = asyncio.get_running_loop().create_task(self._watch(), name=f"demo-{self.module}")

    async def stop(self) -> None:
        """Let it drain, then end it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._process is not None and self._process.returncode is None:
            await end(self._process, timeout_s=_AGENT_STOP_S)

    async def _spawn(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"trunkline_hub.demo.{self.module}",
                env={**os.environ, **self._environment},
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    async def _watch(self) -> None:
        while True:
            assert self._process is not None
            code = await self._process.wait()
            self.restarts += 1
            self._say(f"{self.module} ended with {code}; starting it again")
            await asyncio.sleep(_RESTART_S)
            await self._spawn()


def _why_not(log: Path) -> TrunklineError:
    """Return what `trunkline serve` ended with: it prints one problem as JSON."""
    words = log.read_text(errors="replace").strip()
    for line in reversed(words.splitlines()):
        try:
            return from_problem(msgspec.json.decode(line, type=Problem))
        except msgspec.DecodeError:
            continue
    return HubStartError(words)


async def _running_hub() -> LocalContext | None:
    try:
        context = find_context()
    except ContextMissingError:
        return None
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            session.get(f"{context.url}/readyz") as response,
        ):
            return context if response.status == HTTPStatus.OK else None
    return None
