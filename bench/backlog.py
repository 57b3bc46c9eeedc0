"""Whether a queue slows down when much waits in it."""

import asyncio
from statistics import median

from bench.consume import Worker
from bench.payload import ORDER, Order
from bench.rounds import Pace, Result, rate_in_flight
from bench.servers import Stage
from trunkline import Client, Context
from trunkline.protocol import subjects
from trunkline.protocol.resources import QueueDeclaration

_NAME = "bench-backlog"
_SMALL = 1_000
_LARGE = 1_000_000
_LARGE_QUICK = 20_000
_QUICK_S = 0.5
"""Shorter rounds than this are a smoke run."""
_WIDTH = 2000
_ROUNDS = 3
_COUNT = 20_000
_COUNT_QUICK = 2_000


async def backlog_growth(stage: Stage, pace: Pace) -> list[Result]:
    """As much published as worked off, with a thousand waiting and with a million."""
    quick = pace.seconds < _QUICK_S
    large, count = (_LARGE_QUICK, _COUNT_QUICK) if quick else (_LARGE, _COUNT)
    small_rates: list[float] = []
    large_rates: list[float] = []
    async with stage.powersafe.client() as client:
        await client.queues.declare(_NAME, QueueDeclaration())
        for _ in range(1 if quick else _ROUNDS):
            small_rates.append(await _rate(stage, client, _SMALL, count))
            large_rates.append(await _rate(stage, client, large, count))
    spread = sorted(a / b for a, b in zip(large_rates, small_rates, strict=True))
    return [
        Result(
            name="backlog_growth", ours=median(large_rates), other=median(small_rates), unit="msg/s", target=0.7,
            against=f"{_SMALL:,} waiting instead of {large:,}", spread=f"{spread[0]:.2f}-{spread[-1]:.2f}",
        )
    ]  # fmt: skip


async def _rate(stage: Stage, client: Client, waiting: int, count: int) -> float:
    """Fill the queue, then return messages worked off per second while as many are published."""
    worker = Worker(stage.powersafe)

    @worker.agent.task(_NAME, concurrency=8)
    async def work(order: Order, ctx: Context) -> None:
        worker.handle(order, ctx)

    async def fill() -> object:
        return await client.enqueue(_NAME, ORDER)

    await rate_in_flight(fill, waiting, _WIDTH)
    worked, _published = await asyncio.gather(worker.empty(count), rate_in_flight(fill, count, _WIDTH))
    async with stage.powersafe.raw() as raw:
        await raw.jetstream(timeout=60).purge_stream(subjects.tasks_stream("default"))
    return worked
