"""Many queues are spread over several streams, and who uses one does not notice on which it is."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
import trunkline as tl
from trunkline.protocol import frames, queueing, subjects
from trunkline.protocol.resources import QueueDeclaration
from trunkline_hub.bus import reconciler
from trunkline_hub.queues.model import Pages

from queues.test_strays import event, publish
from security.test_bus_rights import intruding
from support.hub import eventually
from support.letters import dead_letters, raw_client

SIZE = 3


@pytest_asyncio.fixture(loop_scope="session")
async def small(own_hub):
    """A hub of the test's own, whose pages have room for three consumers."""
    return await own_hub(queues={"page_size": SIZE})


@pytest_asyncio.fixture(loop_scope="session", params=["sqlite", "postgres"])
async def each(request, own_hub):
    """The same, once on each database: for what pages are chosen by."""
    url = {"url": await request.getfixturevalue("postgres").fresh()} if request.param == "postgres" else {}
    return await own_hub(queues={"page_size": SIZE}, **url)


async def declare(client, *names: str, **settings) -> list[int]:
    """Declare queues one after the other; the page of each."""
    return [(await client.queues.declare(tl.Queue(name, **settings))).page for name in names]


async def remove(client, *names: str) -> None:
    for name in names:
        work = await client.queues.delete(name)
        assert (await client.jobs.wait(work.job.id, timeout_s=20)).state == "completed"


async def task_streams(hub) -> set[str]:
    """The streams of queues that the broker has."""
    infos = await hub.component("bus").js().streams_info()
    return {info.config.name for info in infos if info.config.name.startswith("TASKS_default")}


@asynccontextmanager
async def working(hub, *queues: str):
    """An agent with no more rights than it needs; yields what it has done."""
    agent, done = tl.Agent("worker"), []
    for queue in queues:

        @agent.task(queue, concurrency=2, retry=tl.Retry(max_attempts=1))
        async def work(text: str) -> None:
            if text == "bad":
                raise tl.PermanentError("no")
            done.append(text)

    async with hub.serving(agent, await hub.token("agents:*", "queues:*", principal="worker")):
        yield done


async def test_queues_are_spread_over_pages_and_all_of_them_work(each):
    names = [f"q{n}" for n in range(8)]
    async with each.connected() as client:
        assert await declare(client, *names) == [0, 0, 0, 1, 1, 1, 2, 2]
        acks = await asyncio.gather(*(client.enqueue(name, name) for name in names for _ in range(5)))
        streams = ["TASKS_default"] * 3 + ["TASKS_default~~1"] * 3 + ["TASKS_default~~2"] * 2
        assert [ack.stream for ack in acks] == [stream for stream in streams for _ in range(5)]
        assert [(await client.queues.get(name)).depth for name in names] == [5] * 8
        assert [queue.depth for queue in (await client.queues.list()).items] == [5] * 8
        async with working(each, *names) as done:
            await eventually(lambda: len(done) == 40)
        assert sorted(done) == sorted(name for name in names for _ in range(5))

        async def settled():
            return [queue.depth + queue.in_flight for queue in (await client.queues.list()).items] == [0] * 8

        await eventually(settled)


async def test_what_the_hub_puts_into_a_queue_lies_on_its_page(small):
    """Through HTTP, later, once, moved and redriven."""
    async with small.connected() as client:
        assert await declare(client, "a", "b", "c", "q", dedupe_window_s=60) == [0, 0, 0, 1]
        acks = [await client.enqueue("q", "once", dedupe_key="k") for _ in range(2)]
        assert [(ack.stream, ack.duplicate) for ack in acks] == [
            ("TASKS_default~~1", False),
            ("TASKS_default~~1", True),
        ]
        answer = await small.admin("POST", "queues/q/messages", json={"data": "http"})
        assert answer.json["stream"] == "TASKS_default~~1"
        await client.enqueue("q", "later", delay_s=0.1)
        await client.enqueue("a", "moved")
        move = await small.admin("POST", "queues/a/move", json={"to": "q", "expected_at_most": 1})
        assert (await client.jobs.wait(move.json["job"]["id"], timeout_s=20)).result["moved"] == 1
        await client.enqueue("q", "bad")
        async with working(small, "q") as done:
            await eventually(lambda: len(done) == 4)
            (letter,) = await dead_letters(small, "q")
            redriven = await client.dead_letters.redrive(letter["id"])
            assert queueing.spot(redriven.subject).root == "paged.1"
            await dead_letters(small, "q", 2)
        assert sorted(done) == ["http", "later", "moved", "once"]


