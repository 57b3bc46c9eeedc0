"""Latency of one call at a time, callee in another process."""

import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median

from bench.payload import ORDER, RAW, Order
from bench.responder import SKILL, SUBJECT
from bench.rounds import Pace, Pair, Result
from bench.servers import Stage, child

_PER_SECOND = 1500
_WARM_UP = 300
_BLOCK = 50
_TIMEOUT_S = 10.0

Once = Callable[[], Awaitable[None]]


async def sdk_call_p50(stage: Stage, pace: Pace) -> list[Result]:
    """A skill that echoes 1 KB, typed on both ends, against a bare request."""
    server = stage.powersafe
    command = [sys.executable, "-m", "bench.responder"]
    command += [server.url, server.token, server.broker_url, server.broker_password]
    async with child(command) as process, server.client() as client, server.raw() as raw:
        assert process.stdout is not None
        await process.stdout.readline()

        async def call() -> None:
            answer: Order = await client.call(SKILL, ORDER, result_type=Order, timeout_s=_TIMEOUT_S)
            assert answer.number

        async def request() -> None:
            assert (await raw.request(SUBJECT, RAW, timeout=_TIMEOUT_S)).data

        await _round(call, request, _WARM_UP)
        pair = Pair(ours=[], other=[])
        for _ in range(pace.rounds):
            ours_ms, other_ms = await _round(call, request, int(_PER_SECOND * pace.seconds))
            pair.ours.append(ours_ms)
            pair.other.append(other_ms)
    against = "nc.request to a bare responder"
    return [pair.result("sdk_call_p50", against=against, unit="ms", target=1.6, at_most=True)]


async def _round(ours: Once, other: Once, count: int) -> tuple[float, float]:
    """Return the p50 of each side in milliseconds; they take turns often, so that noise hits both alike."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(0, count, _BLOCK):
        for once, figures in zip((ours, other), taken, strict=True):
            for _ in range(_BLOCK):
                began = time.perf_counter()
                await once()
                figures.append((time.perf_counter() - began) * 1000)
    return median(taken[0]), median(taken[1])
