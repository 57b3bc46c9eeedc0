"""Strict order per key, with keys side by side, whoever dies, joins or fails."""

import asyncio
import zlib
from collections import defaultdict

import pytest
import trunkline as tl
from trunkline.protocol import queueing, subjects

from support.hub import eventually
from support.letters import dead_letters
from support.worker import worker


def ordered(name: str, **settings) -> tl.Queue:
    return tl.Queue(name, **{"concurrency_per_key": 1, "partitions": 8} | settings)


async def send(client, name: str, keys: int, each: int) -> None:
    """Send `each` messages for every key, interleaved, each key's in order."""

    async def one(key: str) -> None:
        for n in range(each):
            await client.enqueue(name, {"key": key, "n": n}, key=key)

    await asyncio.gather(*(one(f"k{number}") for number in range(keys)))


def by_key(seen) -> dict[str, list[int]]:
    found = defaultdict(list)
    for key, n in seen:
        found[key].append(n)
    return found


@pytest.mark.parametrize("handler_s", [0.0, 0.004, 0.11], ids=["at once", "quick", "slow"])
async def test_each_key_is_done_in_order_and_one_at_a_time_while_others_go_on(hub, name, handler_s):
    keys, each = (12, 40) if handler_s < 0.1 else (8, 6)
    seen, running, beside = [], defaultdict(int), 0
    agents = [tl.Agent(f"{name}-{n}") for n in range(2)]
    for agent in agents:

        @agent.task(name, concurrency=8)
        async def work(job: dict) -> None:
            nonlocal beside
            running[job["key"]] += 1
            assert running[job["key"]] == 1
            beside = max(beside, sum(running.values()))
            await asyncio.sleep(handler_s)
            running[job["key"]] -= 1
            seen.append((job["key"], job["n"]))

    async with hub.connected() as client:
        await client.queues.declare(ordered(name))
        async with hub.serving(agents[0]), hub.serving(agents[1]):
            await send(client, name, keys, each)
            await eventually(lambda: len(seen) == keys * each)
        assert (await client.dead_letters.list(reader=name)).items == []
    assert all(numbers == list(range(each)) for numbers in by_key(seen).values())
    if handler_s:
        assert beside > 2, "keys of different partitions are at work side by side"


async def test_a_failure_that_is_tried_again_holds_up_its_key_and_no_other_partition(sqlite_hub, name):
    """The first of a key fails twice with a delay: those behind it wait, the others are done long before."""
    seen = []
    agent = tl.Agent(name)

    @agent.task(name, concurrency=4, retry=tl.Retry(max_attempts=5, base_s=0.4, factor=1, jitter=0))
    async def work(job: dict, ctx: tl.Context) -> None:
        if job == {"key": "bad", "n": 0} and ctx.attempt < 3:
            raise RuntimeError
        seen.append((job["key"], job["n"]))

    other = next(f"k{n}" for n in range(99) if queueing.partition(f"k{n}", 8) != queueing.partition("bad", 8))
    async with sqlite_hub.connected() as client:
        await client.queues.declare(ordered(name))
        for n in range(5):
            for key in ("bad", other):
                await client.enqueue(name, {"key": key, "n": n}, key=key)
        async with sqlite_hub.serving(agent):
            await eventually(lambda: len(seen) == 10)
    assert seen[:5] == [(other, n) for n in range(5)]
    assert seen[5:] == [("bad", n) for n in range(5)]


async def test_what_dies_lets_its_key_go_on(sqlite_hub, name):
    seen = []
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(max_attempts=2, base_s=0.02))
    async def work(job: dict) -> None:
        if job["n"] == 1:
            raise RuntimeError("never")
        seen.append(job["n"])

    async with sqlite_hub.connected() as client:
        await client.queues.declare(ordered(name))
        for n in range(4):
            await client.enqueue(name, {"key": "a", "n": n}, key="a")
        async with sqlite_hub.serving(agent):
            await eventually(lambda: len(seen) == 3)
            (letter,) = await dead_letters(sqlite_hub, name)
    assert seen == [0, 2, 3]
    assert letter["reason"] == "attempts_exhausted"