async def test_who_sends_by_an_older_grammar_reaches_the_queue_all_the_same(small, name):
    """A sender that knows nothing of pages puts its message into the common stream; from there it is brought home."""
    async with small.connected() as client:
        await declare(client, "a", "b", "c", "q")
        await publish(small, "old", (subjects.task("default", "q", "old"), event(7)))
        assert (await client.queues.get("q")).depth == 0
        scan = small.component("stray-scan")
        assert await scan.scan("default") == 1
        assert await scan.scan("default") == 0
        (waiting,) = (await client.queues.peek("q")).items
        assert (waiting.id, waiting.sender) == ("raw-7", "old")
        assert (await client.dead_letters.list()).items == []


async def test_a_page_is_filled_up_again_and_given_up_when_all_have_left_it(each, monkeypatch):
    monkeypatch.setattr(reconciler, "_LINGER_S", 0.0)
    names = [f"q{n}" for n in range(9)]
    async with each.connected() as client:
        await declare(client, *names)
        await remove(client, "q4")
        assert await declare(client, "again") == [1], "its place was free"
        await client.enqueue("again", "x")
        await remove(client, "q3", "q5")
        await each.component("reconciler").converge()
        assert "TASKS_default~~1" in await task_streams(each)
        assert (await client.queues.get("again")).depth == 1, "who is left stays"
        work = await client.queues.delete("again", force=True)
        await client.jobs.wait(work.job.id, timeout_s=20)

        async def gone():
            await each.component("reconciler").converge()
            return "TASKS_default~~1" not in await task_streams(each)

        await eventually(gone)
        assert await declare(client, *(f"new{n}" for n in range(4))) == [3, 3, 3, 4], "its number is not used again"
        async with working(each, "q8", "new0") as done:
            await client.enqueue("q8", "two")
            await client.enqueue("new0", "three")
            await eventually(lambda: sorted(done) == ["three", "two"])


@pytest.mark.slow
async def test_everything_is_where_it_was_after_a_crash_of_broker_and_hub(own_hub, broker, monkeypatch):
    monkeypatch.setattr(reconciler, "_LINGER_S", 0.0)
    options = {"queues": {"page_size": SIZE}}
    hub = await own_hub(**options)
    async with hub.connected() as client:
        await declare(client, *(f"q{n}" for n in range(6)))
        for n in range(6):
            await client.enqueue(f"q{n}", f"q{n}")
    await broker.kill()
    await hub.stop()
    await broker.start()
    hub = await own_hub(**options)
    await hub.component("reconciler").converge()
    async with hub.connected() as client:
        assert await declare(client, "q6") == [2], "the empty page that was opened ahead is still there"
        async with working(hub, *(f"q{n}" for n in range(6))) as done:
            await eventually(lambda: len(done) == 6)
    assert sorted(done) == [f"q{n}" for n in range(6)]


async def test_streams_that_were_lost_are_made_again(small):
    async with small.connected() as client:
        await declare(client, "a", "b", "c", "q")
        await small.component("bus").js().delete_stream("TASKS_default~~1")
        await small.component("reconciler").converge()
        assert (await client.enqueue("q", 1)).stream == "TASKS_default~~1"
        assert (await client.queues.get("q")).depth == 1


async def test_consumers_count_and_a_queue_with_many_fills_a_page_alone(each):
    async with each.connected() as client:
        assert await declare(client, "a") == [0]
        assert await declare(client, "classes", classes={"high": 2}) == [0]
        assert await declare(client, "ordered", concurrency_per_key=1, partitions=8) == [1]
        assert await declare(client, "b", "c") == [2, 2]
        ack = await client.enqueue("ordered", 1, key="k")
        assert ack.stream == "TASKS_default~~1"
        assert [lane.partition for lane in (await client.queues.get("ordered")).lanes if lane.depth] == [
            queueing.partition("k", 8)
        ]


