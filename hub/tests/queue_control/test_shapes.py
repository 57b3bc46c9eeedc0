"""Operating queues that are not plain: with limits of their own, with classes, with order per key; and on a further page."""

import asyncio

import pytest
import trunkline as tl
from trunkline.protocol import queueing
from trunkline.protocol.errors import (
    QueueDrainingError,
    QueueFullError,
    QueueInUseError,
    QueueMessageTakenError,
    QueueUnknownError,
)
from trunkline.protocol.resources import MessageFilter, MoveRequest, PurgeRequest, QueueDeclaration
from trunkline_hub.bus import reconciler

from support.hub import eventually
from support.letters import dead_letters

SHAPES = {
    "limited": {"max_messages": 100},
    "classes": {"classes": {"high": 4, "low": 1}},
    "ordered": {"concurrency_per_key": 1, "partitions": 3},
    "all": {"max_messages": 100, "classes": {"high": 4}, "concurrency_per_key": 1, "partitions": 3},
    "paged": {},
    "paged, all": {"classes": {"high": 4}, "concurrency_per_key": 1, "partitions": 3},
}
shapes = pytest.mark.parametrize(
    ("hub", "shape"), [*(("sqlite", shape) for shape in SHAPES), ("postgres", "all")], indirect=["hub"]
)
"""A shape is the broker's business: the other database has the one that is all of them."""
KEYS = ("a", "b", "c", "d")


@pytest.fixture(params=["sqlite", "postgres"])
def hub(request, paged_hub):
    """A hub whose pages are large, but where the shape asks for further ones."""
    spec = getattr(request.node, "callspec", None)
    is_paged = spec is not None and str(spec.params.get("shape")).startswith("paged")
    return paged_hub if is_paged and request.param == "sqlite" else request.getfixturevalue(f"{request.param}_hub")


async def layout_of(client, name):
    settings = await client.queues.declaration(name)
    return queueing.layout(settings, settings.page)


def wanted(shape):
    return QueueDeclaration(**SHAPES[shape])


async def fill(client, name, shape, count=8):
    """Put messages in, each second one `high` where there are classes; return their sequences by number."""
    await client.queues.declare(name, wanted(shape))
    has_classes = "classes" in SHAPES[shape]
    acks = [
        await client.enqueue(
            name, n, key=KEYS[n % len(KEYS)], priority="high" if has_classes and n % 2 else None, id=f"{name}-{n}"
        )
        for n in range(count)
    ]
    return [ack.seq for ack in acks]


def worker(name, done, *, gate=None, concurrency=8):
    agent = tl.Agent(f"{name}-w")

    @agent.task(name, concurrency=concurrency)
    async def work(n: int, ctx: tl.Context) -> None:
        if gate is not None:
            await gate.wait()
        done.append((ctx.message.partitionkey, n))

    return agent


async def holds(client, name, count):
    async def so():
        queue = await client.queues.get(name)
        return queue.depth + queue.in_flight == count

    await eventually(so)


async def ended(client, work):
    job = await client.jobs.wait(work.job.id, timeout_s=20)
    assert job.state == "completed", job
    return job.result


async def spots(hub, name, shape):
    """Return (class, key, whether the partition is the key's) of all that lies where the queue's consumers look."""
    async with hub.connected() as client:
        layout = await layout_of(client, name)
        seen = (await client.queues.peek(name, limit=100)).items
    stream = queueing.stream("default", name, layout)
    js = hub.component("bus").js()
    found = []
    for message in seen:
        spot = queueing.spot((await js.get_msg(stream, message.seq)).subject)
        assert queueing.is_covered(spot, layout)
        in_place = not layout.per_key or spot.partition == str(queueing.partition(message.key, layout.partitions))
        found.append((spot.priority, message.key, in_place))
    return found


