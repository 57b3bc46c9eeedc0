"""Agents: registered, listed, present or not."""

import asyncio
import json

import msgspec
import pytest
import trunkline as tl
from trunkline.protocol import frames, subjects
from trunkline.wire import message
from trunkline.protocol.errors import AgentOwnedError, AgentUnknownError, RequestInvalidError

from support.hub import eventually


def idle(name: str, **options) -> tl.Agent:
    agent = tl.Agent(name, version="1.0.1", description="Does little.")

    @agent.skill(f"{name}-skill", tags=["t"])
    async def skill(n: int) -> int:
        """Counts."""
        return n + 1

    return agent


async def state(hub, name: str) -> str:
    return (await hub.admin("GET", f"agents/{name}")).json["state"]


async def test_a_running_agent_is_listed_with_all_it_offers(hub, name):
    agent = idle(name)
    async with hub.serving(agent), hub.client() as client:
        await eventually(lambda: healthy(hub, name))
        found = await client.agents.get(name)
        assert (found.owner, found.version, found.description) == ("admin", "1.0.1", "Does little.")
        (skill,) = found.skills
        assert (skill.name, skill.description, skill.tags) == (f"{name}-skill", "Counts.", ["t"])
        assert skill.input_schema == {"type": "integer"}
        (instance,) = found.instances
        assert (instance.id, instance.state, instance.version) == (agent.instance, "healthy", "1.0.1")
        assert [a.name for a in (await client.agents.list(skill=f"{name}-skill")).items] == [name]
        assert (await client.agents.list(skill="nobody-has-it")).items == []
        assert name in [a.name for a in (await client.agents.list(state="healthy", limit=500)).items]


async def healthy(hub, name: str) -> bool:
    return await state(hub, name) == "healthy"


async def test_a_drained_agent_is_offline_at_once_and_stays_listed(hub, name):
    """Its last word ends the lease: nobody waits for it to run out."""
    async with hub.serving(idle(name)):
        await eventually(lambda: healthy(hub, name))
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def offline():
        return await state(hub, name) in {"offline", "unknown"}

    await eventually(offline)
    assert loop.time() - began < hub.settings.bus.heartbeat_s * 3, "sooner than its lease would have run out"
    assert (await hub.admin("GET", f"agents/{name}")).json["instances"] == []


async def test_presence_is_a_lease(own_hub, clock, name):
    """Silence past the lease is absence; before the hub's grace has run out it is "unknown"."""
    hub = await own_hub(clock=clock, bus={"heartbeat_s": 1000})
    await hub.admin("PUT", f"agents/{name}", raw=b"{}")
    assert await state(hub, name) == "unknown"
    clock.forward(3001)
    assert await state(hub, name) == "offline"
    beat = frames.Beat(state="healthy", version="1", lease_s=60)
    async with hub.connected() as client:
        subject = subjects.beat("default", "admin", name, "i1")
        bus = hub.component("bus").bus
        bus.write(message(subject, msgspec.json.encode(beat)))
        await eventually(lambda: healthy(hub, name))
        clock.forward(59)
        assert await healthy(hub, name)
        clock.forward(2)
        assert await state(hub, name) == "offline"
        bus.write(message(subject, msgspec.json.encode(msgspec.structs.replace(beat, lease_s=1e9))))
        await eventually(lambda: healthy(hub, name))
        clock.forward(121)
        assert await state(hub, name) == "offline", "no lease is longer than two minutes"
        assert client


@pytest.mark.parametrize(
    "junk", [b"", b"\xff", b"{}", b"[]", b'{"state":1}', b'{"state":"healthy","version":"1","lease_s":1e400}']
)
async def test_a_beat_that_is_none_is_ignored(sqlite_hub, name, junk):
    bus = sqlite_hub.component("bus").bus
    bus.write(message(subjects.beat("default", "x", name, "i"), junk))
    await bus.flush()
    assert (await sqlite_hub.admin("GET", "/health")).json["ok"]


