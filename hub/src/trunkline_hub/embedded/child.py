"""A child process that is watched, restarted with backoff, and never outlives its parent."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_BACKOFF_MIN_S = 0.1
_BACKOFF_MAX_S = 5.0
_STEADY_S = 10.0
_GIVE_UP_AFTER = 3
"""Deaths in a row before the first steady life that count as "it cannot start"."""
_LAST_WORDS = 12
_EX_CONFIG = 78
"""The child says that it is set up wrongly: starting it again would not help."""
_LOG_MAX_BYTES = 20 * 2**20
_PR_SET_PDEATHSIG = 1

# Run by a small Python between launcher and child where the kernel has no PDEATHSIG:
# its stdin is a pipe from the launcher; when the launcher is gone, the pipe ends.
_WATCHDOG = """\
import os, signal, subprocess, sys, threading
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def watch():
    os.read(0, 1)
    child.terminate()
threading.Thread(target=watch, daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
sys.exit(child.wait())
"""


class Child:
    """One child process under the launcher's eyes."""

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], *, log: Path, say: Callable[[str], None],
        backoff_max_s: float = _BACKOFF_MAX_S,
    ) -> None:  # fmt: skip
        self.name = name
        self.gave_up = False
        self._command = command if sys.platform == "linux" else [sys.executable, "-c", _WATCHDOG, *command]
        self._environment = {**os.environ, **environment}
        self._log = log
        self._say = say
        self._backoff_max_s = backoff_max_s
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._early_deaths = 0
        self._log_began = 0

    @property
    def pid(self) -> int | None:
        """Process id of the present life."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start the process and watch over it."""
        self._log_began = self._log.stat().st_size if self._log.exists() else 0
        self._process = await self.spawn()
        self._task = asyncio.get_running_loop().create_task(self._watch(), name=f"child-{self.name}")

    async def stop(self, *, timeout_s: float) -> None:
        """Ask it to end; after `timeout_s` make it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._process is not None and self._process.returncode is None:
            await end(self._process, timeout_s=timeout_s)

    def last_words(self) -> str:
        """Return the end of its log, for an error message."""
        try:
            with self._log.open(errors="replace") as log:
                log.seek(self._log_began)
                lines = log.read().splitlines()[-_LAST_WORDS:]
        except OSError:
            return f"There is no log at {self._log}"
        return "\n".join([*lines, f"(log: {self._log})"])

    async def spawn(self) -> asyncio.subprocess.Process:
        """Start the process and leave it to the caller; `start` is for those who want it watched."""
        self._rotate()
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL if sys.platform == "linux" else asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    async def _watch(self) -> None:
        delay = _BACKOFF_MIN_S
        loop = asyncio.get_running_loop()
        while True:
            assert self._process is not None
            began = loop.time()
            code = await self._process.wait()
            steady = loop.time() - began > _STEADY_S
            self._early_deaths = 0 if steady else self._early_deaths + 1
            delay = _BACKOFF_MIN_S if steady else delay
            self.gave_up = self._early_deaths >= _GIVE_UP_AFTER or code == _EX_CONFIG
            if code == _EX_CONFIG:
                return
            self._say(f"{self.name} ended ({_how(code)}); restarting in {delay:g} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, self._backoff_max_s)
            self._process = await self.spawn()

    def _rotate(self) -> None:
        """Keep one old log, so that neither grows without end."""
        if self._log.exists() and self._log.stat().st_size > _LOG_MAX_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))


async def end(process: asyncio.subprocess.Process, *, timeout_s: float) -> None:
    """Ask a running process to end; after `timeout_s` make it."""
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(timeout_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
