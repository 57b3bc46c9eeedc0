"""Group commit: every acknowledged message is stored exactly once, whatever happens in between."""

import asyncio

import pytest
from trunkline.protocol.errors import (
    BusUnavailableError,
    ClientClosedError,
    MessageTooLargeError,
    PermissionDeniedError,
    QueueFullError,
)
from trunkline.publisher import Publisher

from support.bus import EVENTS, TASKS, on_the_bus, stored_ids


async def opened(bus, **options) -> Publisher:
    publisher = Publisher(bus, **options)
    await publisher.open()
    return publisher


def send(publisher, number, *, key=None, size=100, stream=EVENTS, subject="tl.default.events.t.x"):
    return publisher.publish(stream, subject, b"x" * size, msg_id=f"m{number}", key=key)


async def test_many_at_once_leave_in_batches_and_are_stored_once_each_in_order(broker):
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus)
        acks = await asyncio.gather(*(send(publisher, n) for n in range(2000)))
        ids = await stored_ids(bus, EVENTS)
        assert sorted(ids) == sorted(f"m{n}" for n in range(2000))
        assert [ids[ack.seq - 1] for ack in acks] == [f"m{n}" for n in range(2000)], "each ack tells the true place"
        assert publisher.stats.batches
        assert publisher.stats.acked == 2000
        publisher.close()


async def test_a_lone_message_waits_for_nothing(broker):
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus)
        ack = await asyncio.wait_for(send(publisher, 1), 5)
        assert (ack.stream, ack.seq, ack.duplicate) == (EVENTS, 1, False)
        assert (publisher.stats.singles, publisher.stats.batches) == (1, 0)
        publisher.close()


async def test_messages_with_one_key_keep_their_order(broker):
    """Even though batches overlap and some are refused for a duplicate inside."""
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus, max_batch=20)
        early = [3, 24, 203, 403]
        for n in early:
            await send(publisher, n, key=f"k{n % 7}")
        await asyncio.gather(*(send(publisher, n, key=f"k{n % 7}") for n in range(700)))
        ids = [int(text[1:]) for text in await stored_ids(bus, EVENTS)][len(early) :]
        for key in range(7):
            mine = [n for n in ids if n % 7 == key]
            assert mine == sorted(mine)
        assert len(ids) == 696
        publisher.close()


async def test_a_duplicate_is_told_and_stored_once(broker):
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus)
        first = await send(publisher, 1)
        second = await send(publisher, 1)
        assert (second.seq, second.duplicate) == (first.seq, True)
        assert await stored_ids(bus, EVENTS) == ["m1"]
        publisher.close()


async def test_a_duplicate_inside_a_batch_fails_nobody_else(broker):
    """The broker refuses the whole batch; its messages go again one by one."""
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus)
        await send(publisher, 50)
        acks = await asyncio.gather(*(send(publisher, n) for n in range(100)))
        assert [ack.duplicate for ack in acks] == [n == 50 for n in range(100)]
        assert sorted(await stored_ids(bus, EVENTS)) == sorted(f"m{n}" for n in range(100))
        assert publisher.stats.resent
        publisher.close()


async def test_the_same_id_twice_in_one_batch_is_stored_once(broker):
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus)
        acks = await asyncio.gather(*(send(publisher, n % 10) for n in range(30)))
        assert sorted(await stored_ids(bus, EVENTS)) == sorted(f"m{n}" for n in range(10))
        assert sum(not ack.duplicate for ack in acks) == 10
        publisher.close()


async def test_too_large_is_told_at_once_and_the_connection_lives_on(broker):
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus)
        futures = [send(publisher, 1), send(publisher, 2, size=bus.max_payload), send(publisher, 3)]
        assert futures[1].done(), "no round trip is needed to know"
        with pytest.raises(MessageTooLargeError):
            await futures[1]
        await asyncio.gather(futures[0], futures[2])
        await send(publisher, 4, size=bus.max_payload - 1000)
        assert bus.reconnects == 0
        publisher.close()


async def test_large_messages_are_not_batched_beyond_the_limit(broker):
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus)
        await asyncio.gather(*(send(publisher, n, size=300_000) for n in range(40)))
        assert len(await stored_ids(bus, EVENTS)) == 40
        publisher.close()


