"""Latency of calls while one of four instances is ten times slower, against four that are alike."""

import asyncio
import sys
import time
from contextlib import AsyncExitStack

from bench.rounds import Pace, Result, alternate
from bench.servers import Stage, child
from trunkline import Agent, Client

EVEN, UNEVEN = "bench-even", "bench-uneven"
_INSTANCES = 4
_HANDLER_S = 0.005
_SLOWER = 10
_PER_S = 200
_STRETCH = 3
"""A 99th percentile needs more calls than a median."""
_TIMEOUT_S = 10.0
_KNOWN_S = 10.0


async def balance_p99(stage: Stage, pace: Pace) -> list[Result]:
    """An open loop of 200 calls a second with a handler of 5 ms; every instance serves both skills."""
    server = stage.powersafe
    async with AsyncExitStack() as stack:
        for number in range(_INSTANCES):
            command = [sys.executable, "-m", "bench.balance", server.url, server.token, str(number)]
            process = await stack.enter_async_context(child(command))
            assert process.stdout is not None
            await process.stdout.readline()
        client = await stack.enter_async_context(server.client())

        async def uneven(count: int) -> float:
            return await _p99_ms(client, UNEVEN, count)

        async def even(count: int) -> float:
            return await _p99_ms(client, EVEN, count)

        for skill in (EVEN, UNEVEN):
            await _until_known(client, skill)
            await _p99_ms(client, skill, _PER_S)
        count = max(_PER_S // 2, int(_PER_S * pace.seconds * _STRETCH))
        pair = await alternate(uneven, even, count=count, pace=pace)
    against = "four instances alike"
    return [pair.result("balance_p99", against=against, unit="ms", target=2.0, at_most=True)]


async def _p99_ms(client: Client, skill: str, count: int) -> float:
    """Send `count` calls at their times, however long answers take, and return the 99th percentile."""
    taken: list[float] = []

    async def call(due: float) -> None:
        await client.call(skill, timeout_s=_TIMEOUT_S)
        taken.append((time.perf_counter() - due) * 1000)

    async with asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for number in range(count):
            due = began + number / _PER_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(call(time.perf_counter()))
    return sorted(taken)[int(len(taken) * 0.99)]


async def _until_known(client: Client, skill: str) -> None:
    deadline = time.monotonic() + _KNOWN_S
    while time.monotonic() < deadline:
        await client.call(skill, timeout_s=_TIMEOUT_S)
        found = client.balancer.skill(skill)
        if found is not None and len(found.instances) == _INSTANCES:
            return
        await asyncio.sleep(0.05)
    raise RuntimeError(f"The instances of {skill} did not become known")


async def main(url: str, token: str, number: str) -> None:
    """Serve both skills until terminated; the first instance is slow at one of them."""
    agent = Agent("bench-balance")

    @agent.skill(EVEN)
    async def even() -> None:
        await asyncio.sleep(_HANDLER_S)

    @agent.skill(UNEVEN)
    async def uneven() -> None:
        await asyncio.sleep(_HANDLER_S * (_SLOWER if number == "0" else 1))

    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(agent.serve(url, token, workspace="default", ready=ready))
        await ready.wait()
        print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
