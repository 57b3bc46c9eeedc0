"""What a queue tells of itself: depth, age, rates, trend, workers, by class and partition."""

import asyncio

import trunkline as tl

from support.hub import eventually

QUICK = {"sample_s": 0.2, "history": 10}


async def test_depth_age_flight_and_workers(hub, name):
    release, begun = asyncio.Event(), asyncio.Event()
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(n: int) -> None:
        begun.set()
        await release.wait()

    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name))
        empty = await client.queues.get(name)
        assert (empty.depth, empty.in_flight, empty.oldest_age_s, empty.workers, empty.consumers) == (0, 0, None, 0, 1)
        for n in range(4):
            await client.enqueue(name, n)
        await asyncio.sleep(0.3)
        waiting = await client.queues.get(name)
        assert (waiting.depth, waiting.in_flight) == (4, 0)
        assert 0.25 <= waiting.oldest_age_s < 20
        async with hub.serving(agent):
            await asyncio.wait_for(begun.wait(), 10)

            async def seen():
                queue = await client.queues.get(name)
                return queue if queue.workers == 1 and queue.in_flight == 1 else None

            busy = await eventually(seen)
            assert busy.depth == 3, "a slow worker takes one at a time"
            page = await client.queues.list(limit=500)
            (listed,) = [queue for queue in page.items if queue.name == name]
            assert (listed.depth, listed.in_flight, listed.workers) == (3, 1, 1)
            assert listed.oldest_age_s >= waiting.oldest_age_s
            release.set()


async def test_classes_and_partitions_are_told_for_one_queue_and_summed_in_the_list(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, classes={"high": 3}, concurrency_per_key=1, partitions=4))
        for n in range(6):
            await client.enqueue(name, n, key="one", priority="high")
        await client.enqueue(name, 7, key="one")
        queue = await client.queues.get(name)
        assert (queue.depth, queue.consumers, len(queue.lanes)) == (7, 8, 8)
        assert sorted((lane.priority, lane.depth) for lane in queue.lanes if lane.depth) == [("high", 6), ("normal", 1)]
        (listed,) = [one for one in (await client.queues.list(limit=500)).items if one.name == name]
        assert (listed.depth, listed.lanes) == (7, [])
        overview = (await hub.admin("GET", "overview")).json

        async def summed():
            readers = (await hub.admin("GET", "overview")).json["readers"]
            return [one["waiting"] for one in readers if one["name"] == name] == [7]

        assert overview
        await eventually(summed)


async def test_rates_and_trend(own_hub, name):
    hub = await own_hub(queues=QUICK)
    done: list[int] = []
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(n: int) -> None:
        done.append(n)

    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name))

        async def told(check):
            queue = await client.queues.get(name)
            return queue if check(queue) else None

        await eventually(lambda: told(lambda queue: len(queue.trend) >= 2))
        for n in range(30):
            await client.enqueue(name, n)
        filled = await eventually(lambda: told(lambda queue: queue.trend and queue.trend[-1] == 30))
        assert filled.in_per_s > 0
        assert filled.out_per_s == 0
        assert (filled.trend_s, filled.trend[0]) == (0.2, 0)
        async with hub.serving(agent):
            worked = await eventually(lambda: told(lambda queue: queue.trend[-1] == 0 and queue.out_per_s > 0))
        assert worked.out_per_s <= 30 / 0.2
        full = await eventually(lambda: told(lambda queue: len(queue.trend) == 10))
        assert full.trend[-1] == 0


async def test_a_flood_in_one_workspace_does_not_keep_anothers_workers_waiting(sqlite_hub, name):
    """A second workspace is flooded and worked on without a pause; messages here are done as promptly as before."""
    moments: list[float] = []
    flooded = 0
    here, there = tl.Agent(name), tl.Agent(name)

    @here.task(name)
    async def work(sent: float) -> None:
        moments.append(asyncio.get_running_loop().time() - sent)

    @there.task(name, concurrency=4)
    async def drown(n: int) -> None:
        nonlocal flooded
        flooded += 1

    async def probe(client, count: int) -> float:
        moments.clear()
        for _ in range(count):
            await client.enqueue(name, asyncio.get_running_loop().time())
            await asyncio.sleep(0.02)
        await eventually(lambda: len(moments) == count)
        return sorted(moments)[count // 2]

    stop, ready = asyncio.Event(), asyncio.Event()
    async with (
        sqlite_hub.serving(here),
        sqlite_hub.connected() as client,
        sqlite_hub.client(workspace="other") as other,
    ):
        alone = await probe(client, 20)
        serving = asyncio.ensure_future(
            there.serve(sqlite_hub.url, sqlite_hub.admin_token, workspace="other", ready=ready, stop=stop)
        )
        await asyncio.wait_for(ready.wait(), 10)

        async def flood() -> None:
            while not stop.is_set():
                await asyncio.gather(*(other.enqueue(name, n) for n in range(20)))

        flooding = asyncio.ensure_future(flood())
        await eventually(lambda: flooded > 200)
        beside = await probe(client, 20)
        at_end = flooded
        stop.set()
        await asyncio.gather(flooding, serving)
    assert at_end > 400, "it was a flood"
    assert beside < max(alone * 20, 0.5), (alone, beside)
