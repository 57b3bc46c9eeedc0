"""What the broker gives up on, and what somebody deletes behind the hub's back."""

import asyncio
import json

import nats.js.errors
import pytest
import trunkline as tl
from nats.js.api import ConsumerConfig
from trunkline.protocol import subjects

from support.bus import TASKS, asking, take_and_drop
from support.hub import eventually
from support.letters import dead_letters, history


async def declared(hub, name: str) -> str:
    """Make a queue whose messages are given up after three deliveries of a second each; its consumer's name."""
    body = json.dumps({"ack_wait_s": 1, "retry": {"max_attempts": 1}}).encode()
    assert (await hub.admin("PUT", f"queues/{name}", raw=body)).status == 200
    return subjects.consumer("queue", name)


async def test_a_message_whose_worker_was_lost_too_often_dies_as_worker_lost(sqlite_hub, name):
    consumer = await declared(sqlite_hub, name)
    async with sqlite_hub.connected() as client:
        await client.enqueue(name, 1)
        await take_and_drop(sqlite_hub.component("bus").bus, consumer, 1)
        agent = tl.Agent(name)

        @agent.task(name)
        async def work(n: int) -> None:
            raise AssertionError("one attempt was all it had")

        async with sqlite_hub.serving(agent):
            (letter,) = await dead_letters(sqlite_hub, name)
            detail = await history(sqlite_hub, letter["id"], 1)
    assert letter["reason"] == "worker_lost"
    assert detail["history"][0]["error"]["code"] == "worker.lost"
    assert detail["payload"]["data"] == 1


async def test_a_message_that_no_worker_ever_settles_becomes_a_dead_letter_by_the_brokers_word(sqlite_hub, name):
    consumer = await declared(sqlite_hub, name)
    async with sqlite_hub.connected() as client:
        ack = await client.enqueue(name, 1)
        await take_and_drop(sqlite_hub.component("bus").bus, consumer, 3)
        async with asking(sqlite_hub.component("bus").bus, consumer):
            (letter,) = await dead_letters(sqlite_hub, name)
        assert (letter["reason"], letter["attempts"], letter["message_id"]) == ("deliveries_exhausted", 3, ack.id)
        with pytest.raises(nats.js.errors.NotFoundError):
            await sqlite_hub.component("bus").js().get_msg(TASKS, ack.seq)
        done = asyncio.Event()
        agent = tl.Agent(name)

        @agent.task(name)
        async def work(n: int) -> None:
            done.set()

        async with sqlite_hub.serving(agent):
            await client.dead_letters.redrive(letter["id"])
            await asyncio.wait_for(done.wait(), 20)


async def test_an_event_that_a_group_never_settles_becomes_a_dead_letter_and_stays_in_the_log(sqlite_hub, name):
    wanted = {
        "readers": [
            {"lane": "group", "name": name, "types": [f"{name}.e"], "ack_wait_s": 1, "retry": {"max_attempts": 1}}
        ]
    }
    assert (await sqlite_hub.admin("PUT", f"agents/{name}", raw=json.dumps(wanted).encode())).status == 200
    async with sqlite_hub.connected() as client:
        ack = await client.publish(f"{name}.e", 1)
        consumer = subjects.consumer("group", name)
        await take_and_drop(sqlite_hub.component("bus").bus, consumer, 3, stream="EVENTS_default")
        async with asking(sqlite_hub.component("bus").bus, consumer, stream="EVENTS_default"):
            (letter,) = await dead_letters(sqlite_hub, name)
        assert (letter["lane"], letter["reason"], letter["message_id"]) == ("group", "deliveries_exhausted", ack.id)
        assert [event.seq for event in (await client.events.query(type=f"{name}.e")).items] == [ack.seq]


@pytest.mark.parametrize("page", [0, 1])
async def test_an_orphan_whose_advisory_was_lost_is_found_by_the_scan(own_hub, name, page):
    hub, stream = await own_hub(queues={"page_size": 1}), subjects.page_stream("default", page)
    if page:
        await declared(hub, f"{name}-first")
    consumer = await declared(hub, name)
    bus = hub.component("bus").bus
    js = bus.client.jsm()
    async with hub.connected() as client:
        await client.enqueue(name, 0)
        await js.delete_consumer("ADVISORIES", "backstop")
        await take_and_drop(bus, consumer, 3, stream=stream)
        async with asking(bus, consumer, stream=stream):
            await eventually(lambda: given_up(js, consumer, stream))
        await client.enqueue(name, 1)
        await js.purge_stream("ADVISORIES")
        assert (await js.stream_info(stream)).state.messages == 2
        assert await hub.component("orphan-scan").scan("default") == 1
        (letter,) = await dead_letters(hub, name)
        assert letter["reason"] == "deliveries_exhausted"
        assert (await js.stream_info(stream)).state.messages == 1, "the one that still waits is left alone"
        assert await hub.component("orphan-scan").scan("default") == 0


