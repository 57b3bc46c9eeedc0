"""Calls through the balancer: who is told of, who is chosen, what is carried along, what is cancelled."""

import asyncio
import time
from contextlib import AsyncExitStack

import aiohttp
import pytest
import trunkline as tl
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, subjects

from support.hub import eventually


def named(name, skill, version="1.0.0", **declared):
    """An agent whose skill tells which instance answered, after `seconds` of work."""
    agent = tl.Agent(name, version=version)
    agent.ended = []

    @agent.skill(skill, **declared)
    async def who(job: dict, ctx: tl.Context) -> str:
        try:
            await asyncio.sleep(job.get("seconds", 0.0))
        except asyncio.CancelledError:
            agent.ended.append("cancelled")
            raise
        agent.ended.append("done")
        return agent.instance

    return agent


async def _known(client, skill, count):
    async def ask():
        await client.call(skill, {})
        there = client.balancer.skill(skill).instances
        return len(there) == count and all(one.state == "healthy" and not one.ejected_s for one in there)

    await eventually(ask)


async def test_the_hub_tells_who_offers_a_skill(hub, name):
    balance = frames.Balance(policy="round_robin", weights={"^1": 1.0})
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(hub.serving(named(name, name, idempotent=True, balance=balance)))
        second = await stack.enter_async_context(
            hub.serving(named(f"{name}-b", name, version="2.0.0", idempotent=True))
        )

        async def crew():
            found = await hub.admin("GET", f"skills/{name}/instances")
            return found.json if len(found.json["members"]) == 2 else None

        told = await eventually(crew)
        assert {(m["agent"], m["instance"], m["version"]) for m in (_full(m) for m in told["members"])} == {
            (name, first.instance, "1.0.0"),
            (f"{name}-b", second.instance, "2.0.0"),
        }
        assert {m["agent"]: m.get("weight", 1.0) for m in told["members"]} == {name: 1.0, f"{name}-b": 0.0}
        assert told["idempotent"] is True
        assert told["balance"] == {"policy": "round_robin", "weights": {"^1": 1.0}}
    missing = await hub.admin("GET", "skills/nobody-offers-this/instances")
    assert (missing.status, missing.code) == (404, "skill.unknown")


def _full(member):
    return {"version": "0.0.0", "state": "healthy"} | member


async def test_who_comes_and_goes_is_told_on_the_bus(hub, name):
    token = await hub.token("agents:call", "agents:read")
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(hub.serving(named(name, name)))
        client = await stack.enter_async_context(hub.connected(token))
        await _known(client, name, 1)
        heard = asyncio.Queue()

        async def hear(msg):
            await heard.put(msg.data)

        await client.bus.subscribe(subjects.crew("default", name), hear)
        await client.bus.flush()
        async with hub.serving(named(name, name)) as second:
            await eventually(lambda: len(client.balancer.skill(name).instances) == 2)
            answers = await asyncio.gather(*(client.call(name, {"seconds": 0.01}) for _ in range(40)))
            assert set(answers) == {first.instance, second.instance}
        await eventually(lambda: [one.instance for one in client.balancer.skill(name).instances] == [first.instance])
    assert isinstance(heard.get_nowait(), bytes)


async def test_others_may_not_tell_who_offers_a_skill(sqlite_hub, name):
    token = await sqlite_hub.token("agents:call")
    denied = asyncio.Event()
    async with sqlite_hub.connected(token) as client:
        client.bus.on_denied.append(lambda kind, subject: denied.set())
        await client.bus.client.publish(subjects.crew("default", name), b"{}")
        async with asyncio.timeout(10):
            await denied.wait()


async def test_nobody_is_called_who_drains(sqlite_hub, name):
    async with sqlite_hub.connected() as client, sqlite_hub.serving(named(name, name)) as stays:
        async with sqlite_hub.serving(named(name, name)):
            await _known(client, name, 2)
            stop = asyncio.Event()

            async def go_on():
                found = []
                while not stop.is_set():
                    found.append(await client.call(name, {"seconds": 0.002}))
                return found

            calling = [asyncio.create_task(go_on()) for _ in range(8)]
            await asyncio.sleep(0.1)  # calls under way while the block, and the agent, ends
        stop.set()
        answers = [one for found in await asyncio.gather(*calling) for one in found]
        assert len(answers) > 8
        assert {await client.call(name, {}) for _ in range(20)} == {stays.instance}


