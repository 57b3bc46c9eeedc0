"""Dead letters redriven in bulk per second, against plain publishing by the same broker."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.payload import ORDER, RAW
from bench.rounds import Pace, Result, alternate_rates, rate_in_flight
from bench.servers import Server, Stage
from trunkline import Client
from trunkline.connection import Bus, Dial
from trunkline.protocol import frames, subjects
from trunkline.protocol.resources import LetterFilter, QueueDeclaration
from trunkline.publisher import Publisher
from trunkline.wire import header_lines

_NAME = "bench-redrive"
_WIDTH = 512
_GUESS = 4_000
_WAIT_S = 120.0
_POLL_S = 0.05
_LETTER = header_lines(
    {
        "Content-Type": "application/cloudevents+json",
        frames.HEADER_SUBJECT: subjects.task("default", _NAME, "admin"),
        frames.HEADER_STREAM_SEQ: "1",
        frames.HEADER_REASON: "attempts_exhausted",
        frames.HEADER_ERROR: "RuntimeError: made by the benchmark",
        frames.HEADER_DELIVERIES: "5",
    }
)


async def redrive(stage: Stage, pace: Pace) -> list[Result]:
    """A job redrives letters to their queue; nobody works there."""
    server = stage.powersafe
    async with server.client() as client, _hub_publisher(server) as publisher:
        await client.queues.declare(_NAME, QueueDeclaration())

        async def ours(count: int) -> float:
            await _make_letters(client, publisher, count)
            work = await client.dead_letters.redrive_all(LetterFilter(reader=_NAME))
            assert work.count == count
            assert work.job is not None
            began = time.perf_counter()
            job = await client.jobs.wait(work.job.id, timeout_s=_WAIT_S)
            taken = time.perf_counter() - began
            assert job.done == count, job
            return count / taken

        async def plain() -> object:
            return await client.enqueue(_NAME, ORDER)

        async def other(count: int) -> float:
            return await rate_in_flight(plain, count, _WIDTH)

        pair = await alternate_rates(ours, other, pace=pace, guess=_GUESS)
    against = f"client.enqueue, {_WIDTH} in flight, sync always both"
    return [pair.result("redrive", against=against, unit="msg/s", target=0.25)]


async def _make_letters(client: Client, publisher: Publisher, count: int) -> None:
    """Write letters as workers do, and wait until the hub has them all in its index."""
    mark = time.time_ns()
    subject = subjects.dead("default", "bench", "queue", _NAME)
    stream = subjects.dead_stream("default")

    futures = [publisher.publish(stream, subject, RAW, msg_id=f"{mark}:{n}", headers=_LETTER) for n in range(count)]
    await asyncio.gather(*futures)
    async with asyncio.timeout(_WAIT_S):
        while (await client.dead_letters.summary(reader=_NAME)).waiting < count:
            await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def _hub_publisher(server: Server) -> AsyncIterator[Publisher]:
    """Publish as the hub: a worker may only write the letters of what it failed at."""
    dial = Dial(
        urls=[server.broker_url], name="bench", inbox_prefix="_INBOX_bench", user="hub", password=server.broker_password
    )
    bus = Bus(dial)
    await bus.open()
    publisher = Publisher(bus)
    await publisher.open()
    try:
        yield publisher
    finally:
        publisher.close()
        await bus.close()