@shapes
async def test_messages_are_looked_at_and_one_is_cancelled(hub, name, shape):
    async with hub.connected() as client:
        seqs = await fill(client, name, shape)
        seen = (await client.queues.peek(name, limit=100)).items
        assert [message.seq for message in seen] == seqs
        assert {message.state for message in seen} == {"waiting"}
        assert [m.id for m in (await client.queues.peek(name, key="b")).items] == [f"{name}-1", f"{name}-5"]
        assert len((await client.queues.peek(name, sender="admin")).items) == 8
        assert (await client.queues.message(name, seqs[3])).payload["data"] == 3
        gone = await client.queues.cancel(name, seqs[3], reason="twice")
        assert gone.id == f"{name}-3"
        await holds(client, name, 7)
        (letter,) = await dead_letters(hub, name, state="discarded")
        assert (letter["reason"], letter["message_id"], letter["sender_verified"]) == ("cancelled", gone.id, True)
        done = []
        async with hub.serving(worker(name, done)):
            await holds(client, name, 0)
    assert sorted(n for _key, n in done) == [0, 1, 2, 4, 5, 6, 7]


@shapes
async def test_a_paused_queue_hands_nothing_out_of_any_of_its_consumers(hub, name, shape):
    done = []
    async with hub.connected() as client:
        await fill(client, name, shape, 4)
        await client.queues.pause(name, reason="stop")
        layout = await layout_of(client, name)
        js, stream = hub.component("bus").js(), queueing.stream("default", name, layout)
        for lane in queueing.lanes(name, layout):
            assert (await js.consumer_info(stream, lane.consumer)).paused, lane
        async with hub.serving(worker(name, done)):
            for n in range(4, 8):
                await client.enqueue(name, n, key=KEYS[n % 4])
            await hub.component("reconciler").converge()
            assert done == []
            assert {m.state for m in (await client.queues.peek(name)).items} == {"waiting"}
            assert (await client.queues.get(name)).status.state == "paused"
            await client.queues.resume(name)
            await holds(client, name, 0)
    assert sorted(n for _key, n in done) == list(range(8))


async def test_a_class_added_to_a_paused_queue_is_paused_too(hub, name):
    async with hub.connected() as client:
        await fill(client, name, "classes", 2)
        await client.queues.pause(name)
        await client.queues.declare(name, QueueDeclaration(classes={"high": 4, "low": 1, "new": 2}))
        info = await hub.component("bus").js().consumer_info("TASKS_default", f"q_{name}~c_new")
        assert info.paused


@shapes
async def test_a_draining_queue_takes_nothing_in_and_is_emptied(hub, name, shape):
    done = []
    async with hub.connected() as client:
        await fill(client, name, shape)
        await client.queues.drain(name, reason="moving house")

        async with hub.connected() as another:
            with pytest.raises(QueueDrainingError):
                await another.enqueue(name, 99, key="a")
        answer = await hub.admin("POST", f"queues/{name}/messages", json={"data": 1})
        assert answer.code == "queue.draining"
        async with hub.serving(worker(name, done)):
            await holds(client, name, 0)
    assert sorted(n for _key, n in done) == list(range(8))


@shapes
async def test_what_waits_is_purged_and_what_a_worker_holds_is_left_to_it(hub, name, shape):
    done, gate = [], asyncio.Event()
    async with hub.connected() as client:
        await fill(client, name, shape)
        async with hub.serving(worker(name, done, gate=gate, concurrency=1)):

            async def taken():
                return (await client.queues.get(name)).in_flight

            in_flight = await eventually(taken)
            dry = await client.queues.purge(name, PurgeRequest(dry_run=True))
            assert dry.count == 8 - in_flight
            work = await client.queues.purge(
                name, PurgeRequest(expected_at_most=8, up_to=dry.up_to, to_dead_letters=True)
            )
            assert (await ended(client, work))["purged"] == 8 - in_flight
            gate.set()
            await holds(client, name, 0)
        letters = await dead_letters(hub, name, 8 - in_flight)
        assert {letter["reason"] for letter in letters} == {"purged"}
        assert len(done) == in_flight
        await fill(client, name, shape, 3)
        assert (await client.queues.get(name)).depth in {0, 3}, "the same ids within two minutes are stored once"


@shapes
async def test_a_purge_at_once_empties_every_class_and_partition(hub, name, shape):
    async with hub.connected() as client:
        await fill(client, name, shape)
        await fill(client, f"{name}-b", shape, 2)
        work = await client.queues.purge(name, PurgeRequest(expected_at_most=8))
        assert (await ended(client, work))["purged"] == 8
        await holds(client, name, 0)
        await holds(client, f"{name}-b", 2)


