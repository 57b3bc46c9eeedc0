"""What order per key costs, and what a great number of queues costs."""

import asyncio
import itertools
import time

from bench.consume import FILL_WIDTH, Worker
from bench.payload import ORDER, Order
from bench.rounds import Pace, Result, alternate_rates, rate_in_flight
from bench.servers import Stage
from trunkline import Client, Context, Queue

_KEYS = 1000
_GUESS = 2_000
_CONCURRENCY = 16
_SMALLEST = 10
_SIZES = (1_000, 10_000)
_QUICK_SIZES = (100, 1_000)
_DECLARED_AT_ONCE = 16
_READ = 10
"""Queues that one agent works on, however many there are."""
_LOOK_S = 0.02
_TIMEOUT_S = 300.0


async def ordered_per_key(stage: Stage, pace: Pace) -> list[Result]:
    """Work with strict order per key, 1,000 keys, against work without: one worker each.

    A turn ends when the broker has taken the last message off its queue, which
    costs it an fsync each: a worker of a plain queue may run ahead of that.
    """
    plain, ordered = Worker(stage.powersafe, "bench-plain"), Worker(stage.powersafe, "bench-ordered")

    @plain.agent.task("bench-plain", concurrency=_CONCURRENCY)
    async def anyhow(order: Order, ctx: Context) -> None:
        plain.handle(order, ctx)

    @ordered.agent.task("bench-ordered", concurrency=_CONCURRENCY, concurrency_per_key=1)
    async def in_order(order: Order, ctx: Context) -> None:
        ordered.handle(order, ctx)

    async with stage.powersafe.client() as client:
        keys = itertools.cycle(f"key-{number}" for number in range(_KEYS))

        async def side(worker: Worker, queue: str, count: int) -> float:
            await rate_in_flight(lambda: client.enqueue(queue, ORDER, key=next(keys)), count, FILL_WIDTH)
            return await _until_gone(client, worker, queue, count)

        await plain.register()
        await ordered.register()
        pair = await alternate_rates(
            lambda count: side(ordered, "bench-ordered", count),
            lambda count: side(plain, "bench-plain", count),
            pace=pace, guess=_GUESS,
        )  # fmt: skip
    against = f"a plain queue, {_KEYS:,} keys, 16 partitions, until the last is off the queue"
    return [pair.result("ordered_per_key", against=against, unit="msg/s", target=0.3)]


async def _until_gone(client: Client, worker: Worker, queue: str, count: int) -> float:
    """Return messages per second from a worker's readiness until its queue is empty."""
    async with worker.running(), asyncio.timeout(_TIMEOUT_S):
        began = time.perf_counter()
        while True:
            found = await client.queues.get(queue)
            if not found.depth and not found.in_flight:
                return count / (time.perf_counter() - began)
            await asyncio.sleep(_LOOK_S)


async def queues_growth(stage: Stage, pace: Pace) -> list[Result]:
    """Sending to and working on plain queues: the same work over ever more of them."""
    sizes = _QUICK_SIZES if pace.rounds == 1 else _SIZES
    results = []
    async with stage.powersafe.client() as client:
        smallest = _Field(stage, client, _SMALLEST)
        await smallest.prepare()
        for size in sizes:
            field = _Field(stage, client, size)
            await field.prepare()
            pair = await alternate_rates(field.work, smallest.work, pace=pace, guess=_GUESS)
            against = f"the same over {_SMALLEST} queues; sent, handled and off the queue"
            results.append(pair.result(f"queues_growth_{size}", against=against, unit="msg/s", target=0.7))
    return results


class _Field:
    """So many plain queues, all of them sent to in turn; one agent works on some, and they on as many at a time."""

    def __init__(self, stage: Stage, client: Client, size: int) -> None:
        self._client = client
        self._server = stage.powersafe
        self._names = [f"growth-{size}-{number}" for number in range(size)]
        self._worker = Worker(stage.powersafe, f"bench-growth-{size}")
        step = max(1, size // _READ)
        self._read = self._names[::step][:_READ]
        for name in self._read:
            self._worker.agent.task(name, concurrency=_CONCURRENCY)(self._handle)

    async def prepare(self) -> None:
        """Declare them all."""
        left = iter(self._names)

        async def declare() -> None:
            for name in left:
                await self._client.queues.declare(Queue(name))

        async with asyncio.TaskGroup() as group:
            for _ in range(_DECLARED_AT_ONCE):
                group.create_task(declare())
        await self._worker.register()

    async def work(self, count: int) -> float:
        """Send and handle `count` messages at the same time; return how many a second."""
        turn = self._worker.begin(count)
        names = itertools.cycle(self._read)
        async with self._worker.running(), asyncio.timeout(_TIMEOUT_S):
            began = time.perf_counter()
            await rate_in_flight(lambda: self._client.enqueue(next(names), ORDER), count, FILL_WIDTH)
            await turn.last.wait()
            return count / (time.perf_counter() - began)

    async def _handle(self, order: Order, ctx: Context) -> None:
        self._worker.handle(order, ctx)
