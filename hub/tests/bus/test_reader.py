"""Readers: leases kept, work given back, broker restarts survived."""

import asyncio

from trunkline.publisher import Publisher
from trunkline.reader import Reader

from support.bus import TASKS, on_the_bus, reader_frame
from support.hub import eventually


async def put(bus, *payloads: bytes) -> None:
    publisher = Publisher(bus)
    await publisher.open()
    for number, payload in enumerate(payloads):
        await publisher.publish(TASKS, "tl.default.tasks.q.normal.0.t", payload, msg_id=f"{payload!r}-{number}")


async def test_a_long_handler_keeps_its_lease_and_runs_once(broker):
    """Twice the ack wait, one run: the lease is extended while it works."""
    async with on_the_bus(broker) as bus:
        frame = await reader_frame(bus, "q", ack_wait_s=1.5)
        runs, done = [], asyncio.Event()

        async def handle(delivery) -> None:
            runs.append(delivery.deliveries)
            await asyncio.sleep(4)
            delivery.ack()
            done.set()

        await put(bus, b"a")
        reader = Reader(bus, frame, handle, concurrency=1)
        await reader.start()
        await asyncio.wait_for(done.wait(), 20)
        await bus.flush()

        async def settled():
            info = await bus.client.jsm().consumer_info(TASKS, frame.consumer)
            return info.num_ack_pending == 0 and info.num_pending == 0

        await eventually(settled)
        assert runs == [1]
        await reader.drain(timeout_s=1)


async def test_prefetched_work_keeps_its_lease_too(broker):
    """Messages that wait here behind a slow one are not handed to another meanwhile."""
    async with on_the_bus(broker) as bus:
        frame = await reader_frame(bus, "q", ack_wait_s=1.0)
        runs, all_done = [], asyncio.Event()

        async def handle(delivery) -> None:
            runs.append((delivery.payload, delivery.deliveries))
            if delivery.payload == b"slow":
                await asyncio.sleep(3)
            delivery.ack()
            if len(runs) >= 5:
                all_done.set()

        await put(bus, b"slow", b"1", b"2", b"3", b"4")
        reader = Reader(bus, frame, handle, concurrency=1)
        await reader.start()
        await asyncio.wait_for(all_done.wait(), 20)
        assert sorted(runs) == [(b"1", 1), (b"2", 1), (b"3", 1), (b"4", 1), (b"slow", 1)]
        await reader.drain(timeout_s=1)


async def test_a_drain_gives_back_what_nobody_has_begun_at_once(broker):
    """Another reader gets the prefetched messages without waiting for the lease to run out."""
    async with on_the_bus(broker) as bus:
        frame = await reader_frame(bus, "q", ack_wait_s=60)
        begun, release, taken = asyncio.Event(), asyncio.Event(), asyncio.Queue()

        async def hold(delivery) -> None:
            if delivery.payload != b"quick":
                begun.set()
                await release.wait()
            delivery.ack()

        async def take(delivery) -> None:
            taken.put_nowait(delivery.payload)
            delivery.ack()

        await put(bus, *[b"quick"] * 200, *(b"%d" % n for n in range(10)))
        first = Reader(bus, frame, hold, concurrency=1)  # learns that its handler is quick, and takes some in advance
        await first.start()
        await asyncio.wait_for(begun.wait(), 10)
        await eventually(lambda: first.in_flight > 1)
        draining = asyncio.ensure_future(first.drain(timeout_s=10))
        second = Reader(bus, frame, take, concurrency=2)
        await second.start()
        seen = [await asyncio.wait_for(taken.get(), 15) for _ in range(9)]
        release.set()
        await draining
        assert sorted(seen) == [b"%d" % n for n in range(1, 10)]
        await second.drain(timeout_s=1)
        assert taken.empty()


async def test_a_drain_lets_begun_work_finish(broker):
    async with on_the_bus(broker) as bus:
        frame = await reader_frame(bus, "q")
        begun, finished = asyncio.Event(), []

        async def handle(delivery) -> None:
            begun.set()
            await asyncio.sleep(0.5)
            finished.append(delivery.payload)
            delivery.ack()

        await put(bus, b"a")
        reader = Reader(bus, frame, handle, concurrency=1)
        await reader.start()
        await asyncio.wait_for(begun.wait(), 10)
        await reader.drain(timeout_s=10)
        assert finished == [b"a"]
        await bus.flush()

        async def gone():  # on a cluster the nodes agree on an acknowledgement first
            return (await bus.client.jsm().stream_info(TASKS)).state.messages == 0

        await eventually(gone)


async def test_a_reader_goes_on_soon_after_a_broker_restart(broker):
    """Pulls that the old broker never answers are asked anew at once: sooner than missed heartbeats (12.5 s) would tell."""
    async with on_the_bus(broker) as bus:
        frame = await reader_frame(bus, "q")
        seen: asyncio.Queue = asyncio.Queue()

        async def handle(delivery) -> None:
            delivery.ack()
            seen.put_nowait(delivery.payload)

        reader = Reader(bus, frame, handle, concurrency=2)
        await reader.start()
        await put(bus, b"before")
        assert await asyncio.wait_for(seen.get(), 10) == b"before"
        await bus.flush()
        await broker.kill()
        await broker.start()
        await eventually(lambda: bus.is_up)
        await put(bus, b"after")
        while (payload := await asyncio.wait_for(seen.get(), 8)) != b"after":
            assert payload == b"before", "an ack may have died with the broker"
        await reader.drain(timeout_s=1)


async def test_a_reader_whose_consumer_is_made_later_finds_it(broker):
    async with on_the_bus(broker) as bus:
        frame = await reader_frame(bus, "q")
        await bus.client.jsm().delete_consumer(TASKS, frame.consumer)
        seen: asyncio.Queue = asyncio.Queue()

        async def handle(delivery) -> None:
            delivery.ack()
            seen.put_nowait(delivery.payload)

        reader = Reader(bus, frame, handle, concurrency=1)
        await reader.start()
        await put(bus, b"a")
        await reader_frame(bus, "q")
        assert await asyncio.wait_for(seen.get(), 20) == b"a"
        await reader.drain(timeout_s=1)


async def test_no_more_is_asked_for_than_workers_can_take(broker):
    """With slow work the prefetch shrinks to what the workers have in hand."""
    async with on_the_bus(broker) as bus:
        frame = await reader_frame(bus, "q")
        most = 0
        running = 0
        done: asyncio.Queue = asyncio.Queue()

        async def handle(delivery) -> None:
            nonlocal most, running
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1
            delivery.ack()
            done.put_nowait(1)

        await put(bus, *(b"%d" % n for n in range(40)))
        reader = Reader(bus, frame, handle, concurrency=3)
        await reader.start()
        for _ in range(40):
            await asyncio.wait_for(done.get(), 20)
        assert most == 3
        await reader.drain(timeout_s=1)