async def test_limits_take_a_queue_off_its_page_and_without_them_it_gets_one(each):
    async with each.connected() as client:
        assert await declare(client, "a", "b", "c", "q") == [0, 0, 0, 1]
        assert await declare(client, "q", max_messages=5) == [0]
        assert (await client.enqueue("q", 1)).stream == "TASKS_default~q"
        await client.queues.declare("a", QueueDeclaration(max_messages=5))
        purged = await each.admin("POST", "queues/q/purge", json={"expected_at_most": 1})
        await client.jobs.wait(purged.json["job"]["id"], timeout_s=20)
        assert await declare(client, "q", max_messages=0) == [0], "there `a` left a place"
        assert await declare(client, "a", max_messages=0) == [1]

        async def sent():
            return {(await client.enqueue("q", 2)).stream, (await client.enqueue("a", 2)).stream}

        await eventually(lambda: _is(sent, {"TASKS_default", "TASKS_default~~1"}))


async def _is(ask, wanted) -> bool:
    return await ask() == wanted


async def test_where_the_broker_has_no_room_for_another_page_the_present_ones_take_more(own_hub):
    hub = await own_hub(queues={"page_size": 1}, bus={"tasks_max_bytes": 400 * 2**30})
    async with hub.connected() as client:
        assert await declare(client, *(f"q{n}" for n in range(6))) == [0, 1, 0, 1, 0, 1], "two of these fill a terabyte"
        assert await task_streams(hub) == {"TASKS_default", "TASKS_default~~1"}
        async with working(hub, "q4", "q5") as done:
            await client.enqueue("q4", "x")
            await client.enqueue("q5", "y")
            await eventually(lambda: sorted(done) == ["x", "y"])
        await hub.component("reconciler").converge()
        assert await hub.is_ready()


async def test_many_declared_at_once_open_few_pages(small):
    async with small.connected() as client:
        pages = await asyncio.gather(*(declare(client, f"q{n}") for n in range(24)))
        used = [page for (page,) in pages]
        assert set(used) == set(range(max(used) + 1))
        assert {stream.removeprefix("TASKS_default") for stream in await task_streams(small)} >= {"", "~~1"}
        acks = await asyncio.gather(*(client.enqueue(f"q{n}", n) for n in range(24)))
        assert [ack.stream for ack in acks] == [subjects.page_stream("default", page) for page in used]


async def test_rights_end_at_the_queue_on_any_page(small):
    async with small.connected() as client:
        await declare(client, "a", "b", "c", "mine", "other")
    token = await small.token("agents:*", "queues:*", principal="me")
    body = {"readers": [{"lane": "queue", "name": "mine"}]}
    assert (await small.http("PUT", "agents/me", token=token, json=body)).status == 200
    async with intruding(small, token, name="agent me i") as me:
        page = "TASKS_default~~1"
        assert await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{page}.q_mine")
        assert await me.may_publish(f"$JS.ACK.{page}.q_mine.1.1.1.1.1")
        for stream, consumer in ((page, "q_other"), ("TASKS_default", "q_mine"), ("TASKS_default~~2", "q_mine")):
            assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}")
            assert not await me.may_publish(f"$JS.ACK.{stream}.{consumer}.1.1.1.1.1")
        assert await me.may_publish("tl.default.paged.1.other.normal.0.me")
        assert not await me.may_publish("tl.default.paged.1.other.normal.0.admin")
        assert not await me.may_publish("tl.other.paged.1.other.normal.0.me")
        assert not await me.may_subscribe("tl.default.paged.>")
        assert not await me.may_publish(f"$JS.API.STREAM.PURGE.{page}")


