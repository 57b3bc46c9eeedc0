"""The same work on other systems, where they can be had: `python -m bench --peers`.

A server is started when its program is on the PATH, in a directory of its own
with an fsync before each acknowledgement where it has such a mode; or an
address is taken from TRUNKLINE_BENCH_RABBITMQ or TRUNKLINE_BENCH_REDIS. The
clients (`redis`, `aio-pika`, `faststream[nats]`) are not Trunkline's own
dependencies: install those that should be compared.
"""

import asyncio
import importlib.util
import logging
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from bench.consume import WARM_UP, Worker
from bench.payload import ORDER, RAW, Order
from bench.rounds import Pace, Result, alternate_rates, rate_in_flight
from bench.servers import Server, Stage, child
from trunkline import Context
from trunkline.protocol import subjects
from trunkline.protocol.resources import QueueDeclaration
from trunkline_hub.embedded.place import free_port

_WIDTH = 512
_GUESS = 5_000
_READY_S = 60.0
_NAME = "bench"

Both = tuple[Callable[[int], Awaitable[float]], Callable[[int], Awaitable[float]]]
"""Publishes so many, acknowledged, and works off so many: each per second."""


async def peers(stage: Stage, pace: Pace) -> list[Result]:
    """Publish and work off 1 KB messages: ours against each system that is there."""
    results: list[Result] = []
    for name, (module, open_peer) in _PEERS.items():
        if importlib.util.find_spec(module) is None:
            print(f"  {name}: left out, the Python package {module} is not installed")
            continue
        async with open_peer(stage) as theirs, _ours(stage.powersafe) as ours:
            if theirs is None:
                print(f"  {name}: left out, no server on the PATH and no address given")
                continue
            for index, verb in enumerate(("publish", "consume")):
                pair = await alternate_rates(ours[index], theirs[index], pace=pace, guess=_GUESS)
                against = f"{name}, acknowledged, {_WIDTH} in flight"
                results.append(pair.result(f"peer_{name}_{verb}", against=against, unit="msg/s", target=1.0))
    return results


@asynccontextmanager
async def _ours(server: Server) -> AsyncIterator[Both]:
    worker = Worker(server)

    @worker.agent.task(_NAME)
    async def work(order: Order, ctx: Context) -> None:
        worker.handle(order, ctx)

    async with server.client() as client:
        await client.queues.declare(_NAME, QueueDeclaration())

        async def send() -> object:
            return await client.enqueue(_NAME, ORDER)

        async def publish(count: int) -> float:
            rate = await rate_in_flight(send, count, _WIDTH)
            async with server.raw() as raw:
                await raw.jetstream(timeout=30).purge_stream(subjects.tasks_stream("default"))
            return rate

        async def consume(count: int) -> float:
            await rate_in_flight(send, count + WARM_UP, _WIDTH)
            return await worker.empty(count)

        yield publish, consume


@asynccontextmanager
async def _redis(_stage: Stage) -> AsyncIterator[Both | None]:
    from redis.asyncio import Redis  # noqa: PLC0415 -- only where it is installed

    async with _server("TRUNKLINE_BENCH_REDIS", "redis-server", _redis_command, "redis://127.0.0.1:{port}") as url:
        if url is None:
            yield None
            return
        client = Redis.from_url(url, max_connections=_WIDTH)
        await _until(client.ping)
        await client.xgroup_create(_NAME, _NAME, mkstream=True)

        async def send() -> object:
            return await client.xadd(_NAME, {"data": RAW})

        async def publish(count: int) -> float:
            rate = await rate_in_flight(send, count, _WIDTH)
            await client.xtrim(_NAME, maxlen=0)
            return rate

        async def consume(count: int) -> float:
            await rate_in_flight(send, count, _WIDTH)
            began, left = time.perf_counter(), count
            while left:
                [(_stream, entries)] = await client.xreadgroup(_NAME, "worker", {_NAME: ">"}, count=500)
                await client.xack(_NAME, _NAME, *(entry for entry, _fields in entries))
                left -= len(entries)
            return count / (time.perf_counter() - began)

        try:
            yield publish, consume
        finally:
            await client.delete(_NAME)
            await client.aclose()


