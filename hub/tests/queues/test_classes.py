"""Priority classes: high goes first, low is never starved, and a busy worker holds back nothing."""

import asyncio
from collections import Counter

import pytest
import trunkline as tl
from trunkline.protocol.errors import QueueClassUnknownError

from support.hub import eventually

CLASSES = {"high": 4, "normal": 2, "low": 1}


async def waiting(hub, name: str) -> int:
    return (await hub.admin("GET", f"queues/{name}")).json["depth"]


async def test_messages_of_every_class_are_handled_once_and_say_their_class(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name, concurrency=3, classes=CLASSES)
    async def work(n: int, ctx: tl.Context) -> None:
        done.put_nowait((n, ctx.message.priority))

    async with hub.serving(agent), hub.connected() as client:
        for n in range(30):
            await client.enqueue(name, n, priority=[None, "high", "low"][n % 3])
        answer = await hub.admin("POST", f"queues/{name}/messages", json={"data": 30, "priority": "high"})
        assert answer.status == 201
        handled = [await asyncio.wait_for(done.get(), 20) for _ in range(31)]
        assert sorted(n for n, _priority in handled) == list(range(31))
        assert Counter(priority for _n, priority in handled) == {None: 10, "high": 11, "low": 10}
    assert done.empty()


@pytest.mark.parametrize("handler_s", [0.002, 0.15], ids=["quick", "slow"])
async def test_with_all_classes_saturated_each_gets_its_share(sqlite_hub, name, handler_s):
    done: list[str] = []
    agent = tl.Agent(name)

    @agent.task(tl.Queue(name, classes=CLASSES), concurrency=4)
    async def work(priority: str) -> None:
        await asyncio.sleep(handler_s)
        done.append(priority)

    count = 84 if handler_s > 0.1 else 2100
    async with sqlite_hub.connected() as client:
        await client.queues.declare(tl.Queue(name, classes=CLASSES))
        await asyncio.gather(*(client.enqueue(name, p, priority=p) for p in CLASSES for _ in range(count)))
        async with sqlite_hub.serving(agent):
            await eventually(lambda: len(done) >= count, timeout_s=30)
            shares = Counter(done[:count])
    assert 0.45 <= shares["high"] / count <= 0.70, shares
    assert 0.07 <= shares["low"] / count <= 0.25, shares


async def test_high_goes_before_a_backlog_of_low(sqlite_hub, name):
    order: list[str] = []
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(priority: str) -> None:
        await asyncio.sleep(0.12)
        order.append(priority)

    async with sqlite_hub.connected() as client:
        await client.queues.declare(tl.Queue(name, classes={"high": 10, "low": 1}))
        for _ in range(12):
            await client.enqueue(name, "low", priority="low")
        async with sqlite_hub.serving(agent):
            await eventually(lambda: len(order) >= 2)
            for _ in range(3):
                await client.enqueue(name, "high", priority="high")
            await eventually(lambda: order.count("high") == 3)
            assert order.count("low") <= 7, order


async def test_a_busy_worker_takes_nothing_that_an_idle_one_could_do(sqlite_hub, name):
    """Slow work, two workers of one slot each: the second message of each class does not wait behind the first."""
    release = asyncio.Event()
    began: list[tuple[str, int]] = []
    agents = [tl.Agent(f"{name}-{n}") for n in range(2)]
    for agent in agents:

        @agent.task(name)
        async def work(n: int, ctx: tl.Context) -> None:
            began.append((ctx.client.principal, n))
            await release.wait()

    tokens = [await sqlite_hub.token("agents:*", "queues:*", principal=agent.name) for agent in agents]
    async with sqlite_hub.connected() as client:
        await client.queues.declare(tl.Queue(name, classes=CLASSES))
        async with sqlite_hub.serving(agents[0], tokens[0]):
            await client.enqueue(name, 1, priority="low")
            await eventually(lambda: len(began) == 1)
            async with sqlite_hub.serving(agents[1], tokens[1]):
                await client.enqueue(name, 2, priority="high")
                await eventually(lambda: len(began) == 2)
                assert {who for who, _n in began} == {agent.name for agent in agents}
                await client.enqueue(name, 3, priority="high")
                await asyncio.sleep(0.3)
                assert await waiting(sqlite_hub, name) == 1, "nobody hoards it"
                release.set()
                await eventually(lambda: len(began) == 3)


async def test_an_unknown_class_is_told_with_those_there_are(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, classes=CLASSES))
        with pytest.raises(QueueClassUnknownError, match="high"):
            await client.enqueue(name, 1, priority="urgent")
        answer = await hub.admin("POST", f"queues/{name}/messages", json={"data": 1, "priority": "urgent"})
        assert (answer.status, answer.code) == (400, "queue.class_unknown")
        assert await waiting(hub, name) == 0


async def test_a_class_added_while_all_run_is_used_at_once_by_senders_and_workers(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    release = asyncio.Event()
    agent = tl.Agent(name)

    @agent.task(name, concurrency=2)
    async def work(n: int, ctx: tl.Context) -> None:
        if n == 0:
            await release.wait()
        done.put_nowait((n, ctx.attempt))

    token = await hub.token("agents:*", "queues:*", principal=f"p-{name}")
    async with hub.serving(agent, token), hub.connected() as client:
        await client.enqueue(name, 0)
        await client.enqueue(name, 1)
        assert await asyncio.wait_for(done.get(), 10) == (1, 1)
        await client.queues.declare(tl.Queue(name, classes={"high": 4}))
        await client.enqueue(name, 2, priority="high")
        assert await asyncio.wait_for(done.get(), 10) == (2, 1)
        await client.enqueue(name, 3)
        assert await asyncio.wait_for(done.get(), 10) == (3, 1)
        release.set()
        assert await asyncio.wait_for(done.get(), 10) == (0, 1), "what was at work was not disturbed"
    assert done.empty()


async def test_together_classes_have_no_more_out_than_the_queue_may(sqlite_hub, name):
    running, most = 0, 0
    done: list[int] = []
    agent = tl.Agent(name)

    @agent.task(name, concurrency=20)
    async def work(n: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        done.append(n)

    async with sqlite_hub.connected() as client:
        await client.queues.declare(tl.Queue(name, classes=CLASSES, max_in_flight=7))
        await asyncio.gather(*(client.enqueue(name, n, priority=list(CLASSES)[n % 3]) for n in range(60)))
        async with sqlite_hub.serving(agent):
            await eventually(lambda: len(done) == 60)
    assert most <= 7
