"""Handlers that the hub runs: an event calls a skill, becomes work, or another event."""

import asyncio
import json

import pytest
import trunkline as tl
from support.hub import eventually
from support.letters import dead_letters, raw_client
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import (
    HandlerLoopError,
    HandlerUnknownError,
    PermissionDeniedError,
    RequestInvalidError,
)
from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.resources import (
    Condition,
    EventTypeDeclaration,
    HandlerDeclaration,
    QueueDeclaration,
    RouteMatch,
)

QUICK = RetryPolicy(max_attempts=3, base_s=0.01, factor=1.0, jitter=0.0)


def on(name, action, target, **more):
    match = more.pop("match", RouteMatch(types=[f"{name}.made"]))
    return HandlerDeclaration(action=action, target=target, match=match, retry=more.pop("retry", QUICK), **more)


def skill(name, calls, *, work=None):
    agent = tl.Agent(f"s-{name}")

    @agent.skill(name=f"do-{name}")
    async def do(data: dict, ctx: tl.Context):
        calls.append((data, ctx.id, ctx.correlation_id, ctx.message.causationid))
        return await work(data) if work else None

    return agent


async def test_an_event_calls_a_skill_with_its_data_once(hub, name):
    calls = []
    async with hub.connected() as client, hub.serving(skill(name, calls)):
        made = await client.handlers.declare(f"h-{name}", on(name, "call", f"do-{name}"))
        assert (made.paused, made.waiting, made.group, made.revision) == (False, 0, f"~h-{name}", 1)
        acks = [await client.publish(f"{name}.made", {"n": n}, correlation_id="c") for n in range(3)]
        await client.publish(f"{name}.other", {"n": -1})
        await eventually(lambda: len(calls) == 3)
        assert calls == [({"n": n}, f"{ack.id}.h-{name}", "c", ack.id) for n, ack in enumerate(acks)]
        await eventually(lambda: settled(client, f"h-{name}"))


async def settled(client, name):
    handler = await client.handlers.get(name)
    return (handler.waiting, handler.in_flight) == (0, 0)


async def test_an_event_becomes_work_and_another_event(hub, name):
    work = []
    worker = tl.Agent(f"w-{name}")

    @worker.task(f"q-{name}")
    async def take(data: dict, ctx: tl.Context):
        work.append((data, ctx.id, ctx.message.causationid))

    async with hub.connected(await hub.token("*", principal=f"maker-{name}")) as client:
        await client.queues.declare(f"q-{name}", QueueDeclaration())
        await client.handlers.declare(f"e-{name}", on(name, "enqueue", f"q-{name}"))
        await client.handlers.declare(f"p-{name}", on(name, "publish", f"{name}.again"))
        async with hub.serving(worker), client.subscribe(f"{name}.again") as events:
            ack = await client.publish(f"{name}.made", {"n": 1}, subject="s")
            await eventually(lambda: work)
            assert work == [({"n": 1}, f"{ack.id}.e-{name}", ack.id)]
            event = await asyncio.wait_for(anext(events), 10)
    assert event.sender == f"maker-{name}"  # not the hub: its facts cannot be forged
    message = event.message
    assert (message.type, message.subject, message.causationid) == (f"{name}.again", "s", ack.id)
    assert json.loads(bytes(message.data)) == {"n": 1}


async def test_only_what_fits_is_handled(hub, name):
    async with hub.connected() as client:
        match = RouteMatch(types=[f"{name}.*"], subjects=["a*"], data=[Condition(path="/n", op=">", value=1)])
        await client.handlers.declare(f"f-{name}", on(name, "publish", f"{name}.fits.it", match=match))
        async with client.subscribe(f"{name}.fits.it") as events:
            for subject, n in (("a", 1), ("b", 5), ("abc", 2)):
                await client.publish(f"{name}.x", {"n": n}, subject=subject)
            event = await asyncio.wait_for(anext(events), 10)
            assert event.message.subject == "abc"
            await eventually(lambda: settled(client, f"f-{name}"))
            assert events._queue.empty()


async def test_what_fails_is_tried_again_and_then_a_dead_letter_that_can_be_redriven(hub, name):
    calls = []
    async with hub.connected() as client:
        await client.handlers.declare(f"d-{name}", on(name, "call", f"do-{name}"))  # nobody offers it yet
        ack = await client.publish(f"{name}.made", {"n": 1})
        (letter,) = await dead_letters(hub, f"~d-{name}")
        assert (letter["reason"], letter["attempts"], letter["message_id"]) == ("attempts_exhausted", 3, ack.id)
        async with hub.serving(skill(name, calls)):
            await client.dead_letters.redrive(letter["id"])
            await eventually(lambda: calls)
        assert calls[0][1] == f"{ack.id}.d-{name}"


