"""Weights of instances: their own, and what operators say, live."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest
import trunkline as tl
from support.hub import eventually
from trunkline.protocol.errors import AgentUnknownError, RequestInvalidError
from trunkline.protocol.frames import Balance


def _named(name, *, version="1.0.0", balance=None, **settings):
    agent = tl.Agent(name, version=version, **settings)

    @agent.skill(name, balance=balance)
    async def who(_job: dict) -> str:
        return agent.instance

    return agent


async def _weighs(client, skill, wanted):
    """Wait until this caller was told so: (weight by instance)."""

    async def told():
        await client.call(skill, {})
        return {one.instance: one.weight for one in client.balancer.skill(skill).instances} == wanted

    await eventually(told)


async def _count(client, skill, calls):
    return Counter([await client.call(skill, {}) for _ in range(calls)])


async def test_instances_say_what_they_take_and_operators_say_otherwise_at_once(hub, name):
    weighted = Balance(policy="weighted")
    async with AsyncExitStack() as stack:
        strong = await stack.enter_async_context(hub.serving(_named(name, balance=weighted, weight=3.0)))
        weak = await stack.enter_async_context(hub.serving(_named(name, balance=weighted)))
        client = await stack.enter_async_context(hub.connected())
        await _weighs(client, name, {strong.instance: 3.0, weak.instance: 1.0})
        assert await _count(client, name, 40) == {strong.instance: 30, weak.instance: 10}
        said = await client.agents.weigh(name, strong.instance, 0)
        assert [(one.target, one.weight) for one in said.items] == [(strong.instance, 0.0)]
        await _weighs(client, name, {strong.instance: 0.0, weak.instance: 1.0})
        assert await _count(client, name, 10) == {weak.instance: 10}
        await client.agents.unweigh(name, strong.instance)
        await _weighs(client, name, {strong.instance: 3.0, weak.instance: 1.0})
        trail = (await hub.admin("GET", "audit")).json["items"]
        told = [
            one["detail"] for one in trail if one["action"] == "agent.weighed" and one["resource"] == f"agent/{name}"
        ]
        assert [one["weight"] for one in told] == [None, 0.0]


async def test_a_versions_weight_is_its_share_whatever_the_policy(hub, name):
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(hub.serving(_named(name)))
        new = await stack.enter_async_context(hub.serving(_named(name, version="2.0.0")))
        client = await stack.enter_async_context(hub.connected())
        await _weighs(client, name, {old.instance: 1.0, new.instance: 1.0})
        await client.agents.weigh(name, "2.0.0", 0.25)
        await _weighs(client, name, {old.instance: 1.0, new.instance: 0.25})
        assert await _count(client, name, 50) == {old.instance: 40, new.instance: 10}
        await hub.admin("POST", f"skills/{name}/call", json={"input": {}})

        async def shown():
            text = (await hub.admin("GET", "/metrics")).body.decode()
            lines = [line for line in text.splitlines() if f'skill="{name}"' in line]
            return lines if any(line.startswith("trunkline_calls_outstanding") for line in lines) else None

        lines = await eventually(shown)
        assert {line.split("{")[0] for line in lines} >= {"trunkline_calls_circuit", "trunkline_calls_ejected"}


async def test_weights_of_nothing_are_refused(sqlite_hub, name):
    async with sqlite_hub.serving(_named(name)), sqlite_hub.client() as client:
        for target, weight in (("^1", 1), ("nobody", 1), ("1.0.0", -1), ("1.0.0", 1e9)):
            with pytest.raises(RequestInvalidError):
                await client.agents.weigh(name, target, weight)
        with pytest.raises(AgentUnknownError):
            await client.agents.weigh(f"{name}-x", "1.0.0", 1)
        token = await sqlite_hub.token("agents:read")
        path = f"agents/{name}/weights/1.0.0"
        assert (await sqlite_hub.http("PUT", path, token=token, json={"weight": 1})).status == 403
