"""Health: who is there and well, who is gone, who only seems to be there; and what is kept of it."""

import asyncio
import subprocess
import sys
import time

import pytest
import trunkline as tl
from trunkline.protocol import subjects

from support.hub import eventually

QUICK = {"probe_s": 0.3, "probe_timeout_s": 0.2, "late_s": 30, "deaf_after": 3}

PROCESS = """
import sys
import trunkline as tl
agent = tl.Agent(sys.argv[1])

@agent.skill(sys.argv[1])
async def skill() -> int:
    return 1

agent.run(sys.argv[2], sys.argv[3])
"""


async def shown(hub, name):
    return (await hub.admin("GET", f"agents/{name}")).json


def in_state(hub, name, *states):
    async def check():
        found = await shown(hub, name)
        return found if found.get("state") in states else None

    return check


@pytest.fixture
def process(name):
    """Starts the agent as a process of its own, to be killed."""
    running = []

    def start(hub):
        command = [sys.executable, "-c", PROCESS, name, hub.url, hub.admin_token]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.wait()


async def test_a_killed_process_is_offline_long_before_its_lease_is_over(own_hub, name, process):
    """On every hub, for each hears of the connection itself; leases of half a minute take no part."""
    one, two = await own_hub(bus={"heartbeat_s": 10}), await own_hub(hub_id="hub-2", bus={"heartbeat_s": 10})
    running = process(one)
    await eventually(in_state(one, name, "healthy"))
    await eventually(in_state(two, name, "healthy"))
    running.kill()
    began = time.monotonic()
    for hub in (one, two):
        await eventually(in_state(hub, name, "offline"), timeout_s=20)
    assert time.monotonic() - began < 10, "a lease is 30 s; two seconds are promised"
    found = await eventually(lambda: reasoned(one, name))
    assert "its connection dropped" in found["reason"]
    assert (await shown(two, name))["reason"] == found["reason"]


async def reasoned(hub, name):
    found = await shown(hub, name)
    return found if found["state_since"] else None


async def test_connected_but_deaf_is_found_and_mended(own_hub, name):
    """Heartbeats come, calls do not arrive."""
    hub = await own_hub(agents=QUICK)
    agent = tl.Agent(name)
    heard = []

    @agent.skill(name)
    async def skill(ctx: tl.Context) -> int:
        heard.append(ctx.client)
        return 1

    async with hub.serving(agent):
        await eventually(in_state(hub, name, "healthy"))
        assert (await hub.admin("POST", f"skills/{name}/call", raw=b"{}")).status == 200
        connection = heard[0].bus
        lost = [one for one in connection._listeners if f".call.*.{subjects.token(name)}." in one.subject]
        assert len(lost) == 3
        for one in lost:
            await one.current.unsubscribe()
        await connection.flush()
        found = await eventually(in_state(hub, name, "unhealthy"), timeout_s=20)
        assert "deaf" in found["reason"] and name in found["reason"]
        assert [one["state"] for one in found["instances"]] == ["unhealthy"], "it is not evicted"
        for one in lost:
            await connection._attach(one)
        await eventually(in_state(hub, name, "healthy"), timeout_s=20)

    async def story():
        items = (await hub.admin("GET", f"agents/{name}/history")).json["items"]
        return [c["state"] for c in reversed(items) if c["change"] == "state" and not c["instance"]]

    async def is_told():
        return (await story())[:3] == ["healthy", "unhealthy", "healthy"]

    await eventually(is_told)


async def test_an_agent_that_is_only_busy_stays_healthy(own_hub, name):
    hub = await own_hub(agents=QUICK)
    agent = tl.Agent(name)
    release = asyncio.Event()

    @agent.skill(name, concurrency=1)
    async def slow() -> int:
        await release.wait()
        return 1

    async with hub.serving(agent), hub.connected() as client:
        await eventually(in_state(hub, name, "healthy"))
        calls = [asyncio.ensure_future(client.call(name, timeout_s=30)) for _ in range(3)]
        keeper = hub.component("health")
        (watch,) = await eventually(lambda: list(keeper._watches.values()))
        turns = watch._turn
        await eventually(lambda: watch._turn >= turns + 5, timeout_s=20)
        assert (await shown(hub, name))["state"] == "healthy"
        release.set()
        assert await asyncio.gather(*calls) == [1, 1, 1]
    changes = (await hub.admin("GET", f"agents/{name}/history")).json["items"]
    assert {c["state"] for c in changes} <= {"", "healthy", "draining", "offline"}


async def test_many_failures_are_told(own_hub, name):
    hub = await own_hub(agents=QUICK)
    agent = tl.Agent(name)

    @agent.skill(name)
    async def fails() -> None:
        raise RuntimeError

    async with hub.serving(agent), hub.connected() as client:
        await eventually(in_state(hub, name, "healthy"))
        await eventually(lambda: len(hub.component("health")._watches) == 1)
        for _ in range(8):
            with pytest.raises(tl.CallFailedError):
                await client.call(name)
        found = await eventually(in_state(hub, name, "degraded"), timeout_s=20)
        assert "failed" in found["reason"]


async def test_late_answers_are_told_and_a_verdict_reaches_the_other_hub(own_hub, name):
    one = await own_hub(agents={**QUICK, "late_s": 1e-6})
    two = await own_hub(agents={**QUICK, "late_s": 1e-6}, hub_id="hub-2")
    agent = tl.Agent(name)
    async with one.serving(agent):
        for hub in (one, two):
            found = await eventually(in_state(hub, name, "degraded"), timeout_s=20)
            assert "late" in found["reason"] or not found["reason"]
            assert found["instances"][0]["reason"].startswith("it answers late")


async def test_a_restarted_hub_evicts_nobody(own_hub, name):
    first = await own_hub(agents=QUICK)
    async with first.serving(tl.Agent(name)):
        await eventually(in_state(first, name, "healthy"))
        await eventually(lambda: reasoned(first, name))
        await first.stop()
        second = await own_hub(agents=QUICK, hub_id="hub-2")
        await eventually(in_state(second, name, "healthy"))
        await eventually(lambda: second.component("health")._watches)
        changes = (await second.admin("GET", f"agents/{name}/history")).json["items"]
        assert "offline" not in [c["state"] for c in changes]


@pytest.mark.slow
async def test_who_died_while_no_hub_looked_is_offline_in_the_end(own_hub, name, process):
    first = await own_hub()
    running = process(first)
    await eventually(in_state(first, name, "healthy"))
    await eventually(lambda: reasoned(first, name))
    await first.stop()
    running.kill()
    second = await own_hub(hub_id="hub-2")

    async def offline():
        changes = (await second.admin("GET", f"agents/{name}/history")).json["items"]
        return [c for c in changes if c["state"] == "offline" and not c["instance"]]

    (change,) = await eventually(offline, timeout_s=30)
    assert "no heartbeat" in change["reason"]


async def test_agents_are_counted_by_state(sqlite_hub, name):
    await sqlite_hub.admin("PUT", f"agents/{name}", raw=b"{}")

    async def counted():
        text = (await sqlite_hub.admin("GET", "/metrics")).body.decode()
        lines = [
            line for line in text.splitlines() if line.startswith("trunkline_agents{") and 'workspace="default"' in line
        ]
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in lines if 'state="offline"' in line or 'state="unknown"' in line
        )

    await eventually(counted)