@shapes
async def test_messages_move_out_of_a_plain_queue_into_the_right_places_and_back(hub, name, shape):
    plain, done = f"{name}-plain", []
    async with hub.connected() as client:
        await client.queues.declare(plain, QueueDeclaration(classes={"high": 1}))
        await client.queues.declare(name, wanted(shape))
        for n in range(8):
            await client.enqueue(plain, n, key=KEYS[n % 4], priority="high" if n % 2 else None)
        work = await client.queues.move(plain, MoveRequest(to=name, expected_at_most=8))
        assert (await ended(client, work))["moved"] == 8
        await holds(client, plain, 0)
        has_classes = "classes" in SHAPES[shape]
        lying = await spots(hub, name, shape)
        assert [key for _class, key, _ok in lying] == [KEYS[n % 4] for n in range(8)]
        assert all(in_place for _class, _key, in_place in lying)
        assert [c for c, _key, _ok in lying] == ["high" if has_classes and n % 2 else "normal" for n in range(8)]
        some = MoveRequest(to=plain, filter=MessageFilter(key="a"), expected_at_most=2)
        assert (await ended(client, await client.queues.move(name, some)))["moved"] == 2
        await holds(client, name, 6)
        async with hub.serving(worker(name, done)):
            await holds(client, name, 0)
        for key in KEYS[1:]:
            of_key = [n for k, n in done if k == key]
            assert len(of_key) == 2
            if SHAPES[shape].get("concurrency_per_key"):
                assert of_key == sorted(of_key)
        async with hub.serving(worker(plain, done)):
            await holds(client, plain, 0)
    assert sorted(n for _key, n in done) == list(range(8))


@shapes
async def test_what_a_worker_holds_cannot_be_cancelled_and_does_not_move(hub, name, shape):
    done, gate = [], asyncio.Event()
    async with hub.connected() as client:
        await client.queues.declare(f"{name}-to", QueueDeclaration())
        await fill(client, name, shape)
        async with hub.serving(worker(name, done, gate=gate, concurrency=1)):

            async def taken():
                seen = (await client.queues.peek(name)).items
                return [m for m in seen if m.state == "taken"]

            held = await eventually(taken)
            with pytest.raises(QueueMessageTakenError):
                await client.queues.cancel(name, held[0].seq)
            work = await client.queues.move(name, MoveRequest(to=f"{name}-to", expected_at_most=8))
            moved = (await ended(client, work))["moved"]
            gate.set()
            await holds(client, name, 0)
        await holds(client, f"{name}-to", moved)
    assert moved + len(done) == 8


@shapes
async def test_deleting_a_queue_that_holds_messages_is_refused_and_by_force_keeps_them(hub, name, shape, monkeypatch):
    monkeypatch.setattr(reconciler, "_LINGER_S", 0.0)
    async with hub.connected() as client:
        await fill(client, name, shape)
        layout = await layout_of(client, name)
        own = queueing.stream("default", name, layout)
        with pytest.raises(QueueInUseError):
            await client.queues.delete(name)
        work = await client.queues.delete(name, force=True, reason="obsolete")
        assert (await ended(client, work))["buried"] == 8
        letters = await dead_letters(hub, name, 8)
        assert {(letter["reason"], letter["sender_verified"]) for letter in letters} == {("unroutable", True)}
        with pytest.raises(QueueUnknownError):
            await client.queues.get(name)
        js, names = hub.component("bus").js(), {lane.consumer for lane in queueing.lanes(name, layout)}

        async def gone():
            await hub.component("reconciler").converge()
            streams = [info.config.name for info in await js.streams_info()]
            left = {info.name for info in await js.consumers_info("TASKS_default")}
            return (own == "TASKS_default" or own not in streams) and not names & left

        await eventually(gone)


async def test_a_full_queue_that_was_purged_takes_in_again(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration(max_messages=3))
        for n in range(3):
            await client.enqueue(name, n)
        with pytest.raises(QueueFullError):
            await client.enqueue(name, 3)
        await ended(client, await client.queues.purge(name, PurgeRequest(expected_at_most=3)))
        await client.enqueue(name, 4)
        await holds(client, name, 1)


