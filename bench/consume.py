"""Messages received, decoded, handled and acknowledged per second."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig

from bench.payload import ORDER, RAW, Order
from bench.rounds import Pace, Result, Side, alternate_rates, rate_in_flight
from bench.servers import Server, Stage
from trunkline import Agent, Client, Context
from trunkline.protocol.resources import QueueDeclaration

_STREAM = "BENCH"
_SUBJECT = "bench.waiting"
_TYPE = "bench.waiting"
_NAME = "bench"
_FETCH = 500
WARM_UP = 1000
"""Messages handled before the clock starts."""
FILL_WIDTH = 2000
_GUESS = 10_000
_TIMEOUT_S = 120.0
_IN_FLIGHT = 2000


class Turn:
    """Counts one turn's messages: the clock starts after the warm-up and stops when the last ack has arrived."""

    def __init__(self, count: int, *, warm_up: int = WARM_UP) -> None:
        self.total = count + warm_up
        self.last = asyncio.Event()
        self.client: Client | None = None
        self._count = count
        self._left = self.total
        self._began = 0.0

    def tick(self) -> None:
        """Count one message."""
        self._left -= 1
        if self._left == self._count:
            self._began = time.perf_counter()
        elif self._left == 0:
            self.last.set()

    def rate(self) -> float:
        """Return messages per second from the end of the warm-up until now."""
        return self._count / (time.perf_counter() - self._began)


class Worker:
    """An agent with one handler, started anew for each turn."""

    def __init__(self, server: Server, name: str = "bench-worker") -> None:
        self.agent = Agent(name)
        self._server = server
        self._turn = Turn(0)

    def handle(self, order: Order, context: Context) -> None:
        """Do what the handler of either lane does: look at the payload, count."""
        assert order.number
        turn = self._turn
        if turn.client is None:
            assert isinstance(context.client, Client)
            turn.client = context.client
        turn.tick()

    def begin(self, count: int) -> "Turn":
        """Count `count` messages from now, without a warm-up."""
        self._turn = Turn(count, warm_up=0)
        return self._turn

    async def register(self) -> None:
        """Let the hub make the consumer, so that what is sent from now on waits for it."""
        async with self.running():
            pass

    async def empty(self, count: int) -> float:
        """Handle what waits: `count` messages and the warm-up."""
        self._turn = turn = Turn(count)
        async with self.running(), asyncio.timeout(_TIMEOUT_S):
            await turn.last.wait()
            await asyncio.sleep(0)  # the handler's return is what acknowledges the last message
            assert turn.client is not None
            await turn.client.bus.flush(timeout_s=_TIMEOUT_S)
            return turn.rate()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the agent until the block ends."""
        ready, stop = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.agent.serve(self._server.url, self._server.token, ready=ready, stop=stop))
            try:
                await ready.wait()
                yield
            finally:
                stop.set()


async def sdk_consume(stage: Stage, pace: Pace) -> list[Result]:
    """A typed event handler."""
    worker = Worker(stage.powersafe)

    @worker.agent.on(_TYPE, group=_NAME)
    async def follow(order: Order, ctx: Context) -> None:
        worker.handle(order, ctx)

    async with stage.powersafe.client() as client:

        async def fill() -> object:
            return await client.publish(_TYPE, ORDER)

        async def ours(count: int) -> float:
            await rate_in_flight(fill, count + WARM_UP, FILL_WIDTH)
            return await worker.empty(count)

        await worker.register()
        async with _other(stage.powersafe, RetentionPolicy.LIMITS) as other:
            pair = await alternate_rates(ours, other, pace=pace, guess=_GUESS)
    against = f"fetch({_FETCH}) and ack, no decoding, sync always both"
    return [pair.result("sdk_consume", against=against, unit="msg/s", target=0.75)]


async def sdk_consume_task(stage: Stage, pace: Pace) -> list[Result]:
    """A typed queue worker; an acknowledged message leaves the stream, on both sides."""
    worker = Worker(stage.powersafe)

    @worker.agent.task(_NAME)
    async def work(order: Order, ctx: Context) -> None:
        worker.handle(order, ctx)

    async with stage.powersafe.client() as client:
        await client.queues.declare(_NAME, QueueDeclaration())

        async def fill() -> object:
            return await client.enqueue(_NAME, ORDER)

        async def ours(count: int) -> float:
            await rate_in_flight(fill, count + WARM_UP, FILL_WIDTH)
            return await worker.empty(count)

        await worker.register()
        async with _other(stage.powersafe, RetentionPolicy.WORK_QUEUE) as other:
            pair = await alternate_rates(ours, other, pace=pace, guess=_GUESS)
    against = f"the same, work queue both, fetch({_FETCH})"
    return [pair.result("sdk_consume_task", against=against, unit="msg/s", target=0.75)]


@asynccontextmanager
async def _other(server: Server, retention: RetentionPolicy) -> AsyncIterator[Side]:
    async with server.raw() as client:
        js = client.jetstream(timeout=_TIMEOUT_S)
        await js.add_stream(StreamConfig(name=_STREAM, subjects=[_SUBJECT], retention=retention))
        durable = ConsumerConfig(durable_name=_NAME, ack_policy=AckPolicy.EXPLICIT, max_ack_pending=_IN_FLIGHT)
        waiting = await js.pull_subscribe(_SUBJECT, durable=_NAME, config=durable)

        async def fill() -> object:
            return await js.publish(_SUBJECT, RAW)

        async def side(count: int) -> float:
            await rate_in_flight(fill, count + WARM_UP, FILL_WIDTH)
            turn = Turn(count)
            left = turn.total
            while left:
                messages = await waiting.fetch(min(_FETCH, left), timeout=_TIMEOUT_S)
                for message in messages:
                    await message.ack()
                    turn.tick()
                left -= len(messages)
            await client.flush(timeout=round(_TIMEOUT_S))
            rate = turn.rate()
            await js.purge_stream(_STREAM)
            return rate

        try:
            yield side
        finally:
            await js.delete_stream(_STREAM)