async def test_version_agent_instance_and_key_narrow_the_choice_by_either_door(sqlite_hub, name):
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(sqlite_hub.connected())
        agents = [
            await stack.enter_async_context(sqlite_hub.serving(named(f"{name}-{n}", name, version=version)))
            for n, version in enumerate(["1.0.0", "1.2.3", "2.0.0"])
        ]
        await eventually(lambda: _crew_size(sqlite_hub, name, 3))

        async def by_http(options):
            answer = await sqlite_hub.admin("POST", f"skills/{name}/call", json={"input": {}} | options)
            return answer.json.get("output", answer.json.get("code"))

        async def by_bus(options):
            return await client.call(name, {}, **options)

        for call in (by_bus, by_http):
            assert {await call({"version": "^1.1"}) for _ in range(5)} == {agents[1].instance}
            assert {await call({"agent": agents[2].name}) for _ in range(5)} == {agents[2].instance}
            assert {await call({"instance": agents[0].instance}) for _ in range(5)} == {agents[0].instance}
            assert len({await call({"key": "customer-7"}) for _ in range(10)}) == 1
            assert len({await call({"key": f"customer-{n}"}) for n in range(40)}) == 3
        with pytest.raises(tl.AgentOfflineError):
            await client.call(name, {}, version="^3")
        assert await by_http({"version": "^3"}) == "agent.offline"
        assert await by_http({"version": "^^"}) == "request.invalid"


async def _crew_size(hub, skill, size):
    return len((await hub.admin("GET", f"skills/{skill}/instances")).json["members"]) == size


async def test_a_split_holds_for_real_calls(sqlite_hub, name):
    split = frames.Balance(weights={"^1": 9.0, "^2": 1.0})
    async with (
        sqlite_hub.serving(named(name, name, balance=split)),
        sqlite_hub.serving(named(f"{name}-b", name, version="2.0.0", balance=split)) as canary,
        sqlite_hub.connected() as client,
    ):
        await _known(client, name, 2)
        answers = [await client.call(name, {}) for _ in range(100)]
        assert answers.count(canary.instance) == 10, client.balancer.skill(name)


async def test_a_reply_says_who_gave_it_and_what_else_is_in_hand(sqlite_hub, name):
    async with sqlite_hub.serving(named(name, name)) as agent, sqlite_hub.connected() as client:
        heard = asyncio.Queue()
        inbox = subjects.reply("default", name, client.principal, "test", 1)
        await client.bus.subscribe(inbox, heard.put)
        for seconds in (1.0, 0.0):
            request = ce.new_envelope(type=f"call.{name}", source="/t", data=None)
            payload, headers = await client.pack(request, {"seconds": seconds}, None)
            subject = subjects.call("default", client.principal, name)
            await client.bus.client.publish(subject, payload, reply=inbox, headers=headers)
        async with asyncio.timeout(10):
            quick, slow = await heard.get(), await heard.get()
    assert {reply.headers[frames.HEADER_INSTANCE] for reply in (quick, slow)} == {f"{name}/{agent.instance}"}
    assert (quick.headers[frames.HEADER_LOAD], slow.headers.get(frames.HEADER_LOAD)) == ("1", None)


async def test_a_call_that_is_cancelled_is_cancelled_at_the_callee_and_beyond(sqlite_hub, name):
    async with sqlite_hub.connected() as client, sqlite_hub.serving(named(name, name)) as inner:
        outer, begun, ended = tl.Agent(f"{name}-outer"), asyncio.Event(), asyncio.Event()

        @outer.skill(f"{name}.outer")
        async def nested(job: dict, ctx: tl.Context) -> str:
            begun.set()
            try:
                return await ctx.call(name, job)
            finally:
                ended.set()

        async with sqlite_hub.serving(outer):
            calling = asyncio.create_task(client.call(f"{name}.outer", {"seconds": 60}, timeout_s=100))
            await asyncio.wait_for(begun.wait(), 10)
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling
            async with asyncio.timeout(10):
                await ended.wait()
                await eventually(lambda: inner.ended == ["cancelled"])
            assert await client.call(name, {}) == inner.instance


async def test_a_timeout_ends_the_handler_and_other_calls_go_on(sqlite_hub, name):
    async with sqlite_hub.serving(named(name, name)) as agent, sqlite_hub.connected() as client:
        await _known(client, name, 1)
        agent.ended.clear()
        other = asyncio.create_task(client.call(name, {"seconds": 0.6}))
        with pytest.raises(tl.CallTimeoutError):
            await client.call(name, {"seconds": 60}, timeout_s=0.2)
        await eventually(lambda: "cancelled" in agent.ended)
        assert await other == agent.instance
        assert agent.ended == ["cancelled", "done"]


async def test_another_callers_cancel_ends_nothing(sqlite_hub, name):
    token = await sqlite_hub.token("agents:call", "agents:read")
    async with sqlite_hub.serving(named(name, name)) as agent, sqlite_hub.connected() as client:
        await _known(client, name, 1)
        calling = asyncio.create_task(client.call(name, {"seconds": 0.5}))
        async with sqlite_hub.connected(token) as stranger:
            await eventually(lambda: client.balancer.skill(name).instances[0].outstanding == 1)
            mine = next(iter(client.balancer._crews[name].stations.values())).attempts
            call_id = next(iter(mine.values()))._ticket._order.call_id
            subject = subjects.cancel("default", stranger.principal, name, call_id)
            await stranger.bus.client.publish(subject, b"")
            await stranger.bus.flush()
            assert await calling == agent.instance