async def test_a_rollback_that_needs_an_empty_queue_is_refused_while_it_is_not(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        await client.queues.declare(name, wanted("all"))
        await client.enqueue(name, 1, key="a", priority="high")
        with pytest.raises(QueueInUseError):
            await client.queues.rollback(name, 1)
        assert (await client.queues.get(name)).classes == {"normal": 1, "high": 4}
        await ended(client, await client.queues.purge(name, PurgeRequest(expected_at_most=1)))
        back = await client.queues.rollback(name, 1)
        assert (back.classes, back.max_messages, back.concurrency_per_key) == ({"normal": 1}, 0, 0)
        done = []
        async with hub.serving(worker(name, done)):
            await client.enqueue(name, 2, key="a")
            await holds(client, name, 0)
        assert done == [("a", 2)]


@shapes
@pytest.mark.parametrize("bulk", [False, True], ids=["one", "bulk"])
async def test_dead_letters_go_back_to_their_place_with_key_and_class(hub, name, shape, bulk):
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(max_attempts=1), **SHAPES[shape])
    async def work(n: int) -> None:
        raise tl.PermanentError("no")

    async with hub.connected() as client:
        async with hub.serving(agent):
            await fill(client, name, shape)
            letters = await dead_letters(hub, name, 8)
        if bulk:
            answer = await hub.admin(
                "POST", "dead-letters/redrive", json={"filter": {"reader": name}, "expected_at_most": 8}
            )
            assert (await client.jobs.wait(answer.json["job"]["id"], timeout_s=20)).result["redriven"] == 8
        else:
            for letter in letters:
                assert (await hub.admin("POST", f"dead-letters/{letter['id']}/redrive")).status < 300
        await holds(client, name, 8)
        has_classes = "classes" in SHAPES[shape]
        expected = [(("high" if has_classes and n % 2 else "normal"), KEYS[n % 4], True) for n in range(8)]
        assert sorted(await spots(hub, name, shape)) == sorted(expected)


async def test_a_message_in_binary_mode_has_its_place_too(hub, name):
    """Priority, key and expiry are headers then; sent, moved and redriven alike."""
    agent, seen = tl.Agent(f"{name}-w"), []

    @agent.task(name, **SHAPES["all"])
    async def work(data: bytes, ctx: tl.Context) -> None:
        seen.append((ctx.message.priority, ctx.message.partitionkey, data))
        raise tl.PermanentError("no")

    async with hub.connected() as client:
        await client.queues.declare(f"{name}-plain", QueueDeclaration(classes={"high": 1}, dedupe_window_s=60))
        await client.queues.declare(name, wanted("all"))
        options = {"key": "k", "priority": "high"}
        await client.enqueue(name, b"\x00direct", **options)
        await client.enqueue(name, b"\x00later", delay_s=0.1, **options)
        first = await client.enqueue(f"{name}-plain", b"\x00moved", dedupe_key="d", expires_in_s=900, **options)
        again = await client.enqueue(f"{name}-plain", b"\x00moved", dedupe_key="d", **options)
        assert (again.id, again.duplicate, first.duplicate) == (first.id, True, False)
        (waiting,) = (await client.queues.peek(f"{name}-plain")).items
        assert "ce-expirytime" in waiting.headers
        await ended(client, await client.queues.move(f"{name}-plain", MoveRequest(to=name, expected_at_most=1)))
        await holds(client, name, 3)
        assert {(c, k, ok) for c, k, ok in await spots(hub, name, "all")} == {("high", "k", True)}
        async with hub.serving(agent):
            letters = await dead_letters(hub, name, 3)
        assert sorted(seen) == [("high", "k", b"\x00direct"), ("high", "k", b"\x00later"), ("high", "k", b"\x00moved")]
        for letter in letters:
            assert (await hub.admin("POST", f"dead-letters/{letter['id']}/redrive")).status < 300
        await holds(client, name, 3)
        assert {(c, k, ok) for c, k, ok in await spots(hub, name, "all")} == {("high", "k", True)}