async def test_a_restarted_hub_calls_the_roll(own_hub, name, tmp_path):
    """An agent that works on through a hub's restart is healthy again without waiting for its next heartbeat."""
    first = await own_hub(bus={"heartbeat_s": 60})
    async with first.serving(idle(name)):
        await eventually(lambda: healthy(first, name))
        second = await own_hub(bus={"heartbeat_s": 60}, hub_id="hub-2")
        await eventually(lambda: healthy(second, name), timeout_s=10)


async def test_an_agent_belongs_to_who_registered_it_first(hub, name):
    mine = await hub.token("agents:*", principal=f"me-{name}")
    theirs = await hub.token("agents:*", principal=f"they-{name}")
    async with hub.client(mine) as me, hub.client(theirs) as they:
        await me.agents.register(name, frames.Registration(version="1"))
        with pytest.raises(AgentOwnedError):
            await they.agents.register(name, frames.Registration(version="2"))
        await me.agents.register(name, frames.Registration(version="3"))
        assert (await they.agents.get(name)).version == "3"


async def test_a_removed_agent_is_gone_and_its_queue_stays(hub, name):
    async with hub.client() as client:
        reader = frames.ReaderDeclaration(lane="queue", name=name)
        await client.agents.register(name, frames.Registration(readers=[reader]))
        await client.agents.remove(name)
        with pytest.raises(AgentUnknownError):
            await client.agents.get(name)
        with pytest.raises(AgentUnknownError):
            await client.agents.remove(name)
        assert (await client.queues.get(name)).name == name


@pytest.mark.parametrize(
    ("wrong", "pointers"),
    [({"skills": [{"name": "a b"}]}, ["/skills/0/name"]), ({"skills": [{"name": "a"}, {"name": "a"}]}, ["/skills/1/name"]),
     ({"readers": [{"lane": "queue", "name": "*"}]}, ["/readers/0/name"]),
     ({"readers": [{"lane": "queue", "name": "a" + "." * 126}]}, ["/readers/0/name"]),
     ({"readers": [{"lane": "queue", "name": "q"}, {"lane": "group", "name": "q"}, {"lane": "queue", "name": "q"}]}, ["/readers/2/name"]),
     ({"version": "x" * 64}, ["/version"]), ({"version": "\x00"}, ["/version"]), ({"description": "\x00"}, ["/description"]),
     ({"readers": [{"lane": "group", "name": "g", "types": ["a b"]}]}, ["/readers/g/types/0"]),
     ({"readers": [{"lane": "group", "name": "g", "types": ["a.*", "*.b"]}]}, ["/readers/g/types/1"]),
     ({"readers": [{"lane": "group", "name": "g", "ack_wait_s": 0}]}, ["/readers/g/ack_wait_s"]),
     ({"readers": [{"lane": "group", "name": "g", "ack_wait_s": 1e300}]}, ["/readers/g/ack_wait_s"]),
     ({"readers": [{"lane": "group", "name": "g", "retry": {"max_attempts": -3}}]}, ["/readers/g/retry/max_attempts"]),
     ({"readers": [{"lane": "queue", "name": "q", "retry": {"max_attempts": 0}}]}, ["/retry/max_attempts"])],
)  # fmt: skip
async def test_a_wrong_registration_is_pointed_at_and_leaves_nothing(hub, name, wrong, pointers):
    answer = await hub.admin("PUT", f"agents/{name}", raw=json.dumps(wrong).encode())
    assert (answer.status, answer.pointers) == (422, pointers)
    assert (await hub.admin("GET", f"agents/{name}")).status == 404
    assert (await hub.admin("GET", "/health")).json["ok"]


async def test_agents_are_listed_in_pages(hub, name):
    async with hub.client() as client:
        for n in range(5):
            await client.agents.register(f"{name}-{n}", frames.Registration())
        seen, cursor = [], None
        while True:
            page = await client.agents.list(limit=2, cursor=cursor)
            seen += [agent.name for agent in page.items]
            cursor = page.next
            if cursor is None:
                break
    assert [n for n in seen if n.startswith(name)] == [f"{name}-{n}" for n in range(5)]
    assert len(seen) == len(set(seen))


async def test_a_wrong_name_is_refused(sqlite_hub):
    async with sqlite_hub.client() as client:
        with pytest.raises(RequestInvalidError):
            await client.agents.register("a b", frames.Registration())
