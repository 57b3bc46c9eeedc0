"""How much 1 message in 1,000 that ends its worker's process costs the other 999."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench.rounds import Pace, Result, alternate, rate_in_flight
from bench.servers import Server, Stage
from trunkline import Agent, Client, Retry
from trunkline.protocol.resources import QueueDeclaration

_PROCESSES = 4
_CONCURRENCY = 4
_WORK_S = 0.02
"""What a handler waits for, such as a quick model or a database."""
_EVERY = 1000
_RATE = _PROCESSES * _CONCURRENCY / _WORK_S
_LEAST_S = 20.0
"""Long enough for the end, when the last lease of a dead process must run out, not to count for most of it."""
_FILL_WIDTH = 1000
_POLL_S = 0.02
_TIMEOUT_S = 240.0


class _Job(msgspec.Struct):
    n: int
    poison: bool


async def poison(stage: Stage, pace: Pace) -> list[Result]:
    """The same work with and without poison, by four processes that are replaced when they die."""
    runs = 0

    async with stage.default.client() as client:

        async def turn(count: int, *, every: int) -> float:
            nonlocal runs
            runs += 1
            return await _turn(stage.default, client, f"poison-{runs}", count, every)

        async def ours(count: int) -> float:
            return await turn(count, every=_EVERY)

        async def other(count: int) -> float:
            return await turn(count, every=0)

        count = int(_RATE * max(pace.seconds, _LEAST_S if pace.rounds > 1 else 0))
        pair = await alternate(ours, other, count=count, pace=Pace(rounds=min(pace.rounds, 3), seconds=pace.seconds))
    return [pair.result("poison", against="the same work without poison", unit="msg/s", target=0.8)]


async def _turn(server: Server, client: Client, queue: str, count: int, every: int) -> float:
    """Return how many sound messages were handled a second, to the very last one."""
    await client.queues.declare(queue, QueueDeclaration())
    jobs = iter(_Job(n, bool(every) and n % every == every // 2) for n in range(count))
    await rate_in_flight(lambda: client.enqueue(queue, next(jobs)), count, _FILL_WIDTH)
    bad = len([n for n in range(count) if every and n % every == every // 2])
    with tempfile.TemporaryDirectory(prefix="trunkline-poison-") as folder:
        out = Path(folder) / "out"
        out.touch()
        environment = {
            **os.environ, "TRUNKLINE_URL": server.url, "TRUNKLINE_TOKEN": server.token, "TRUNKLINE_HOME": folder,
            "POISON_OUT": str(out),
        }  # fmt: skip
        with (Path(folder) / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.poison", queue, env=environment, stdout=log, stderr=log
            )
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                rate = await _rate(out, count - bad)
                await _until_dead(client, queue, bad)
        finally:
            process.terminate()
            await process.wait()
    return rate


async def _rate(out: Path, count: int) -> float:
    while not _handled(out):
        await asyncio.sleep(_POLL_S)
    began = time.perf_counter()
    while len(_handled(out)) < count:
        await asyncio.sleep(_POLL_S * 5)
    return count / (time.perf_counter() - began)


def _handled(out: Path) -> set[bytes]:
    return set(out.read_bytes().split())


async def _until_dead(client: Client, queue: str, count: int) -> None:
    while (await client.queues.get(queue)).dead < count:
        await asyncio.sleep(_POLL_S)


def main(queue: str) -> None:
    """Be the worker."""
    agent = Agent(queue)
    out = os.open(os.environ["POISON_OUT"], os.O_WRONLY | os.O_APPEND)

    @agent.task(queue, concurrency=_CONCURRENCY, ack_wait_s=1.5, retry=Retry(max_attempts=5))
    async def work(job: _Job) -> None:
        await asyncio.sleep(_WORK_S)
        if job.poison:
            os._exit(9)
        os.write(out, b"%d\n" % job.n)

    agent.run(processes=_PROCESSES)


if __name__ == "__main__":
    main(sys.argv[1])
