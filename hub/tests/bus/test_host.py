"""Skills that hubs serve for agents which are not on the bus themselves."""

import asyncio
import time

import pytest
from trunkline.protocol import subjects
from trunkline.protocol.errors import CallFailedError, CallTimeoutError, InternalError, SkillUnknownError
from trunkline.protocol.frames import Progress, Registration, Skill
from trunkline.wire import message
from trunkline_hub.bus.host import Hosted
from trunkline_hub.core.principal import ordered_by

from support.hub import eventually


async def _catalogue(hub, name):
    services = hub.app.dependencies
    agents = services["agents"].dependency()
    db = services["db"].dependency()
    async with db.write() as tx:
        made = Registration(version="1.0", skills=[Skill(name=name)])
        await agents.import_agent(tx, ordered_by("admin", "default"), "default", name, made, origin="mcp")


async def _serve(hub, name, answer, *, tell=None):
    hosted = Hosted(workspace="default", agent=name, version="1.0", skills=frozenset({name}), answer=answer)
    await hub.component("skill-host").serve(hosted)
    await hub.component("bus").bus.flush()


async def test_a_call_is_answered_with_progress_in_the_callers_name(sqlite_hub, name):
    seen = []

    async def answer(skill, payload, call):
        seen.append((skill, payload, call.caller, call.timeout_s))
        call.report(Progress(fraction=0.5, message="half"))
        return {"got": payload}

    await _catalogue(sqlite_hub, name)
    await _serve(sqlite_hub, name, answer)
    heard = []
    async with sqlite_hub.connected(await sqlite_hub.token("agents:call", principal="ann")) as client:
        for agent in (None, name):
            out = await client.call(
                name, {"a": 1}, agent=agent, timeout_s=7.0, on_progress=lambda p: heard.append(p.message)
            )
            assert out == {"got": {"a": 1}}
    assert seen == [(name, {"a": 1}, "ann", 7.0)] * 2
    assert heard == ["half"] * 2
    await sqlite_hub.component("skill-host").withdraw("default", name)


async def test_errors_arrive_as_what_they_are(sqlite_hub, name):
    async def answer(_skill, payload, _call):
        if payload == "own":
            raise SkillUnknownError("not this one")
        if payload == "slow":
            await asyncio.sleep(30)
        raise ValueError("a secret of the hub's")

    await _catalogue(sqlite_hub, name)
    await _serve(sqlite_hub, name, answer)
    async with sqlite_hub.connected() as client:
        with pytest.raises(SkillUnknownError, match="not this one"):
            await client.call(name, "own")
        with pytest.raises(InternalError) as error:
            await client.call(name, "odd")
        assert "secret" not in str(error.value)
        with pytest.raises(CallTimeoutError):
            await client.call(name, "slow", timeout_s=0.3)
    await sqlite_hub.component("skill-host").withdraw("default", name)


async def test_a_cancel_ends_the_work_and_nobody_elses_does(sqlite_hub, name):
    begun, ended = asyncio.Queue(), asyncio.Event()

    async def answer(_skill, _payload, call):
        begun.put_nowait(call.request.id)
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    await _catalogue(sqlite_hub, name)
    await _serve(sqlite_hub, name, answer)
    bus = sqlite_hub.component("bus").bus
    async with sqlite_hub.connected(await sqlite_hub.token("agents:call", principal="bob")) as client:
        work = asyncio.get_running_loop().create_task(client.call(name, {}, timeout_s=20))
        call_id = await asyncio.wait_for(begun.get(), 10)
        bus.write(message(subjects.cancel("default", "somebody-else", name, call_id), b""))
        bus.write(message(subjects.cancel("other", "bob", name, call_id), b""))
        await bus.flush()
        assert not ended.is_set()
        bus.write(message(subjects.cancel("default", "bob", name, call_id), b""))
        await asyncio.wait_for(ended.wait(), 10)
        with pytest.raises(CallFailedError, match="cancelled"):
            await work
    await sqlite_hub.component("skill-host").withdraw("default", name)


async def test_an_answer_goes_to_nobody_but_the_caller(sqlite_hub, name):
    """A reply subject that is not the caller's own is not written to, though the hub might."""
    called = asyncio.Event()

    async def answer(_skill, _payload, _call):
        called.set()

    await _catalogue(sqlite_hub, name)
    await _serve(sqlite_hub, name, answer)
    bus = sqlite_hub.component("bus").bus
    for reply in ("$JS.API.STREAM.PURGE.EVENTS_default", subjects.reply("default", name, "victim", "mark", 1)):
        bus.write(message(subjects.call("default", "eve", name), b"{}", reply=reply))
    await bus.flush()
    async with sqlite_hub.connected() as client:
        began = time.monotonic()
        await client.call(name, {})
        assert time.monotonic() - began < 10
    assert called.is_set()
    await sqlite_hub.component("skill-host").withdraw("default", name)


async def test_every_hub_serves_and_one_may_die(own_hub, name):
    served = []

    def by(hub_id):
        async def answer(_skill, _payload, _call):
            served.append(hub_id)
            return hub_id

        return answer

    one, two = await own_hub(hub_id="one"), await own_hub(hub_id="two")
    await _catalogue(one, name)
    for hub in (one, two):
        await _serve(hub, name, by(hub.settings.hub_id))

    async def instances():
        return {instance["id"] for instance in (await one.admin("GET", f"agents/{name}")).json["instances"]}

    await eventually(lambda: _equals(instances, {"one", "two"}))
    async with one.connected() as client:
        await eventually(lambda: _equals(lambda: client.call(name, {}), "two"))
        await eventually(lambda: _equals(lambda: client.call(name, {}), "one"))
        await two.stop()
        for _ in range(10):
            assert await client.call(name, {}) == "one"
        await eventually(lambda: _equals(instances, {"one"}))


async def _equals(ask, wanted):
    return await ask() == wanted
