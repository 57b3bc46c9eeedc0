"""A2A through the hub to an agent on the bus, against the same logic in a server of A2A's own library."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from statistics import median

import aiohttp

from bench.a2a_sides import AGENT
from bench.rounds import Pace, Pair, Result, alternate_rates, rate_in_flight
from bench.servers import Stage, child
from trunkline_hub.embedded.place import free_port

_PER_SECOND = 200
_BLOCK = 25
_WIDTH = 16
_READY_S = 30.0
_BOUND_MS = 2.0
_AGAINST = "the same logic in an a2a-sdk server"
_BODY = {
    "jsonrpc": "2.0", "id": 1, "method": "SendMessage",
    "params": {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hello " * 20}]}},
}  # fmt: skip

Ask = Callable[[], Awaitable[None]]


@asynccontextmanager
async def _sides(stage: Stage) -> AsyncIterator[tuple[Ask, Ask]]:
    """Start both, and give what asks each of them once."""
    server, port = stage.default, free_port()
    module = [sys.executable, "-m", "bench.a2a_sides"]
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        child([*module, "bus", server.url, server.token]),
        child([*module, "direct", str(port)]),
        aiohttp.ClientSession(timeout=timeout, headers={"A2A-Version": "1.0"}) as session,
    ):
        ours = partial(
            _ask, session, f"{server.url}/a2a/w/default/agents/{AGENT}", {"Authorization": f"Bearer {server.token}"}
        )
        other = partial(_ask, session, f"http://127.0.0.1:{port}/", {})
        for ask in (ours, other):
            await _ready(ask)
        yield ours, other


async def _ask(session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
    async with session.post(url, json=_BODY, headers=headers) as response:
        answer = await response.json()
    assert answer["result"]["message"]["parts"][0]["text"].startswith("HELLO"), answer


async def _ready(ask: Ask) -> None:
    async with asyncio.timeout(_READY_S):
        while True:
            try:
                await ask()
            except (aiohttp.ClientError, KeyError):
                await asyncio.sleep(0.1)
            else:
                return


async def a2a_overhead_ms(stage: Stage, pace: Pace) -> list[Result]:
    """One SendMessage at a time: how much longer it takes through the hub, at the median."""
    over: list[float] = []
    async with _sides(stage) as (ours, other):
        for ask in (ours, other):
            for _ in range(_PER_SECOND):
                await ask()
        for _ in range(pace.rounds):
            taken: tuple[list[float], list[float]] = ([], [])
            for _ in range(0, int(_PER_SECOND * pace.seconds), _BLOCK):
                for ask, figures in zip((ours, other), taken, strict=True):
                    for _ in range(_BLOCK):
                        began = time.perf_counter()
                        await ask()
                        figures.append((time.perf_counter() - began) * 1000)
            over.append(median(taken[0]) - median(taken[1]))
    pair = Pair(ours=over, other=[_BOUND_MS] * len(over))
    return [
        pair.result("a2a_overhead_ms", against=f"{_BOUND_MS:g} ms over {_AGAINST}", unit="ms", target=1.0, at_most=True)
    ]


async def a2a_calls(stage: Stage, pace: Pace) -> list[Result]:
    """SendMessage a second, sixteen at a time."""
    async with _sides(stage) as (ours, other):
        pair = await alternate_rates(partial(_rate, ours), partial(_rate, other), pace=pace, guess=_PER_SECOND)
    return [pair.result("a2a_calls", against=_AGAINST, unit="msg/s", target=0.6)]


async def _rate(ask: Ask, count: int) -> float:
    return await rate_in_flight(ask, count, _WIDTH)
