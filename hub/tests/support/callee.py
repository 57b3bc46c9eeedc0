"""A callee in a process of its own, to be killed or frozen: writes `ready`, then `begin n` and `cancelled n` lines.

python callee.py <hub url> <token> <agent> <skill> <version> <idempotent: 0|1>
"""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import trunkline as tl


def main(url: str, token: str, name: str, skill: str, version: str, idempotent: str) -> None:
    agent = tl.Agent(name, version=version)

    @agent.skill(skill, idempotent=idempotent == "1")
    async def answer(job: dict) -> dict:
        print("begin", job.get("n", 0), flush=True)
        try:
            await asyncio.sleep(job.get("seconds", 0.0))
        except asyncio.CancelledError:
            print("cancelled", job.get("n", 0), flush=True)
            raise
        return {"pid": os.getpid(), "n": job.get("n", 0)}

    async def run() -> None:
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.serve(url, token, ready=ready))
            await ready.wait()
            print("ready", agent.instance, flush=True)

    asyncio.run(run())


class Callee:
    """The process, and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.pid = process.pid
        self.instance = ""
        self.lines: list[tuple[str, str]] = []
        self.changed = asyncio.Event()

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            what, rest = line.decode().split()
            self.lines.append((what, rest))
            if what == "ready":
                self.instance = rest
            self.changed.set()

    async def until(self, what: str, rest: str | int | None = None) -> None:
        """Wait until it said so."""
        async with asyncio.timeout(20):
            while not any(w == what and rest in {None, r} for w, r in self.lines):
                self.changed.clear()
                await self.changed.wait()

    def kill(self) -> None:
        self.process.kill()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def callee(hub, token: str, name: str, *, version: str = "1.0.0", idempotent: bool = False):
    """Run one until the block ends; its skill is called like the agent."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__)), hub.url, token, name, name, version, str(int(idempotent)),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    running = Callee(process)
    reading = asyncio.get_running_loop().create_task(running.read())
    try:
        await running.until("ready")
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


if __name__ == "__main__":
    main(*sys.argv[1:])