async def test_a_paused_handler_waits_and_its_lag_is_seen(hub, name):
    calls = []
    async with hub.connected() as client, hub.serving(skill(name, calls)):
        await client.handlers.declare(f"p-{name}", on(name, "call", f"do-{name}"))
        assert (await client.handlers.pause(f"p-{name}")).paused is True
        await eventually(lambda: ("default", f"p-{name}") not in runner(hub)._running)
        for n in range(5):
            await client.publish(f"{name}.made", {"n": n})
        await eventually(lambda: waits(client, f"p-{name}", 5))
        assert not calls
        again = await client.handlers.declare(f"p-{name}", on(name, "call", f"do-{name}", concurrency=1))
        assert (again.paused, again.revision) == (True, 2)
        await client.handlers.resume(f"p-{name}")
        await eventually(lambda: len(calls) == 5)


def runner(hub):
    return hub.component("handlers")


async def waits(client, name, count):
    return (await client.handlers.get(name)).waiting == count


async def test_no_more_are_under_way_than_allowed(hub, name):
    calls, now, most = [], 0, 0

    async def work(_data):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1

    async with hub.connected() as client, hub.serving(skill(name, calls, work=work)):
        await client.handlers.declare(f"c-{name}", on(name, "call", f"do-{name}", concurrency=2))
        await asyncio.gather(*(client.publish(f"{name}.made", {"n": n}) for n in range(20)))
        await eventually(lambda: len(calls) == 20)
    assert most == 2


async def test_a_changed_handler_does_the_new_thing_and_a_removed_one_nothing(hub, name):
    async with hub.connected() as client:
        await client.handlers.declare(f"x-{name}", on(name, "publish", f"{name}.one.a"))
        async with client.subscribe(f"{name}.*.a") as events:
            await client.publish(f"{name}.made", 1)
            assert (await asyncio.wait_for(anext(events), 10)).message.type == f"{name}.one.a"
            await client.handlers.declare(f"x-{name}", on(name, "publish", f"{name}.two.a"))
            await eventually(lambda: runner(hub)._running[("default", f"x-{name}")].version == 2)
            await client.publish(f"{name}.made", 2)
            assert (await asyncio.wait_for(anext(events), 10)).message.type == f"{name}.two.a"
        await client.handlers.remove(f"x-{name}")
        with pytest.raises(HandlerUnknownError):
            await client.handlers.get(f"x-{name}")
        await eventually(lambda: ("default", f"x-{name}") not in runner(hub)._running)
        names = [info.name for info in await hub.component("bus").js().consumers_info("EVENTS_default")]
        assert not [one for one in names if name in one]


async def test_handlers_that_lead_in_circles_stop(hub, name):
    async with hub.connected() as client:
        with pytest.raises(HandlerLoopError):
            await client.handlers.declare(f"l-{name}", on(name, "publish", f"{name}.made"))
        there = on(name, "publish", f"{name}.back", match=RouteMatch(types=[f"{name}.there"]))
        back = on(name, "publish", f"{name}.there", match=RouteMatch(types=[f"{name}.back"]))
        await client.handlers.declare(f"t-{name}", there)
        await client.handlers.declare(f"b-{name}", back)
        await client.publish(f"{name}.there", 1)
        (letter,) = await dead_letters(hub, f"~t-{name}")
        assert letter["reason"] == "rejected"
        assert "circles" in letter["error"]
        assert len((await client.events.query(type=f"{name}.*")).items) == 3


async def test_the_past_can_be_replayed_to_a_handler(hub, name):
    calls = []
    async with hub.connected() as client, hub.serving(skill(name, calls)):
        acks = [await client.publish(f"{name}.made", {"n": n}) for n in range(4)]
        await client.publish(f"{name}.other", {"n": 4})
        await client.handlers.declare(f"r-{name}", on(name, "call", f"do-{name}"))
        job = await client.replays.to_group(f"~r-{name}", f"{name}.*")
        assert (await client.jobs.wait(job.id, timeout_s=20)).done == 5
        await eventually(lambda: len(calls) == 4)
        assert [call[1] for call in calls] == [f"{ack.id}.r-{name}" for ack in acks]


async def test_another_hub_goes_on_when_the_one_that_ran_it_is_gone(own_hub, name):
    calls = []
    first = await own_hub(hub_id="first")
    second = await own_hub(hub_id="second")
    async with second.connected() as client, second.serving(skill(name, calls)):
        await client.handlers.declare(f"o-{name}", on(name, "call", f"do-{name}"))
        await client.publish(f"{name}.made", {"n": 0})
        await eventually(lambda: len(calls) == 1)
        await first.stop()
        acks = [await client.publish(f"{name}.made", {"n": n}) for n in range(1, 6)]
        await eventually(lambda: len(calls) >= 6, timeout_s=40)
        assert {call[1] for call in calls[1:]} == {f"{ack.id}.o-{name}" for ack in acks}


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"target": "a b"}, "/target"), ({"action": "publish", "agent": "x"}, "/agent"), ({"concurrency": 0}, "/concurrency"),
        ({"timeout_s": 0}, "/timeout_s"), ({"timeout_s": 1000}, "/timeout_s"), ({"match": {"types": ["a.>.b"]}}, "/match/types/0"),
        ({"match": {"cel": "(("}}, "/match/cel"), ({"retry": {"max_attempts": 0}}, "/retry/max_attempts"),
    ],
)  # fmt: skip
async def test_a_wrong_handler_is_pointed_at(sqlite_hub, wrong, pointer):
    body = {"action": "call", "target": "x"} | wrong
    answer = await sqlite_hub.admin("PUT", "handlers/h", raw=json.dumps(body).encode())
    assert answer.status == 422, answer.body
    assert pointer in answer.pointers