@pytest.mark.slow
async def test_order_holds_when_a_worker_is_killed_and_others_join(sqlite_hub, name):
    """Two workers in processes of their own; one kills itself at work (-9), a third joins: no key goes out of order."""
    lines: list = []
    token = await sqlite_hub.token("agents:*", "queues:*", principal=f"p-{name}")
    keys, each = 10, 12
    async with sqlite_hub.connected() as client:
        await client.queues.declare(ordered(name, ack_wait_s=1.5))

        async def nothing_is_left() -> bool:
            queue = await client.queues.get(name)
            return (queue.depth, queue.in_flight, queue.dead) == (0, 0, 0)

        await send(client, name, keys, each)
        async with (
            worker(sqlite_hub, token, f"{name}-a", name, lines, seconds=0.02, die_at=5) as first,
            worker(sqlite_hub, token, f"{name}-b", name, lines, seconds=0.02),
        ):
            await asyncio.wait_for(first.process.wait(), 30)
            assert first.process.returncode == -9
            async with worker(sqlite_hub, token, f"{name}-c", name, lines, seconds=0.02) as third:
                await eventually(lambda: sum(line[1] == "end" for line in lines) >= keys * each, timeout_s=40)
                assert any(line[0] == "end" for line in third.lines), "the newcomer got its share"
                await eventually(nothing_is_left)
    ended = by_key((key, n) for _at, what, key, n, _attempt in lines if what == "end")
    assert {key: sorted(set(numbers)) for key, numbers in ended.items()} == {
        f"k{number}": list(range(each)) for number in range(keys)
    }
    assert ended == {key: sorted(numbers) for key, numbers in ended.items()}, "what was not acknowledged is done again"
    begun = by_key((key, n) for _at, what, key, n, _attempt in lines if what == "begin")
    assert begun == {key: sorted(numbers) for key, numbers in begun.items()}, "nothing began before its turn"
    assert any(attempt > 1 for *_rest, attempt in lines), "what the dead worker held was done by another"


async def test_messages_without_a_key_spread_over_the_partitions(sqlite_hub, name):
    async with sqlite_hub.connected() as client:
        await client.queues.declare(ordered(name))
        await asyncio.gather(*(client.enqueue(name, n) for n in range(200)))
        lanes = (await client.queues.get(name)).lanes
    assert sum(lane.depth for lane in lanes) == 200
    assert min(lane.depth for lane in lanes) > 5


async def test_a_few_at_a_time_per_key(sqlite_hub, name):
    running, most, done = 0, 0, []
    agent = tl.Agent(name)

    @agent.task(name, concurrency=10)
    async def work(job: dict) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.03)
        running -= 1
        done.append(job["n"])

    async with sqlite_hub.connected() as client:
        await client.queues.declare(ordered(name, concurrency_per_key=3))
        for n in range(30):
            await client.enqueue(name, {"n": n}, key="one")
        async with sqlite_hub.serving(agent):
            await eventually(lambda: len(done) == 30)
    assert most == 3


async def test_classes_and_partitions_together(sqlite_hub, name):
    seen = []
    agent = tl.Agent(name)

    @agent.task(name, concurrency=4)
    async def work(job: dict) -> None:
        seen.append((job["key"], job["n"]))

    async with sqlite_hub.connected() as client:
        await client.queues.declare(ordered(name, classes={"high": 4}))
        for n in range(20):
            await client.enqueue(name, {"key": "a-high", "n": n}, key="a", priority="high")
            await client.enqueue(name, {"key": "a", "n": n}, key="a")
        queue = await client.queues.get(name)
        assert (queue.depth, queue.consumers, len(queue.lanes)) == (40, 16, 16)
        async with sqlite_hub.serving(agent):
            await eventually(lambda: len(seen) == 40)
    assert by_key(seen) == {"a": list(range(20)), "a-high": list(range(20))}


@pytest.mark.parametrize(("key", "number"), [("order-17", 4), ("", 0), ("käse", 7), ("a" * 300, 9)])
def test_the_partition_of_a_key_is_what_the_page_says(key, number):
    assert queueing.partition(key, 16) == zlib.crc32(key.encode("utf-8")) % 16 == number


def test_the_names_on_the_bus_are_as_documented():
    layout = queueing.layout(queueing.QueueOptions(classes={"high": 2}, concurrency_per_key=1, partitions=2))
    lanes = queueing.lanes("a.b", layout)
    assert [lane.consumer for lane in lanes] == [
        "q_a=2Eb~p_0", "q_a=2Eb~p_1", "q_a=2Eb~c_high~p_0", "q_a=2Eb~c_high~p_1",
    ]  # fmt: skip
    assert queueing.lane_filter("w", "a.b", layout, lanes[3]) == "tl.w.tasks.a=2Eb.high.1.*"
    assert {subjects.reader_of_consumer(lane.consumer) for lane in lanes} == {"a.b"}
