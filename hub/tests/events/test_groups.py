"""Groups that follow events: how far behind each is, and taking one away."""

import asyncio

import pytest
import trunkline as tl
from trunkline.protocol.errors import GroupInUseError, GroupUnknownError

from support.hub import eventually


def follower(name: str, going: asyncio.Event, held: asyncio.Event) -> tl.Agent:
    agent = tl.Agent(f"f-{name}")

    @agent.on(f"{name}.*", group=f"g-{name}", retry=tl.Retry(max_attempts=3))
    async def hold(n: int) -> None:
        held.set()
        await going.wait()

    return agent


async def test_a_groups_lag_is_what_it_has_not_settled(hub, name):
    going, held = asyncio.Event(), asyncio.Event()
    async with hub.connected() as client:
        async with hub.serving(follower(name, going, held)):
            idle = await client.groups.get(f"g-{name}")
            assert (idle.types, idle.retry.max_attempts) == ([f"{name}.*"], 3)
            assert (idle.waiting, idle.in_flight, idle.oldest_unhandled_at, idle.oldest_unhandled_s) == (
                0,
                0,
                None,
                None,
            )
            assert idle.workers_waiting >= 1
            await client.publish("unrelated.to.it")
            first = await client.publish(f"{name}.a", 1)
            await asyncio.wait_for(held.wait(), 10)
            for n in range(4):
                await client.publish(f"{name}.b", n)
            lag = await client.groups.get(f"g-{name}")
            assert lag.in_flight + lag.waiting == 5
            stored = (await client.events.query(id=first.id)).items[0].stored_at
            assert lag.oldest_unhandled_at == stored and lag.oldest_unhandled_s > 0
            going.set()
            done = await eventually(lambda: settled(client, f"g-{name}"))
            assert done.oldest_unhandled_at is None
        await client.publish(f"{name}.c", 9)
        left = await client.groups.get(f"g-{name}")
        assert (left.waiting, left.in_flight) == (1, 0)
        seen, cursor = [], None
        while True:
            page = await client.groups.list(limit=2, cursor=cursor)
            seen += [group.name for group in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert seen == sorted(set(seen)) and f"g-{name}" in seen


async def settled(client, name):
    found = await client.groups.get(name)
    return found if not found.waiting and not found.in_flight else None


async def test_a_rate_is_known_after_two_samples(own_hub, name, monkeypatch):
    monkeypatch.setattr("trunkline_hub.events.service.groups._SAMPLE_S", 0.2)
    hub = await own_hub()
    going, held = asyncio.Event(), asyncio.Event()
    going.set()
    async with hub.connected() as client, hub.serving(follower(name, going, held)):

        async def rate():
            await asyncio.gather(*(client.publish(f"{name}.r", n) for n in range(50)))
            return (await client.groups.get(f"g-{name}")).rate_per_s

        assert await eventually(rate) > 0


async def test_a_group_is_removed_with_its_cursor_and_by_force_only_while_in_use(hub, name):
    going, held = asyncio.Event(), asyncio.Event()
    async with hub.connected() as client:
        async with hub.serving(follower(name, going, held)):
            with pytest.raises(GroupInUseError):
                await client.groups.remove(f"g-{name}")
            assert (await client.groups.get(f"g-{name}")).name == f"g-{name}"
        await eventually(lambda: unused(client, f"g-{name}"))
        await client.groups.remove(f"g-{name}")
        with pytest.raises(GroupUnknownError):
            await client.groups.get(f"g-{name}")
        with pytest.raises(GroupUnknownError):
            await client.groups.remove(f"g-{name}")
        js = hub.component("bus").js()
        consumers = {info.name for info in await js.consumers_info("EVENTS_default")}
        assert f"g_g-{name}" not in consumers
        entries = (await hub.admin("GET", "audit")).json["items"]
        assert any(e["action"] == "group.removed" and e["resource"] == f"group/g-{name}" for e in entries)
        async with hub.serving(follower(f"{name}-2", going, held)):
            await client.groups.remove(f"g-{name}-2", force=True)
        async with hub.serving(follower(name, going, held)):
            assert (await client.groups.get(f"g-{name}")).waiting == 0


async def unused(client, name):
    return not (await client.groups.get(name)).workers_waiting