async def test_a_handler_does_nothing_that_its_maker_may_not(hub, name):
    async with hub.client(await hub.token("handlers:*", "events:read", "agents:call")) as client:
        assert (await client.handlers.declare(f"m-{name}", on(name, "call", "x"))).name == f"m-{name}"
        with pytest.raises(PermissionDeniedError):
            await client.handlers.declare(f"m2-{name}", on(name, "enqueue", "x"))
        await client.handlers.remove(f"m-{name}")
    async with hub.client(await hub.token("handlers:read")) as reader:
        with pytest.raises(PermissionDeniedError):
            await reader.handlers.pause(f"m-{name}")
        for call in (reader.handlers.get,):
            with pytest.raises(HandlerUnknownError):
                await call("nobody")
    async with hub.client() as client:
        with pytest.raises(RequestInvalidError):
            await client.handlers.declare("~x", on(name, "call", "x"))


async def test_what_the_catalogue_forbids_is_neither_handled_nor_published(hub, name):
    calls = []
    strict = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    async with hub.connected() as client, hub.serving(skill(name, calls)):
        await client.handlers.declare(f"c-{name}", on(name, "call", f"do-{name}"))
        await client.handlers.declare(
            f"p-{name}", on(name, "publish", f"{name}.strict", match=RouteMatch(types=[f"{name}.loose"]))
        )
        await client.publish(f"{name}.made", {"n": "many"})
        await eventually(lambda: calls)
        for kind in (f"{name}.made", f"{name}.strict"):
            await client.event_types.declare(kind, EventTypeDeclaration(schema=strict, policy="enforce"))
        token = await hub.token("events:publish", principal=f"raw-{name}")
        async with raw_client(hub, token) as raw:
            subject = subjects.event("default", f"raw-{name}", f"{name}.made")
            message = ce.new_envelope(type=f"{name}.made", source="/raw", data=b'{"n": "many"}')
            await raw.publish(subject, ce.encode(message))
            await raw.flush()
        await client.publish(f"{name}.loose", {"n": "many"})
        for handler in ("c", "p"):
            (letter,) = await dead_letters(hub, f"~{handler}-{name}")
            assert (letter["reason"], letter["attempts"]) == ("invalid", 1)
        assert len(calls) == 1
        assert (await client.events.query(type=f"{name}.strict")).items == []


async def test_a_trace_tells_what_a_handler_did(hub, name):
    calls = []
    async with hub.connected() as client, hub.serving(skill(name, calls)):
        await client.handlers.declare(f"t-{name}", on(name, "call", f"do-{name}"))
        ack = await client.publish(f"{name}.made", {"n": 1})

        async def told():
            node = (await client.trace(ack.id)).roots[0]
            return node if node.handlings and node.children and node.children[0].handlings else None

        node = await eventually(told)
        assert [(one.reader, one.agent, one.outcome) for one in node.handlings] == [
            (f"~t-{name}", f"handler t-{name}", "handled")
        ]
        assert [one.kind for one in node.children] == ["call"]


async def test_a_payload_goes_on_as_it_is_whatever_its_format_and_size(hub, name):
    calls, work = [], []
    agent = tl.Agent(f"s-{name}")

    @agent.skill(name=f"do-{name}")
    async def do(data: dict, ctx: tl.Context):
        calls.append((data["n"], ctx.message.datacontenttype))

    @agent.task(f"q-{name}")
    async def take(data: dict, ctx: tl.Context):
        work.append((data["n"], ctx.message.datacontenttype, len(data.get("pad", ""))))

    async with hub.connected() as client, hub.serving(agent):
        below = Condition(path="/n", op="<", value=3)
        match = RouteMatch(types=[f"{name}.made"], attributes={"partitionkey": ["acme"]}, data=[below])
        await client.handlers.declare(f"c-{name}", on(name, "call", f"do-{name}", match=match))
        await client.handlers.declare(f"e-{name}", on(name, "enqueue", f"q-{name}"))
        packed = "application/msgpack"
        await client.publish(f"{name}.made", {"n": 1}, content_type=packed, key="acme")
        await client.publish(f"{name}.made", {"n": 2}, content_type=packed, key="other")
        await client.publish(f"{name}.made", {"n": 3, "pad": "x" * 3_000_000}, key="acme")
        await eventually(lambda: len(work) == 3 and calls)
        json_type = "application/json"
        assert sorted(work) == [(1, packed, 0), (2, packed, 0), (3, json_type, 3_000_000)]
        assert calls == [(1, packed)]
