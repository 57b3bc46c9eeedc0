"""Instances that die, freeze or leave while they are called: real processes, real signals."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
import trunkline as tl

from support.callee import callee
from support.hub import eventually

_IN_TIME_S = 6.0
"""Generous: a death is noticed within a second; the calls wait a minute."""


@pytest_asyncio.fixture(loop_scope="session")
async def crew(sqlite_hub, name):
    """Starts callees: `await crew(2, idempotent=True)`."""
    async with AsyncExitStack() as stack:
        token = sqlite_hub.admin_token

        async def start(count, **options):
            starting = [callee(sqlite_hub, token, name, **options) for _ in range(count)]
            return list(await asyncio.gather(*(stack.enter_async_context(one) for one in starting)))

        yield start


async def _known(client, skill, count):
    """Call until the client knows the crew."""
    await client.call(skill, {})

    def knows():
        found = client.balancer.skill(skill)
        return found is not None and len([one for one in found.instances if one.state == "healthy"]) >= count

    async def ask():
        if not knows():
            await client.call(skill, {})
        return knows()

    await eventually(ask)


def _callable(client, skill):
    """Return the instances that are told of by the hub, and heard of."""
    return {one.instance for one in client.balancer.skill(skill).instances if not one.is_deaf}


def _begun(callees, n):
    return next((one for one in callees if ("begin", str(n)) in one.lines), None)


async def test_a_call_whose_instance_is_killed_fails_at_once(sqlite_hub, crew, name):
    callees = await crew(2)
    async with sqlite_hub.connected() as client:
        await _known(client, name, 2)
        calling = asyncio.create_task(client.call(name, {"n": 7, "seconds": 50}, timeout_s=60))
        victim = await eventually(lambda: _begun(callees, 7))
        began = time.monotonic()
        victim.kill()
        with pytest.raises(tl.CallFailedError, match="gone"):
            await calling
        assert time.monotonic() - began < _IN_TIME_S
        assert {(await client.call(name, {}))["pid"] for _ in range(20)} == {
            one.pid for one in callees if one is not victim
        }


async def test_an_idempotent_call_goes_on_elsewhere(sqlite_hub, crew, name):
    callees = await crew(2, idempotent=True)
    async with sqlite_hub.connected() as client:
        await _known(client, name, 2)
        calling = asyncio.create_task(client.call(name, {"n": 7, "seconds": 2}, timeout_s=60))
        victim = await eventually(lambda: _begun(callees, 7))
        victim.kill()
        answer = await calling
        assert answer["n"] == 7
        assert answer["pid"] != victim.pid
        assert client.balancer.skill(name).failovers == 1


async def test_a_frozen_instance_costs_idempotent_calls_little_and_is_avoided(sqlite_hub, crew, name):
    callees = await crew(3, idempotent=True)
    async with sqlite_hub.connected() as client:
        await _known(client, name, 3)
        for _ in range(30):
            await client.call(name, {})
        victim = callees[0]
        victim.freeze()
        try:
            began = time.monotonic()
            calls = []
            for _ in range(150):  # an open loop, as much load as before
                calls.append(asyncio.create_task(client.call(name, {}, timeout_s=60)))
                await asyncio.sleep(0.01)
            answers = await asyncio.gather(*calls)
            assert time.monotonic() - began < 1.5 + _IN_TIME_S
            assert victim.pid not in {answer["pid"] for answer in answers}
        finally:
            victim.thaw()
        await eventually(lambda: victim.instance in _callable(client, name))


async def test_other_calls_avoid_a_frozen_instance_and_the_one_it_has_is_answered_in_the_end(sqlite_hub, crew, name):
    callees = await crew(2)
    async with sqlite_hub.connected() as client:
        await _known(client, name, 2)
        calling = asyncio.create_task(client.call(name, {"n": 7, "seconds": 0.5}, timeout_s=60))
        victim = await eventually(lambda: _begun(callees, 7))
        victim.freeze()
        try:
            await eventually(lambda: victim.instance not in _callable(client, name))
            answers = [await client.call(name, {}, timeout_s=60) for _ in range(30)]
            assert victim.pid not in {answer["pid"] for answer in answers}
        finally:
            victim.thaw()
        assert (await calling)["pid"] == victim.pid


async def test_the_death_is_noticed_without_a_hub(own_hub, name):
    hub = await own_hub()
    async with AsyncExitStack() as stack:
        callees = [await stack.enter_async_context(callee(hub, hub.admin_token, name)) for _ in range(2)]
        client = await stack.enter_async_context(hub.connected())
        await _known(client, name, 2)
        await hub.stop()
        calling = asyncio.create_task(client.call(name, {"n": 7, "seconds": 50}, timeout_s=60))
        victim = await eventually(lambda: _begun(callees, 7))
        victim.kill()
        with pytest.raises(tl.CallFailedError):
            async with asyncio.timeout(_IN_TIME_S):
                await calling
        other = next(one for one in callees if one is not victim)
        for _ in range(10):
            assert (await client.call(name, {}))["pid"] == other.pid


async def test_over_http_a_killed_instance_is_told_in_time(sqlite_hub, crew, name):
    callees = await crew(1)
    assert (await sqlite_hub.admin("POST", f"skills/{name}/call", json={"input": {}})).status == 200
    body = {"input": {"n": 7, "seconds": 50}, "timeout_s": 60}
    calling = asyncio.create_task(sqlite_hub.admin("POST", f"skills/{name}/call", json=body))
    await callees[0].until("begin", "7")
    callees[0].kill()
    answer = await asyncio.wait_for(calling, _IN_TIME_S)
    assert (answer.status, answer.code) == (502, "call.failed")