@asynccontextmanager
async def _rabbitmq(_stage: Stage) -> AsyncIterator[Both | None]:
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # it tells of every knock before the door opens
    import aio_pika  # noqa: PLC0415 -- only where it is installed

    url = "amqp://guest:guest@127.0.0.1:{port}/"
    async with _server("TRUNKLINE_BENCH_RABBITMQ", _RABBITMQ, _rabbitmq_command, url) as address:
        if address is None:
            yield None
            return
        connection: Any = await _until(lambda: aio_pika.connect(address))
        channel = await connection.channel(publisher_confirms=True)
        await channel.set_qos(prefetch_count=500)
        queue = await channel.declare_queue(_NAME, durable=True)
        persistent = aio_pika.DeliveryMode.PERSISTENT

        async def send() -> object:
            message = aio_pika.Message(RAW, delivery_mode=persistent)
            return await channel.default_exchange.publish(message, routing_key=_NAME)

        async def publish(count: int) -> float:
            rate = await rate_in_flight(send, count, _WIDTH)
            await queue.purge()
            return rate

        async def consume(count: int) -> float:
            await rate_in_flight(send, count, _WIDTH)
            began, left = time.perf_counter(), count
            async with queue.iterator() as messages:
                async for message in messages:
                    await message.ack()
                    left -= 1
                    if not left:
                        break
            return count / (time.perf_counter() - began)

        try:
            yield publish, consume
        finally:
            await queue.delete(if_unused=False, if_empty=False)
            await connection.close()


@asynccontextmanager
async def _faststream(stage: Stage) -> AsyncIterator[Both | None]:
    """On the same broker process as ours, so that only the client side differs."""
    from faststream.nats import JStream, NatsBroker, PullSub  # noqa: PLC0415 -- only where it is installed
    from nats.js.api import RetentionPolicy  # noqa: PLC0415 -- as above

    server = stage.powersafe
    address = server.broker_url.replace("nats://", f"nats://hub:{server.broker_password}@")
    broker = NatsBroker(address, logger=None)
    stream = JStream("FASTSTREAM", subjects=["faststream.>"], retention=RetentionPolicy.WORK_QUEUE)
    left, done, gate = 0, asyncio.Event(), asyncio.Event()

    @broker.subscriber(
        "faststream.work", stream=stream, pull_sub=PullSub(batch_size=500), durable="bench", max_workers=8
    )
    async def handle(_body: dict[str, Any]) -> None:
        nonlocal left
        await gate.wait()
        left -= 1
        if left == 0:
            done.set()

    async def send() -> object:
        return await broker.publish(ORDER_DICT, "faststream.work", stream="FASTSTREAM", timeout=30)

    async def publish(count: int) -> float:
        nonlocal left
        left = count
        done.clear()
        gate.clear()
        rate = await rate_in_flight(send, count, _WIDTH)
        gate.set()
        await done.wait()
        return rate

    async def consume(count: int) -> float:
        nonlocal left
        left = count
        done.clear()
        gate.clear()
        await rate_in_flight(send, count, _WIDTH)
        began = time.perf_counter()
        gate.set()
        await done.wait()
        return count / (time.perf_counter() - began)

    async with broker:
        await broker.start()
        try:
            yield publish, consume
        finally:
            async with server.raw() as raw:
                await raw.jetstream(timeout=30).delete_stream("FASTSTREAM")


Open = Callable[[Stage], AbstractAsyncContextManager[Both | None]]
_PEERS: dict[str, tuple[str, Open]] = {
    "redis": ("redis", _redis),
    "rabbitmq": ("aio_pika", _rabbitmq),
    "faststream": ("faststream", _faststream),
}
_RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
ORDER_DICT = {"number": ORDER.number, "customer": ORDER.customer, "total": ORDER.total, "note": ORDER.note}


def _redis_command(folder: Path, port: int, program: str) -> tuple[list[str], dict[str, str]]:
    fsync = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    return [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *fsync], {}


def _rabbitmq_command(folder: Path, port: int, program: str) -> tuple[list[str], dict[str, str]]:
    environment = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"bench-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
    }
    return [program], environment


@asynccontextmanager
async def _server(
    variable: str, program: str, command: Callable[[Path, int, str], tuple[list[str], dict[str, str]]], url: str
) -> AsyncIterator[str | None]:
    """Yield the address that was given, or that of a server of our own; None where neither can be had."""
    given = os.environ.get(variable)
    found = shutil.which(program)
    if given or not found:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="trunkline-peer-", ignore_cleanup_errors=True) as folder:
        port = free_port()
        line, environment = command(Path(folder), port, found)
        try:
            async with child(line, environment):
                yield url.format(port=port)
        finally:
            await _end_epmd(environment.get("ERL_EPMD_PORT"))


async def _end_epmd(port: str | None) -> None:
    """Erlang's port mapper is left behind by RabbitMQ as a daemon; ours has a port of its own."""
    if port is not None and (program := shutil.which("epmd")) is not None:
        ending = await asyncio.create_subprocess_exec(
            program, "-port", port, "-kill", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        await ending.wait()


async def _until(ready: Callable[[], Any]) -> Any:
    """Return what `ready` gives once it gives anything."""
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            return await ready()
        except Exception:  # noqa: BLE001 -- each client has errors of its own for "not yet"
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
