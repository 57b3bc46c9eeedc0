"""What lies where no consumer looks is brought home, or dies as unroutable; nothing is lost."""

import asyncio
import json

import pytest
import trunkline as tl
from trunkline.protocol import envelope as ce
from trunkline.protocol import queueing, subjects

from support.hub import eventually
from support.letters import dead_letters, raw_client


def event(n: int, **attributes) -> bytes:
    return json.dumps(
        {"specversion": "1.0", "id": f"raw-{n}", "source": "/raw", "type": "t", "data": n} | attributes
    ).encode()


async def publish(hub, principal: str, *messages: tuple[str, bytes]) -> None:
    """Send as a plain NATS client that knows nothing of classes and partitions."""
    token = await hub.token("queues:enqueue", principal=principal)
    js = hub.component("bus").js()
    wanted = (await js.stream_info("TASKS_default")).state.last_seq + len(messages)
    async with raw_client(hub, token) as client:
        for subject, payload in messages:
            await client.publish(subject, payload, headers={"Content-Type": ce.CONTENT_TYPE})
        await client.flush()

    async def are_stored():
        return (await js.stream_info("TASKS_default")).state.last_seq >= wanted

    await eventually(are_stored)


async def handled_by(hub, name: str, count: int, **settings) -> list:
    """Work on a queue until `count` messages are done."""
    done: list = []
    agent = tl.Agent(name)

    @agent.task(name, concurrency=2)
    async def work(n: int, ctx: tl.Context) -> None:
        done.append((n, ctx.message.id))

    async with hub.serving(agent):
        await eventually(lambda: len(done) >= count)
    return done


async def test_a_message_under_a_class_or_partition_that_is_not_there_is_brought_home(own_hub, name):
    hub = await own_hub()
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, classes={"high": 2}, concurrency_per_key=1, partitions=4))
        where = f"tl.default.tasks.{name}"
        await publish(
            hub, f"p-{name}",
            (f"{where}.urgent.0.p-{name}", event(1, partitionkey="a")),
            (f"{where}.normal.9.p-{name}", event(2, partitionkey="b")),
            (f"{where}.normal.04.p-{name}", event(3)),
            (f"{where}.low.x.p-{name}", event(4, priority="high")),
            (f"{where}.normal.2.p-{name}", event(5)),
        )  # fmt: skip
        assert (await client.queues.get(name)).depth == 1
        assert await hub.component("stray-scan").scan("default") == 4
        queue = await client.queues.get(name)
        assert queue.depth == 5
        assert {lane.partition for lane in queue.lanes if lane.depth and lane.priority == "high"} == {
            queueing.partition("raw-4", 4)
        }
        assert queueing.partition("a", 4) in {lane.partition for lane in queue.lanes if lane.depth}
        assert await hub.component("stray-scan").scan("default") == 0
    assert sorted(await handled_by(hub, name, 5)) == [(n, f"raw-{n}") for n in range(1, 6)]


async def test_who_sent_it_is_kept(own_hub, name):
    hub = await own_hub()
    async with hub.client() as client:
        await client.queues.declare(tl.Queue(name, classes={"high": 2}))
    await publish(hub, f"p-{name}", (f"tl.default.tasks.{name}.nowhere.0.p-{name}", b"junk"))
    await hub.component("stray-scan").scan("default")
    counts = await hub.component("bus").js().stream_info("TASKS_default", subjects_filter=">")
    assert counts.state.subjects == {f"tl.default.tasks.{name}.normal.0.p-{name}": 1}


async def test_a_queue_that_got_limits_gets_what_was_sent_to_it_before(own_hub, name):
    """A sender that does not know yet: its messages move from the common stream to the queue's own, as room comes."""
    hub = await own_hub()
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, max_messages=3))
        await publish(hub, f"p-{name}", *[(subjects.task("default", name, f"p-{name}"), event(n)) for n in range(5)])
        scan = hub.component("stray-scan")
        assert await scan.scan("default") == 3
        assert (await client.queues.get(name)).depth == 3
        assert len(await handled_by(hub, name, 3)) == 3
        assert await scan.scan("default") == 2, "what found no room was kept"
        assert len(await handled_by(hub, name, 2)) == 2
        assert (await client.dead_letters.list(reader=name)).items == []


async def test_what_is_for_no_queue_dies_as_unroutable_and_can_be_redriven_once_there_is_one(own_hub, name):
    hub = await own_hub()
    scan = hub.component("stray-scan")
    await publish(hub, f"p-{name}", (subjects.task("default", name, f"p-{name}"), event(1)))
    assert await scan.scan("default") == 1
    (letter,) = await dead_letters(hub, name)
    assert (letter["reason"], letter["sender"], letter["message_id"]) == ("unroutable", f"p-{name}", "raw-1")
    assert await scan.scan("default") == 0
    async with hub.client() as client:
        await client.queues.declare(tl.Queue(name))
        await client.dead_letters.redrive(letter["id"])
    assert await handled_by(hub, name, 1) == [(1, "raw-1")]


@pytest.mark.parametrize("token", ["=FF", "=00", "x" * 200, "=2A", "=ZZ"])
async def test_names_that_no_queue_can_have_die_too_and_harm_nobody(own_hub, postgres, name, token):
    hub = await own_hub(url=await postgres.fresh())
    await publish(hub, f"p-{name}", (f"tl.default.tasks.{token}.normal.0.p-{name}", b"\xff\x00"))
    assert await hub.component("stray-scan").scan("default") == 1
    (letter,) = await dead_letters(hub, "unroutable")
    assert letter["reason"] == "unroutable"
    assert (await hub.admin("GET", f"dead-letters/{letter['id']}")).status == 200


async def test_what_has_a_consumer_is_left_alone(own_hub, name):
    hub = await own_hub()
    async with hub.connected() as client:
        for queue in (
            tl.Queue(name),
            tl.Queue(f"{name}-o", concurrency_per_key=1, classes={"low": 1}),
            tl.Queue(f"{name}-l", max_messages=9),
        ):
            await client.queues.declare(queue)
            await asyncio.gather(*(client.enqueue(queue.name, n, key=f"k{n}") for n in range(9)))
    assert await hub.component("stray-scan").scan("default") == 0
    assert await hub.component("orphan-scan").scan("default") == 0


async def test_an_interrupted_move_leaves_one_copy(own_hub, name, monkeypatch):
    """The hub dies after storing the copy and before deleting the stray: the next scan doubles nothing."""
    hub = await own_hub()
    async with hub.client() as client:
        await client.queues.declare(tl.Queue(name, classes={"high": 2}))
    await publish(hub, f"p-{name}", (f"tl.default.tasks.{name}.gone.0.p-{name}", event(1)))
    scan = hub.component("stray-scan")

    async def die(*_arguments) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr("trunkline_hub.bus.strays.take_off", die)
        with pytest.raises(RuntimeError):
            await scan.scan("default")
    assert await scan.scan("default") == 1
    assert len(await handled_by(hub, name, 1)) == 1
    assert (await hub.component("bus").js().stream_info("TASKS_default")).state.messages == 0