async def test_a_full_queue_refuses_and_loses_nothing(broker):
    """Discard new: what was acknowledged is there, what was refused is not, and room made is room used."""
    async with on_the_bus(broker, tasks_max_bytes=2**20) as bus:
        publisher = await opened(bus, give_up_s=20)
        subject = "tl.default.tasks.q.normal.0.t"
        futures = [send(publisher, n, size=10_000, stream=TASKS, subject=subject) for n in range(300)]
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        refused = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Exception)]
        assert refused
        assert {type(outcomes[n]) for n in refused} == {QueueFullError}
        assert sorted(await stored_ids(bus, TASKS)) == sorted(f"m{n}" for n in range(300) if n not in refused)
        await bus.client.jsm().purge_stream(TASKS)
        assert await send(publisher, 1000, stream=TASKS, subject=subject)
        publisher.close()


async def test_every_acknowledged_message_survives_a_killed_broker_exactly_once(broker):
    """kill -9 in the middle of the load; publishers notice nothing but a delay."""
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus)
        half = asyncio.Event()
        acked = 0

        async def worker(first: int) -> None:
            nonlocal acked
            for n in range(first, 4000, 40):
                await send(publisher, n, key=f"k{first}")
                acked += 1
                if acked == 1500:
                    half.set()

        load = asyncio.gather(*(worker(first) for first in range(40)))
        await asyncio.wait_for(half.wait(), 30)
        await broker.kill()
        await broker.start()
        await asyncio.wait_for(load, 60)
        ids = [int(text[1:]) for text in await stored_ids(bus, EVENTS)]
        assert sorted(ids) == list(range(4000))
        for first in range(40):
            mine = [n for n in ids if n % 40 == first]
            assert mine == sorted(mine), "order by key holds across the crash"
        assert bus.reconnects >= 1
        publisher.close()


async def test_a_broker_that_stays_away_is_told_after_the_deadline(broker):
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus, give_up_s=1.0)
        await send(publisher, 1)
        await broker.kill()
        futures = [send(publisher, n) for n in range(2, 30)]
        outcomes = await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 20)
        assert {type(outcome) for outcome in outcomes} == {BusUnavailableError}
        await broker.start()
        async with asyncio.timeout(20):
            while True:
                try:
                    await send(publisher, 100)
                    break
                except BusUnavailableError:
                    continue
        publisher.close()


async def test_closing_fails_what_is_under_way_instead_of_leaving_it_hanging(broker):
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus)
        await broker.kill()
        future = send(publisher, 1)
        publisher.close()
        with pytest.raises(ClientClosedError):
            await asyncio.wait_for(future, 5)
        with pytest.raises(ClientClosedError):
            await send(publisher, 2)


async def test_a_stream_that_does_not_exist_is_told(broker):
    async with on_the_bus(broker) as bus:
        publisher = await opened(bus, give_up_s=0.5)
        with pytest.raises(BusUnavailableError):
            await asyncio.wait_for(publisher.publish("NOWHERE", "tl.nowhere.x", b"x", msg_id="1"), 20)
        publisher.close()


async def test_a_denied_publish_is_told_quickly_and_fails_nobody_else(sqlite_hub, name):
    """The broker's refusal comes by its own way; the publisher does not wait for the missing ack."""
    token = await sqlite_hub.token("events:publish", principal=name)
    async with sqlite_hub.connected(token) as client:
        allowed = [client.publish(f"{name}.ok", n) for n in range(20)]
        forbidden = client.store("TASKS_default", f"tl.default.tasks.q.normal.0.{name}", b"x", msg_id="x")
        outcomes = await asyncio.wait_for(asyncio.gather(*allowed, forbidden, return_exceptions=True), 15)
    assert isinstance(outcomes[-1], PermissionDeniedError)
    assert not [outcome for outcome in outcomes[:-1] if isinstance(outcome, Exception)]


async def test_a_denied_message_among_allowed_ones_of_the_same_stream_fails_alone(sqlite_hub, name):
    token = await sqlite_hub.token("events:publish", principal=name)
    async with sqlite_hub.connected(token) as client:
        allowed = [client.publish(f"{name}.ok", n) for n in range(50)]
        forged = client.store("EVENTS_default", "tl.default.events.admin.forged", b"x", msg_id=f"{name}-x")
        more = [client.publish(f"{name}.ok", n) for n in range(50)]
        outcomes = await asyncio.wait_for(asyncio.gather(*allowed, forged, *more, return_exceptions=True), 25)
        assert isinstance(outcomes[50], PermissionDeniedError)
        assert [type(o).__name__ for o in outcomes if isinstance(o, Exception)] == ["PermissionDeniedError"]
    found = (await sqlite_hub.admin("GET", "events", params={"type": f"{name}.ok", "limit": 200})).json["items"]
    assert len(found) == 100
