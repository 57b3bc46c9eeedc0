"""What order per key costs, and what a great number of queues costs."""

import asyncio
import itertools
import time

from bench.consume import FILL_WIDTH, Worker
from bench.payload import ORDER, Order
from bench.rounds import Pace, Result, alternate_rates, rate_in_flight
from bench.servers import Server, Stage, serve
from trunkline import Client, Context, Queue

_KEYS = 1000
_GUESS = 2_000
_CONCURRENCY = 16
_SIZES = (1_000, 10_000)
_QUICK_SIZES = (100, 1_000)
_DECLARED_AT_ONCE = 4
_WORKED_ON = 10
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
    """Sending to ten plain queues and working on them, beside ever more others; a server with the ten alone compares."""
    sizes = _QUICK_SIZES if pace.rounds == 1 else _SIZES
    results = []
    async with (
        serve(stage.powersafe.data.parent / "many-queues", "always") as many,
        stage.powersafe.client() as few_client,
        many.client() as many_client,
    ):
        few, field = _Field(stage.powersafe, few_client), _Field(many, many_client)
        await few.grow(_WORKED_ON)
        for size in sizes:
            await field.grow(size)
            pair = await alternate_rates(field.work, few.work, pace=pace, guess=_GUESS)
            name = "queues_growth" if size == sizes[-1] else f"queues_growth_{size}"
            against = f"{size:,} queues against {_WORKED_ON}; ten of them sent to and worked on at once"
            results.append(pair.result(name, against=against, unit="msg/s", target=0.7))
    return results


class _Field:
    """The plain queues of one server; the first ten are sent to in turn and worked on by one agent."""

    def __init__(self, server: Server, client: Client) -> None:
        self._client = client
        self._size = 0
        self._worker = Worker(server, "bench-growth")
        self._names = [f"growth-{number}" for number in range(_WORKED_ON)]
        for name in self._names:
            self._worker.agent.task(name, concurrency=_CONCURRENCY)(self._handle)

    async def grow(self, size: int) -> None:
        """Declare queues until there are `size`."""
        left = iter(range(self._size, size))

        async def declare() -> None:
            for number in left:
                await self._client.queues.declare(Queue(f"growth-{number}"))

        async with asyncio.TaskGroup() as group:
            for _ in range(_DECLARED_AT_ONCE):
                group.create_task(declare())
        self._size = size
        await self._worker.register()

    async def work(self, count: int) -> float:
        """Send and handle `count` messages at the same time; return how many a second."""
        turn = self._worker.begin(count)
        names = itertools.cycle(self._names)
        async with self._worker.running(), asyncio.timeout(_TIMEOUT_S):
            began = time.perf_counter()
            await rate_in_flight(lambda: self._client.enqueue(next(names), ORDER), count, FILL_WIDTH)
            await turn.last.wait()
            return count / (time.perf_counter() - began)

    async def _handle(self, order: Order, ctx: Context) -> None:
        self._worker.handle(order, ctx)