async def test_the_scan_leaves_alone_what_is_at_work_waits_or_is_to_be_tried_again(own_hub, name):
    """In flight, given back with a delay, not yet delivered: none of them is an orphan."""
    hub = await own_hub()
    begun, release = asyncio.Event(), asyncio.Event()
    tried: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(max_attempts=5, base_s=0.7, jitter=0))
    async def work(n: int, ctx: tl.Context) -> None:
        if n == 0:
            begun.set()
            await release.wait()
        if n == 1:
            tried.put_nowait(ctx.attempt)
            if ctx.attempt < 3:
                raise RuntimeError
        if n == 2:
            tried.put_nowait("two")

    async with hub.connected() as client:
        await hub.admin("PUT", f"queues/{name}", raw=b"{}")
        await client.enqueue(name, 1)
        async with hub.serving(agent):
            assert await asyncio.wait_for(tried.get(), 10) == 1
            assert await hub.component("orphan-scan").scan("default") == 0
            assert await asyncio.wait_for(tried.get(), 10) == 2
            await client.enqueue(name, 0)
            await asyncio.wait_for(begun.wait(), 10)
            await client.enqueue(name, 2)
            assert await hub.component("orphan-scan").scan("default") == 0
            release.set()
            assert {await asyncio.wait_for(tried.get(), 10) for _ in range(2)} == {3, "two"}
        assert (await client.dead_letters.list(reader=name)).items == []


async def given_up(js, consumer: str, stream: str = TASKS) -> bool:
    """Whether the broker has stopped delivering the first message."""
    info = await js.consumer_info(stream, consumer)
    return bool(info.num_ack_pending == 0 and (await js.stream_info("ADVISORIES")).state.messages)


async def test_a_deleted_consumer_is_made_again_and_work_goes_on(own_hub, name):
    hub = await own_hub()
    done: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(n: int) -> None:
        done.put_nowait(n)

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, 1)
        assert await asyncio.wait_for(done.get(), 20) == 1
        js = hub.component("bus").js()
        await eventually(lambda: _settled(js))  # else what was done is, rightly, delivered once more
        await js.delete_consumer(TASKS, subjects.consumer("queue", name))
        await hub.component("reconciler").converge()
        assert await js.consumer_info(TASKS, subjects.consumer("queue", name))
        await client.enqueue(name, 2)
        assert await asyncio.wait_for(done.get(), 25) == 2


async def _settled(js):
    return (await js.stream_info(TASKS)).state.messages == 0


async def test_a_deleted_stream_is_made_again(own_hub):
    hub = await own_hub()
    js = hub.component("bus").js()
    for stream in ("TASKS_default", "DEAD_default", "ATTEMPTS_default", "EVENTS_default", "ADVISORIES"):
        await js.delete_stream(stream)
    await hub.component("reconciler").converge()
    for stream in ("TASKS_default", "DEAD_default", "ATTEMPTS_default", "EVENTS_default", "ADVISORIES"):
        assert (await js.stream_info(stream)).state.messages == 0
    async with hub.connected() as client:
        assert (await client.publish("after.that")).seq == 1


async def test_a_consumer_nobody_wants_any_more_is_removed_and_foreign_ones_are_left(own_hub, name):
    hub = await own_hub()
    js = hub.component("bus").js()
    await js.add_consumer(TASKS, ConsumerConfig(durable_name="q_gone", filter_subject="tl.default.tasks.gone.>", metadata={"trunkline-reader": "queue:gone"}, ack_policy="explicit"))  # fmt: skip
    await js.add_consumer(
        TASKS, ConsumerConfig(durable_name="operators", filter_subject="tl.default.tasks.own.>", ack_policy="explicit")
    )
    await hub.component("reconciler").converge()
    names = {info.name for info in await js.consumers_info(TASKS)}
    assert "q_gone" not in names
    assert "operators" in names


async def test_one_consumer_that_the_broker_refuses_does_not_keep_others_from_being_made(own_hub, name):
    """An operator's own consumer takes the place of one queue; the next queue works all the same."""
    hub = await own_hub()
    js = hub.component("bus").js()
    taken = subjects.task_filter("default", f"{name}-a")
    await js.add_consumer(TASKS, ConsumerConfig(durable_name="operators", filter_subject=taken, ack_policy="explicit"))
    for queue in ("a", "b"):
        assert (await hub.admin("PUT", f"queues/{name}-{queue}", raw=b"{}")).status == 200
    names = {info.name for info in await js.consumers_info(TASKS)}
    assert subjects.consumer("queue", f"{name}-b") in names
    assert await hub.is_ready()


async def test_a_hub_outlives_its_broker(own_hub, broker, name):
    """Not ready while the broker is away, told so with 503, and ready again by itself."""
    hub = await own_hub()
    await hub.admin("PUT", f"queues/{name}", raw=b"{}")
    await broker.kill()

    async def unready():
        return not await hub.is_ready()

    await eventually(unready)
    for method, path, body in (("GET", "queues", None), ("GET", "events", None), ("POST", f"queues/{name}/messages", b"{}"),
                               ("POST", "skills/x/call", b"{}"), ("POST", "events/subscriptions", b'{"types":[],"deliver_to":"_INBOX_admin.x"}')):  # fmt: skip
        if path.endswith("/messages"):
            continue  # waits for the broker's return within the publisher's deadline
        answer = await hub.admin(method, path, raw=body)
        assert answer.status in {404, 503}, (path, answer.body)
        if answer.status == 503:
            assert answer.headers["Retry-After"]
    waiting = asyncio.ensure_future(hub.admin("POST", f"queues/{name}/messages", raw=b"{}"))
    await broker.start()
    assert (await waiting).status == 201, "accepted while the broker was away, stored when it is back"
    await eventually(hub.is_ready)
