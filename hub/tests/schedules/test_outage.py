"""Delayed messages while things are down, full or gone."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import trunkline as tl
from nats.js.errors import NotFoundError
from trunkline.protocol.resources import QueueDeclaration
from trunkline_hub.queues.store import queues

from support.hub import eventually


def taking(name: str, done: asyncio.Queue) -> tl.Agent:
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(n: Any, ctx: tl.Context) -> None:
        done.put_nowait((n, ctx, datetime.now(UTC)))

    return agent


@pytest.mark.slow
async def test_delays_survive_a_killed_broker_and_a_killed_hub(own_hub, broker, name):
    """What was due while everything is down comes once, late, when both are back; what is due later comes, too."""
    hub = await own_hub()
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        await client.enqueue(name, "due meanwhile", delay_s=0.5)
        await client.enqueue(name, "due later", delay_s=4)
        await client.publish(f"{name}.e", 1, delay_s=0.5)
    await hub.stop()
    await broker.kill()
    await asyncio.sleep(0.6)
    await broker.start()
    hub = await own_hub()
    done: asyncio.Queue = asyncio.Queue()
    async with hub.serving(taking(name, done)), hub.connected() as client:
        came = [(await asyncio.wait_for(done.get(), 20))[0] for _ in range(2)]
        assert sorted(came) == ["due later", "due meanwhile"]  # a slow start may be after both

        async def logged():
            return len((await client.events.query(type=f"{name}.e")).items) == 1

        await eventually(logged)
    assert done.empty()


async def test_what_was_carried_on_is_removed(own_hub, name):
    hub = await own_hub()
    done: asyncio.Queue = asyncio.Queue()
    async with hub.serving(taking(name, done)), hub.connected() as client:
        await asyncio.gather(*(client.enqueue(name, n, delay_s=0.3) for n in range(20)))
        assert sorted([(await asyncio.wait_for(done.get(), 20))[0] for _ in range(20)]) == list(range(20))
    js = hub.component("bus").js()

    async def empty():
        return (await js.stream_info("SCHEDULE_default")).state.messages == 0

    await eventually(empty)


async def test_too_much_is_refused_and_what_waits_stays(own_hub, name):
    hub = await own_hub(bus={"schedule_max_bytes": 2**20})
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        for _ in range(3):
            await client.enqueue(name, "x" * 500_000, delay_s=1000)
        answer = await hub.admin("POST", f"queues/{name}/messages", raw=b'{"data":1,"delay_s":9}')
        assert (answer.status, answer.code) == (503, "schedule.full")
        assert len((await client.scheduled.list(queue=name)).items) == 3


async def test_a_queue_that_is_gone_by_then_makes_a_dead_letter(own_hub, name):
    hub = await own_hub()
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        ack = await client.enqueue(name, 1, delay_s=1)
        db = hub.component("outbox-relay")._db
        async with db.write() as tx:
            await tx.execute(queues.delete().where(queues.c.name == name))

        async def buried():
            return (await client.dead_letters.list(reader=name, reason="unroutable")).items

        (letter,) = await eventually(buried)
        assert letter.message_id == ack.id
    with pytest.raises(NotFoundError):
        await hub.component("bus").js().get_msg("TASKS_default", 1)
