"""A draining queue at every door: new work is refused or held back, what was accepted before still comes in."""

import asyncio
from datetime import UTC, datetime

import pytest
import trunkline as tl
from trunkline import deferral
from trunkline.protocol.errors import QueueDrainingError
from trunkline.protocol.resources import (
    QueueDeclaration,
    RouteDeclaration,
    RouteMatch,
    RouteTarget,
    ScheduleDeclaration,
)

from support.hub import FakeClock, eventually


async def depth(client, name):
    return (await client.queues.get(name)).depth


async def reaches(client, name, wanted):
    await eventually(lambda: _is(client, name, wanted))


async def _is(client, name, wanted):
    return await depth(client, name) == wanted


async def test_the_gate_refuses_and_says_why(hub, name):
    token = await hub.token("queues:submit", principal=f"{name}-sender")
    async with hub.client() as admin, hub.connected(token) as client:
        await admin.queues.declare(name, QueueDeclaration())
        await client.enqueue(name, 1)
        await admin.queues.drain(name, reason="moving house")
        with pytest.raises(QueueDrainingError, match="moving house"):
            await client.enqueue(name, 2)  # the client believes that the queue is open: the gate knows better
        await admin.queues.resume(name)
        await client.enqueue(name, 3)
        assert await depth(admin, name) == 2


async def test_what_is_for_later_is_refused_now_and_comes_in_if_it_was_accepted(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        await client.enqueue(name, "early", delay_s=1.0)
        await client.queues.drain(name)
        answer = await hub.admin("POST", f"queues/{name}/messages", json={"data": "late", "delay_s": 1.0})
        assert (answer.status, answer.code) == (409, "queue.draining")
        await reaches(client, name, 1)
        assert [m.payload["data"] for m in (await client.queues.peek(name)).items] == ["early"]


async def test_routes_hold_events_back_and_send_nothing_twice(hub, name):
    """The other target of the event has it at once, and once, however long the queue stays closed."""
    shut, free = f"{name}-shut", f"{name}-free"
    async with hub.connected() as client:
        for queue in (shut, free):
            await client.queues.declare(queue, QueueDeclaration())
        await client.routes.declare(
            name,
            RouteDeclaration(
                match=RouteMatch(types=[name]), targets=[RouteTarget(queue=shut), RouteTarget(queue=free)]
            ),
        )
        await client.queues.drain(shut)
        router = hub.component("router")
        router._knowledge.spoil()
        ack = await client.publish(name, 1)
        await reaches(client, free, 1)
        await eventually(lambda: router._sent)
        assert list(router._sent.values()) == [{(name, 1)}]
        assert await depth(client, shut) == 0
        await client.queues.resume(shut)
        await reaches(client, shut, 1)
        await eventually(lambda: not router._sent)
        for queue in (shut, free):
            assert [m.id for m in (await client.queues.peek(queue)).items] == [ack.id]


async def test_cron_counts_a_firing_into_a_draining_queue_as_failed(own_hub, name):
    clock = FakeClock()
    clock.moment = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
    hub = await own_hub(clock=clock)
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        await client.schedules.declare(name, ScheduleDeclaration(cron="@hourly", queue=name))
        await client.queues.drain(name, reason="moving house")
        clock.moment = clock.moment.replace(hour=13, minute=0, second=10)

        async def fired():
            return (await client.schedules.firings(name)).items

        (firing,) = await eventually(fired)
        assert firing.outcome == "failed" and "moving house" in firing.detail
        await client.queues.resume(name)
        clock.moment = clock.moment.replace(hour=14)
        await reaches(client, name, 1)


async def test_a_long_retry_comes_back_into_a_draining_queue(hub, name, monkeypatch):
    monkeypatch.setattr(deferral, "LONG_S", 0.1)
    agent, done = tl.Agent(name), asyncio.Queue()

    @agent.task(name)
    async def work(n: int, ctx: tl.Context) -> None:
        if ctx.attempt == 1:
            raise tl.RetryAfterError(1.0, "not yet")
        done.put_nowait(n)

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, 7)

        async def waits():
            return [item for item in (await client.scheduled.list(limit=500)).items if item.target == name]

        await eventually(waits)
        await client.queues.drain(name)
        assert await asyncio.wait_for(done.get(), 20) == 7