async def test_a_nested_call_does_not_outlive_its_caller(sqlite_hub, name):
    agent = tl.Agent(name)

    @agent.skill(f"{name}.inner")
    async def inner(job: dict, ctx: tl.Context) -> float:
        return ctx.remaining_s

    @agent.skill(f"{name}.outer")
    async def outer(job: dict, ctx: tl.Context) -> list[float]:
        return [
            await ctx.call(f"{name}.inner", {}, **options) for options in ({}, {"timeout_s": 900}, {"timeout_s": 2})
        ]

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        given = await client.call(f"{name}.outer", {}, timeout_s=5)
        assert [left <= most for left, most in zip(given, (5, 5, 2), strict=True)] == [True, True, True]
        given = await client.call(f"{name}.outer", {}, timeout_s=200)
        assert [round(left, -1) for left in given] == [30, 200, 0]


async def test_a_caller_over_http_who_hangs_up_cancels_the_call(hub, name):
    async with hub.serving(named(name, name)) as agent, aiohttp.ClientSession() as session:
        url, headers = f"{hub.url}/api/v1/w/default/skills/{name}/call", {"Authorization": f"Bearer {hub.admin_token}"}
        body = {"input": {"seconds": 60}, "timeout_s": 100}
        with pytest.raises(TimeoutError):
            await session.post(url, json=body, headers=headers, timeout=aiohttp.ClientTimeout(total=0.5))
        await eventually(lambda: agent.ended == ["cancelled"])


def _getting_slow(name):
    """An agent that answers at once until its event `slow` is set."""
    agent = tl.Agent(name)
    agent.slow, agent.ended = asyncio.Event(), []

    @agent.skill(name, idempotent=True)
    async def work(job: dict) -> str:
        if agent.slow.is_set():
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                agent.ended.append("cancelled")
                raise
        return agent.instance

    return agent


async def test_a_slow_answer_is_hedged_where_that_does_no_harm(sqlite_hub, name):
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(sqlite_hub.connected())
        agents = []
        for _ in range(2):
            agents.append(await stack.enter_async_context(sqlite_hub.serving(_getting_slow(name))))
        await _known(client, name, 2)
        for _ in range(60):
            await client.call(name, {})
        agents[0].slow.set()

        async def is_called_off():
            began = time.monotonic()
            assert await client.call(name, {}) == agents[1].instance
            assert time.monotonic() - began < 10
            return agents[0].ended

        assert set(await eventually(is_called_off)) == {"cancelled"}  # once it was its turn
        assert client.balancer.skill(name).hedges >= 1


async def test_a_skill_that_only_fails_is_given_a_pause_for_this_caller_alone(sqlite_hub, name):
    agent = tl.Agent(name)

    @agent.skill(name)
    async def never(job: dict) -> None:
        await asyncio.Event().wait()

    token = await sqlite_hub.token("agents:call", "agents:read")
    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        calls = [client.call(name, {}, timeout_s=1.2) for _ in range(30)]
        assert {type(error) for error in await asyncio.gather(*calls, return_exceptions=True)} == {tl.CallTimeoutError}
        began = time.monotonic()
        with pytest.raises(tl.CircuitOpenError):
            await client.call(name, {}, timeout_s=60)
        assert time.monotonic() - began < 5
        async with sqlite_hub.connected(token) as other:
            with pytest.raises(tl.CallTimeoutError):
                await other.call(name, {}, timeout_s=0.3)


async def test_impatient_callers_open_no_circuit(sqlite_hub, name):
    async with sqlite_hub.serving(named(name, name)) as agent, sqlite_hub.connected() as client:
        calls = [client.call(name, {"seconds": 5}, timeout_s=0.1) for _ in range(60)]
        assert {type(error) for error in await asyncio.gather(*calls, return_exceptions=True)} == {tl.CallTimeoutError}
        assert await client.call(name, {}) == agent.instance


async def test_a_slow_worker_takes_less_of_a_queue(sqlite_hub, name):
    done = {"quick": 0, "slow": 0}
    finished = asyncio.Event()

    def worker(kind, seconds):
        agent = tl.Agent(f"{name}-{kind}")

        @agent.task(name, concurrency=2)
        async def work(job: dict) -> None:
            await asyncio.sleep(seconds)
            done[kind] += 1
            if sum(done.values()) == 200:
                finished.set()

        return agent

    async with (
        sqlite_hub.serving(worker("quick", 0.002)),
        sqlite_hub.serving(worker("slow", 0.1)),
        sqlite_hub.connected() as client,
    ):
        await asyncio.gather(*(client.enqueue(name, {"n": n}) for n in range(200)))
        await asyncio.wait_for(finished.wait(), 30)
    assert 0 < done["slow"] < done["quick"] / 3
