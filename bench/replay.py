"""Past events read per second."""

import asyncio
import time
from contextlib import AsyncExitStack

from nats.js.api import AckPolicy, ConsumerConfig

from bench.payload import ORDER
from bench.rounds import Pace, Result, alternate_rates, rate_in_flight
from bench.servers import Stage
from trunkline.protocol import subjects

_TYPE = "bench.past"
_FILTER = "tl.default.events.*.bench.past"
_FETCH = 500
_FILL_WIDTH = 2000
_GUESS = 20_000
_TIMEOUT_S = 120.0


async def replay(stage: Stage, pace: Pace) -> list[Result]:
    """Read the log from its beginning, decoded, against fetching the same stream undecoded."""
    server = stage.powersafe
    stored = 0
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(server.client())
        raw = await stack.enter_async_context(server.raw())
        js = raw.jetstream(timeout=_TIMEOUT_S)

        async def publish() -> object:
            return await client.publish(_TYPE, ORDER)

        async def fill(count: int) -> None:
            nonlocal stored
            if count > stored:
                await rate_in_flight(publish, count - stored, _FILL_WIDTH)
                stored = count

        async def ours(count: int) -> float:
            await fill(count)
            left = count
            began = time.perf_counter()
            async with asyncio.timeout(_TIMEOUT_S):
                async for event in client.replay(_TYPE):
                    assert event.message.id
                    left -= 1
                    if not left:
                        break
            assert not left
            return count / (time.perf_counter() - began)

        async def other(count: int) -> float:
            await fill(count)
            began = time.perf_counter()
            config = ConsumerConfig(ack_policy=AckPolicy.NONE, mem_storage=True, inactive_threshold=_TIMEOUT_S)
            reader = await js.pull_subscribe(_FILTER, stream=subjects.events_stream("default"), config=config)
            left = count
            while left:
                left -= len(await reader.fetch(min(_FETCH, left), timeout=_TIMEOUT_S))
            rate = count / (time.perf_counter() - began)
            await reader.unsubscribe()
            return rate

        pair = await alternate_rates(ours, other, pace=pace, guess=_GUESS)
    against = f"fetch({_FETCH}) of the same stream, no decoding, no acks"
    return [pair.result("replay", against=against, unit="msg/s", target=0.8)]
