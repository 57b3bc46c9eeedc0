"""A worker in a process of its own, to be killed: writes `time begin|end key n attempt` lines to its standard output.

python worker.py <hub url> <token> <agent> <queue> <handler seconds> <die at: -1 or number>
"""

import asyncio
import bisect
import os
import signal
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import trunkline as tl


def say(*words: object) -> None:
    """Write one line, headed by the machine's monotonic clock in ns: the same one in every process."""
    print(time.monotonic_ns(), *words, flush=True)


def main(url: str, token: str, name: str, queue: str, seconds: str, die_at: str) -> None:
    agent = tl.Agent(name)

    @agent.task(queue, concurrency=4)
    async def work(job: dict, ctx: tl.Context) -> None:
        say("begin", job["key"], job["n"], ctx.attempt)
        await asyncio.sleep(float(seconds))
        if job["n"] == int(die_at) and ctx.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        say("end", job["key"], job["n"], ctx.attempt)

    agent.run(url, token)


class Worker:
    """The process, and the lines it has written so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[tuple[str, str, int, int]] = []

    async def read(self, into: list) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            at, what, key, n, attempt = line.decode().split()
            self.lines.append((what, key, int(n), int(attempt)))
            bisect.insort(into, (int(at), *self.lines[-1]))

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()


@asynccontextmanager
async def worker(hub, token: str, name: str, queue: str, into: list, *, seconds: float = 0.0, die_at: int = -1):
    """Run a worker; what any of several writes is gathered `into` one list, in the order of the clock."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__)), hub.url, token, name, queue, str(seconds), str(die_at),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    running = Worker(process)
    reading = asyncio.get_running_loop().create_task(running.read(into))
    try:
        yield running
    finally:
        running.kill()
        await process.wait()
        await reading


if __name__ == "__main__":
    main(*sys.argv[1:])
