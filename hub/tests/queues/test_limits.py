"""Queues with limits of their own: full is told at once, waited out where wanted, and loses nothing."""

import asyncio
import time

import pytest
import trunkline as tl
from trunkline.protocol import subjects
from trunkline.protocol.errors import QueueFullError

from support.hub import eventually


async def fill(client, name: str, count: int) -> int:
    """Send `count` at once; how many were taken."""
    answers = await asyncio.gather(*(client.enqueue(name, n) for n in range(count)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(answer, QueueFullError) for answer in refused), refused
    return count - len(refused)


async def test_a_full_queue_says_so_at_once_and_holds_what_it_took(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, max_messages=10))
        assert await fill(client, name, 25) == 10
        began = time.monotonic()
        with pytest.raises(QueueFullError):
            await client.enqueue(name, 1)
        assert time.monotonic() - began < 2
        answer = await hub.admin("POST", f"queues/{name}/messages", json={"data": 1})
        assert (answer.status, answer.code) == (503, "queue.full")
        assert answer.headers["Retry-After"]
        assert (await client.queues.get(name)).depth == 10


async def test_a_limit_of_bytes(sqlite_hub, name):
    async with sqlite_hub.connected() as client:
        await client.queues.declare(tl.Queue(name, max_bytes=100_000))
        answers = await asyncio.gather(*(client.enqueue(name, "x" * 9000) for _ in range(20)), return_exceptions=True)
        taken = [answer for answer in answers if not isinstance(answer, BaseException)]
        assert 8 <= len(taken) <= 11
        assert (await client.queues.get(name)).depth == len(taken)


async def test_a_sender_that_waits_gets_in_when_there_is_room(sqlite_hub, name):
    done: list[int] = []
    agent = tl.Agent(name)

    @agent.task(name, concurrency=2)
    async def work(n: int) -> None:
        await asyncio.sleep(0.01)
        done.append(n)

    async with sqlite_hub.connected() as client:
        await client.queues.declare(tl.Queue(name, max_messages=5))
        assert await fill(client, name, 5) == 5
        began = time.monotonic()
        with pytest.raises(QueueFullError):
            await client.enqueue(name, 99, wait_s=0.4)
        assert time.monotonic() - began >= 0.35
        waiting = [asyncio.ensure_future(client.enqueue(name, n, wait_s=20)) for n in range(5, 40)]
        async with sqlite_hub.serving(agent):
            acks = await asyncio.gather(*waiting)
            await eventually(lambda: len(done) == 40)
    assert sorted(done) == list(range(40))
    assert not any(ack.duplicate for ack in acks)


async def test_other_queues_do_not_notice(sqlite_hub, name):
    async with sqlite_hub.connected() as client:
        await client.queues.declare(tl.Queue(name, max_messages=1))
        await client.queues.declare(tl.Queue(f"{name}-b", max_messages=3))
        await client.queues.declare(tl.Queue(f"{name}-plain"))
        assert [await fill(client, f"{name}{suffix}", 5) for suffix in ("", "-b", "-plain")] == [1, 3, 5]


async def test_limits_are_raised_and_lowered_while_messages_wait(sqlite_hub, name):
    async with sqlite_hub.connected() as client:
        await client.queues.declare(tl.Queue(name, max_messages=3))
        assert await fill(client, name, 5) == 3
        await client.queues.declare(tl.Queue(name, max_messages=6, max_bytes=10_000_000))
        assert await fill(client, name, 5) == 3
        await client.queues.declare(tl.Queue(name, max_messages=2))
        queue = await client.queues.get(name)
        assert (queue.depth, queue.max_messages) == (6, 2), "what was taken stays"
        assert await fill(client, name, 1) == 0


async def test_classes_order_and_dead_letters_work_with_limits_too(hub, name):
    seen: list[int] = []
    agent = tl.Agent(name)

    @agent.task(name, concurrency=4, retry=tl.Retry(max_attempts=1))
    async def work(n: int) -> None:
        if n == 3 and 3 not in seen:
            seen.append(n)
            raise ValueError
        seen.append(n)

    settings = {"classes": {"high": 2}, "concurrency_per_key": 1, "partitions": 3, "max_messages": 50}
    token = await hub.token("agents:*", "queues:*", principal=f"p-{name}")
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, **settings))
        for n in range(12):
            await client.enqueue(name, n, key="k", priority="high")
        async with hub.serving(agent, token):
            await eventually(lambda: len(seen) == 12)
            assert seen == list(range(12))

            async def letter():
                return (await client.dead_letters.list(reader=name)).items

            (dead,) = await eventually(letter)
            await client.dead_letters.redrive(dead.id)
            await eventually(lambda: len(seen) == 13)
    assert seen[-1] == 3


async def test_switching_limits_off_goes_back_to_the_common_stream_and_the_old_one_goes(own_hub, name, monkeypatch):
    monkeypatch.setattr("trunkline_hub.bus.reconciler._LINGER_S", 0.0)
    hub = await own_hub()
    js = hub.component("bus").js()
    stream = subjects.limited_stream("default", name)
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, max_messages=5))
        assert (await js.stream_info(stream)).config.max_msgs == 5
        await client.queues.declare(tl.Queue(name, max_messages=0))

        async def sent():
            return (await client.enqueue(name, 1)).stream == "TASKS_default"

        await eventually(sent)
        await hub.component("reconciler").converge()
        assert stream not in {info.config.name for info in await js.streams_info()}
