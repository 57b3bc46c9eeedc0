"""The bus without a hub: a connection as the hub's own user, and streams made as the hub makes them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.js.api import AckPolicy, ConsumerConfig
from trunkline.connection import Bus, Dial
from trunkline.protocol import frames, subjects
from trunkline.protocol.frames import RetryPolicy
from trunkline_hub.bus import streams
from trunkline_hub.bus.patience import patiently
from trunkline_hub.bus.settings import BusSettings

from support.broker import Broker

EVENTS, TASKS = "EVENTS_default", "TASKS_default"
SIZES = {"events_max_bytes": 2**28, "tasks_max_bytes": 2**28, "dead_max_bytes": 2**28}


@asynccontextmanager
async def on_the_bus(broker: Broker, **settings) -> AsyncIterator[Bus]:
    """A connection that may do everything; the streams of `default` exist."""
    dial = Dial(
        urls=broker.urls, name="test", inbox_prefix="_INBOX_test", user="hub", password=broker.secrets.hub_password
    )
    bus = Bus(dial)
    await bus.open()
    for config in streams.workspace_streams("default", BusSettings(replicas=broker.replicas, **SIZES | settings)):
        await streams.ensure_stream(bus.client.jsm(), config)
    try:
        yield bus
    finally:
        await bus.close()


async def stored_ids(bus: Bus, stream: str) -> list[str]:
    """Return the message ids in a stream in the order in which they lie there."""
    js = bus.client.jetstream(timeout=20)
    info = await js.stream_info(stream)
    if stream == TASKS:  # a work queue lets nobody look on; its messages are read one by one
        seqs = range(info.state.first_seq, info.state.last_seq + 1)
        return [str(((await js.get_msg(stream, seq)).headers or {})["Nats-Msg-Id"]) for seq in seqs]
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, mem_storage=True, inactive_threshold=30, headers_only=True)
    made = await patiently(lambda: js.add_consumer(stream, config))
    puller = await js.pull_subscribe_bind(consumer=made.name, stream=stream)
    found: list[str] = []
    while len(found) < info.state.messages:
        batch = await patiently(lambda: puller.fetch(500, timeout=10))  # a node may not know the new consumer yet
        found += [str((message.headers or {})["Nats-Msg-Id"]) for message in batch]
    await puller.unsubscribe()
    return found


async def reader_frame(bus: Bus, queue: str, *, ack_wait_s: float = 2.0, max_attempts: int = 5) -> frames.Reader:
    """Make the consumer of a queue and return what an agent is told about it."""
    name = subjects.consumer("queue", queue)
    config = ConsumerConfig(
        durable_name=name, filter_subject=subjects.task_filter("default", queue), ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ack_wait_s, max_deliver=max_attempts + 2, max_ack_pending=1000,
    )  # fmt: skip
    await bus.client.jsm().add_consumer(TASKS, config)
    return frames.Reader(
        lane="queue",
        name=queue,
        stream=TASKS,
        consumer=name,
        retry=RetryPolicy(max_attempts=max_attempts),
        ack_wait_s=ack_wait_s,
    )


@asynccontextmanager
async def asking(bus: Bus, consumer: str, *, stream: str = TASKS) -> AsyncIterator[None]:
    """Ask for work as an idle worker does; the broker gives up a message only while somebody asks."""
    inbox = bus.client.new_inbox()
    subscription = await bus.client.subscribe(inbox)
    await bus.client.publish(
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", b'{"batch":1,"expires":20000000000}', reply=inbox
    )
    try:
        yield
    finally:
        await subscription.unsubscribe()
        await bus.flush()


async def take_and_drop(bus: Bus, consumer: str, times: int, *, stream: str = TASKS) -> None:
    """Take a message `times` times as a worker that dies each time before it settles it."""
    inbox = bus.client.new_inbox()
    taken: asyncio.Queue = asyncio.Queue()
    subscription = await bus.client.subscribe(inbox, cb=taken.put)
    for _ in range(times):
        await bus.client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", b'{"batch":1,"expires":20000000000}', reply=inbox
        )
        message = await asyncio.wait_for(taken.get(), 25)
        assert message.reply.startswith("$JS.ACK"), message
    await subscription.unsubscribe()