async def test_a_letter_is_compared_with_the_original_on_its_page(small):
    async with small.connected() as client:
        await declare(client, "a", "b", "c", "q")
        await client.enqueue("a", 1)
        await client.enqueue("q", 2)
        (message,) = (await client.queues.peek("q")).items
    token = await small.token("agents:*", "queues:*", principal="me")
    body = {"readers": [{"lane": "queue", "name": "q"}]}
    assert (await small.http("PUT", "agents/me", token=token, json=body)).status == 200
    stored = await small.component("bus").js().get_msg("TASKS_default~~1", message.seq)
    own = {name: value for name, value in stored.headers.items() if not name.startswith("Nats-")}
    async with raw_client(small, token, name="agent me i") as raw:
        for root in ("paged.1", "tasks"):
            told = {
                frames.HEADER_SUBJECT: f"tl.default.{root}.q.normal.0.admin",
                frames.HEADER_STREAM_SEQ: str(message.seq),
            }
            await raw.publish(subjects.dead("default", "me", "queue", "q"), stored.data, headers=own | told)
        await raw.flush()
    letters = await dead_letters(small, "q", 2)
    assert sorted(letter["sender_verified"] for letter in letters) == [False, True]


async def test_the_overview_counts_the_work_of_all_pages(small):
    async with small.connected() as client:
        await declare(client, "a", "b", "c", "q")
        for queue in ("a", "q", "q"):
            await client.enqueue(queue, 1)

        async def counted():
            found = (await small.admin("GET", "overview")).json
            depth = sum(one["waiting"] for one in found["readers"] if one["lane"] == "queue")
            return found["tasks_total"] == depth == 3

        await eventually(counted)


def test_the_lowest_page_with_room_is_taken():
    full = {0: 3, 1: 3, 2: 1}
    assert Pages(used={}, last=0, size=3).choose(1) == 0
    assert Pages(used={}, last=0, size=3).choose(256) == 0, "an empty page takes any"
    assert Pages(used=full, last=2, size=3).choose(2) == 2
    assert Pages(used=full, last=2, size=3).with_room(3) is None
    assert Pages(used=full, last=2, size=3).choose(3) == 2, "the emptiest, where none has room"
    assert Pages(used=full, last=3, size=3).choose(3) == 3
    assert Pages(used={0: 3, 2: 3}, last=3, size=3).choose(1) == 3, "page 1 was given up"
    assert Pages(used={1: 3}, last=4, size=3).choose(1) == 0


@pytest.mark.parametrize(
    "subject",
    [
        "tl.w.paged.0.q.normal.0.ada", "tl.w.paged.01.q.normal.0.ada", "tl.w.paged.-1.q.normal.0.ada",
        "tl.w.paged.1_0.q.normal.0.ada", "tl.w.paged.x.q.normal.0.ada", "tl.w.paged.9999999999.q.normal.0.ada",
        "tl.w.paged.1.q.normal.0", "tl.w.paged", "tl.w.events.q.normal.0.ada", "tl.w.paged.1.q.normal.0.ada.x",
    ],
)  # fmt: skip
def test_what_is_no_subject_of_a_queue_is_not_read_as_one(subject):
    with pytest.raises(ValueError):
        queueing.spot(subject)


def test_subjects_and_streams_of_a_page():
    layout = queueing.layout(queueing.QueueOptions(classes={"high": 2}), 7)
    subject = queueing.address("w", "a.b", queueing.place(layout, "high", "k"), "ada")
    assert subject == "tl.w.paged.7.a=2Eb.high.0.ada"
    spot = queueing.spot(subject)
    assert (spot.queue, spot.priority, spot.principal, spot.stream) == ("a.b", "high", "ada", "TASKS_w~~7")
    assert queueing.stream("w", "a.b", layout) == "TASKS_w~~7"
    assert subjects.workspace_of_stream("TASKS_w~~7") == "w"
    assert subjects.sender_of(subject) == "ada"
    assert queueing.is_covered(spot, layout)
    assert not queueing.is_covered(spot, queueing.layout(queueing.QueueOptions(classes={"high": 2})))
    assert not queueing.is_covered(spot, queueing.layout(queueing.QueueOptions(classes={"high": 2}), 8))
    assert subjects.limited_stream("w", "~") != subjects.page_stream("w", 7)
