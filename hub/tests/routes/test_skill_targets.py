"""Routes that lead to skills: an event waits in the skill's queue, and a hub calls it."""

import asyncio

import msgspec
import trunkline as tl
from support.hub import eventually
from support.letters import dead_letters
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, subjects
from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.resources import QueueDeclaration, RouteDeclaration, RouteMatch, RouteTarget
from trunkline.wire import header_lines

QUICK = RetryPolicy(max_attempts=3, base_s=0.01, factor=1.0, jitter=0.0)
PATIENT = RetryPolicy(max_attempts=500, base_s=0.05, factor=1.0, jitter=0.0)


class Order(msgspec.Struct):
    n: int


def agent_with(skill, calls, work=None, **options):
    agent = tl.Agent(f"a-{skill}")

    @agent.skill(name=skill, **options)
    async def do(order: Order, ctx: tl.Context):
        calls.append((order.n, ctx.id))
        return await work(order) if work else None

    return agent


async def lead(client, name, *, retry=QUICK, **more):
    """Route events to the skill, with quick retries; returns the skill's queue."""
    await client.queues.declare(f"skill.do-{name}", QueueDeclaration(retry=retry))
    target = RouteTarget(skill=f"do-{name}")
    await client.routes.declare(
        f"r-{name}", RouteDeclaration(targets=[target], match=RouteMatch(types=[f"{name}.made"]), **more)
    )
    return f"skill.do-{name}"


async def is_done(client, queue):
    found = await client.queues.get(queue)
    return (found.depth, found.in_flight) == (0, 0)


async def test_each_event_is_one_call_in_its_senders_name(hub, name):
    calls, seen = [], []
    agent = tl.Agent(f"a-do-{name}")

    @agent.skill(name=f"do-{name}")
    async def do(order: Order, ctx: tl.Context):
        calls.append(order.n)
        seen.append((ctx.id, ctx.message.causationid, ctx.correlation_id))

    token = await hub.token("*", principal=f"sender-{name}")
    async with hub.connected() as client, hub.connected(token) as sender, hub.serving(agent):
        queue = await lead(client, name)
        acks = await asyncio.gather(*(sender.publish(f"{name}.made", {"n": n}) for n in range(100)))
        await sender.publish(f"{name}.other", {"n": -1})
        await eventually(lambda: len(calls) >= 100)
        await eventually(lambda: is_done(client, queue))
        assert sorted(calls) == list(range(100))
        assert sorted(seen) == sorted((f"{ack.id}.do-{name}", ack.id, ack.id) for ack in acks)
        path = await eventually(lambda: told(client, acks[0].id))
        assert path.sender == f"sender-{name}"


async def told(client, message_id):
    trace = await client.trace(message_id)
    return next((node for node in trace.roots[0].children if node.kind == "call" and node.handlings), None)


async def test_an_agent_that_comes_later_gets_what_waited(hub, name):
    calls = []
    async with hub.connected() as client:
        async with hub.serving(agent_with(f"do-{name}", calls)):
            queue = await lead(client, name, retry=PATIENT)
        await asyncio.gather(*(client.publish(f"{name}.made", {"n": n}) for n in range(5)))
        await eventually(lambda: tried(hub, queue))
        assert calls == []
        async with hub.serving(agent_with(f"do-{name}", calls)):
            await eventually(lambda: len(calls) >= 5)
            await eventually(lambda: is_done(client, queue))
        assert sorted(n for n, _id in calls) == list(range(5))


async def tried(hub, queue):
    return (await hub.admin("GET", f"queues/{queue}")).json["redelivered"]


async def test_a_skill_that_fails_is_tried_again_and_then_dead_lettered(hub, name):
    calls = []

    async def fail(_order):
        raise RuntimeError("no")

    async with hub.connected() as client, hub.serving(agent_with(f"do-{name}", calls, fail)):
        queue = await lead(client, name)
        ack = await client.publish(f"{name}.made", {"n": 7})
        (letter,) = await dead_letters(hub, queue)
        assert (letter["reason"], letter["attempts"], letter["message_id"]) == ("attempts_exhausted", 3, ack.id)
        assert calls == [(7, f"{ack.id}.do-{name}")] * 3  # an idempotent skill knows them by their id


async def test_what_a_skill_cannot_read_is_dead_at_once(hub, name):
    calls = []
    async with hub.connected() as client, hub.serving(agent_with(f"do-{name}", calls)):
        queue = await lead(client, name)
        await client.publish(f"{name}.made", {"n": "many"})
        (letter,) = await dead_letters(hub, queue)
        assert (letter["reason"], letter["attempts"]) == ("invalid", 1)
        assert calls == []


async def test_a_route_that_is_disabled_leaves_the_queue_alone(hub, name):
    calls = []
    async with hub.connected() as client, hub.serving(agent_with(f"do-{name}", calls)):
        queue = await lead(client, name, enabled=False)
        await client.enqueue(queue, {"n": 1})
        await asyncio.sleep(0.5)  # nothing happens, and that cannot be awaited
        assert calls == []
        await lead(client, name)
        await eventually(lambda: calls)
        assert [n for n, _id in calls] == [1]


async def test_at_most_sixteen_calls_are_under_way_from_each_hub(hub, name):
    calls, under_way, most, go = [], 0, 0, asyncio.Event()

    async def wait(_order):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await go.wait()
        under_way -= 1

    async with hub.connected() as client, hub.serving(agent_with(f"do-{name}", calls, wait, concurrency=100)):
        queue = await lead(client, name)
        await asyncio.gather(*(client.publish(f"{name}.made", {"n": n}) for n in range(40)))
        await eventually(lambda: under_way == 16)
        go.set()
        await eventually(lambda: len(calls) == 40)
        await eventually(lambda: is_done(client, queue))
        assert most == 16


async def test_nobody_is_called_in_a_name_that_is_only_claimed(hub, name):
    """A redriven letter's sender can be its reader's word: the queue takes it, the skill is not told it."""
    calls = []
    async with hub.connected() as client, hub.serving(agent_with(f"do-{name}", calls)):
        queue = await lead(client, name)
        message = ce.new_envelope(type=f"{name}.made", source="/x", data=b'{"n": 1}')
        bus, subject = hub.component("bus"), subjects.task("default", queue, "somebody")
        headers = header_lines({"Content-Type": ce.CONTENT_TYPE, frames.HEADER_UNPROVEN: "1"})
        await bus.store("TASKS_default", subject, ce.encode(message), msg_id=name, headers=headers)
        (letter,) = await dead_letters(hub, queue)
        assert (letter["reason"], letter["sender_verified"], calls) == ("rejected", False, [])
        again = await client.dead_letters.redrive(letter["id"], queue=queue)  # in the operator's own name
        assert again.message_id == message.id
        await eventually(lambda: calls)
