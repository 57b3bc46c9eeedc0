"""The map over a real broker: what agents do shows on it, on every hub, and after a hub has begun anew."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import trunkline as tl
from support.hub import eventually
from trunkline.protocol.errors import AgentUnknownError, PermissionDeniedError, RequestInvalidError
from trunkline.protocol.resources import HandledPage, TrafficMap


@asynccontextmanager
async def town(hub, name):
    """A shop that calls, publishes to, and puts work before a baker."""
    baker, shop = tl.Agent(f"{name}.baker"), tl.Agent(f"{name}.shop")

    @baker.skill(f"{name}.bake")
    async def bake(count: int) -> int:
        if count < 0:
            raise ValueError("no such bread")
        return count

    @baker.on(f"{name}.sold", group=f"{name}.books")
    async def book(number: int) -> None: ...

    @baker.task(f"{name}.orders")
    async def order(job: int) -> None: ...

    @shop.skill(f"{name}.open")
    async def open_shop(count: int, ctx: tl.Context) -> int:
        for number in range(count):
            await ctx.call(f"{name}.bake", number)
            await ctx.publish(f"{name}.sold", number)
            await ctx.enqueue(f"{name}.orders", number)
        return count

    async with hub.serving(baker), hub.serving(shop), hub.client() as client:
        yield client


async def seen(client, window_s=300):
    return await client.api.get("/map", TrafficMap, window_s=window_s)


def edges_of(found, name):
    named = {
        (edge.kind, edge.source.replace(f"{name}.", ""), edge.target.replace(f"{name}.", "")): edge
        for edge in found.edges
        if name in edge.source or name in edge.target
    }
    return {key: edge.count for key, edge in named.items()}, named


EXPECTED = {
    ("call", "principal:admin", "agent:shop"): 1,
    ("call", "agent:shop", "agent:baker"): 4,
    ("event", "agent:shop", "agent:baker"): 4,
    ("queue", "agent:shop", "queue:orders"): 4,
    ("queue", "queue:orders", "agent:baker"): 4,
}


async def drawn(client, name):
    found = await seen(client)
    counts, edges = edges_of(found, name)
    return (found, edges) if counts == EXPECTED else None


async def test_who_calls_publishes_to_and_works_for_whom(hub, name):
    async with town(hub, name) as client:
        await client.call(f"{name}.open", 4)
        found, edges = await eventually(lambda: drawn(client, name))
        call = edges["call", "agent:shop", "agent:baker"]
        assert (call.names, call.failed, call.error_rate) == ([f"{name}.bake"], 0, 0)
        assert call.rate > 0 and 0 < call.p50_ms <= call.p95_ms
        assert edges["event", "agent:shop", "agent:baker"].names == [f"{name}.sold"]
        nodes = {node.id: node for node in found.nodes}
        assert nodes[f"agent:{name}.baker"].state == "healthy" and nodes[f"agent:{name}.baker"].instances == 1
        assert nodes[f"queue:{name}.orders"].kind == "queue"

        recent = await client.api.get(f"/map/agents/{name}.baker/recent", HandledPage, limit=50)
        assert {(one.lane, one.sender, one.outcome) for one in recent.items} == {
            (lane, f"agent:{name}.shop", "handled") for lane in ("call", "group", "queue")
        }
        assert [one.started_at for one in recent.items] == sorted((o.started_at for o in recent.items), reverse=True)


async def test_a_task_leads_from_its_caller_to_its_agent(hub, name):
    agent = tl.Agent(name)

    @agent.skill(f"{name}.bake", task=True)
    async def bake(count: int) -> int:
        return count

    async with hub.serving(agent), hub.client() as client:
        await client.tasks.run(f"{name}.bake", 3)

        async def told():
            return edges_of(await seen(client), name)[0] == {("task", "principal:admin", f"agent:{name}"): 1}

        await eventually(told)


async def test_failures_are_counted(hub, name):
    async with town(hub, name) as client:
        for count in (1, -1, -1, 2):
            try:
                await client.call(f"{name}.bake", count)
            except tl.TrunklineError:
                pass

        async def told():
            _, edges = edges_of(await seen(client, 60), name)
            edge = edges.get(("call", "principal:admin", "agent:baker"))
            return edge is not None and edge.count == 4 and (edge.failed, edge.error_rate)

        assert await eventually(told) == (2, 0.5)


async def test_an_agent_without_traffic_is_there_too(hub, name):
    async with hub.serving(tl.Agent(name)), hub.client() as client:
        assert (await client.api.get(f"/map/agents/{name}/recent", HandledPage)).items == []
        with pytest.raises(AgentUnknownError):
            await client.api.get(f"/map/agents/{name}.nobody/recent", HandledPage)
        assert f"agent:{name}" in {node.id for node in (await seen(client)).nodes}


async def test_every_hub_says_the_same_also_one_that_began_later(own_hub, name):
    first = await own_hub()
    async with town(first, name) as client:
        await client.call(f"{name}.open", 4)
        await eventually(lambda: drawn(client, name))
    second = await own_hub(hub_id="later")
    async with first.client() as one, second.client() as other:
        assert edges_of(await seen(other), name)[0] == edges_of(await seen(one), name)[0] == EXPECTED
        assert (await seen(other)).behind == 0


async def test_it_goes_on_when_the_broker_was_away(own_hub, broker, name):
    hub = await own_hub()
    async with town(hub, name) as client:
        await client.call(f"{name}.open", 2)

        async def counted(count):
            return edges_of(await seen(client), name)[0].get(("call", "agent:shop", "agent:baker")) == count

        await eventually(lambda: counted(2))
        await broker.kill()
        await broker.start()

        async def called():
            try:
                return await client.call(f"{name}.open", 2)
            except (tl.TrunklineError, TimeoutError):
                return None

        await eventually(called, timeout_s=30)

        async def more():
            return (edges_of(await seen(client), name)[0].get(("call", "agent:shop", "agent:baker")) or 0) >= 4

        await eventually(more, timeout_s=30)


async def test_who_may_look_and_for_how_long(hub):
    async with hub.client(await hub.token("agents:read")) as client:
        with pytest.raises(PermissionDeniedError):
            await seen(client)
    async with hub.client(await hub.token("insights:read")) as client:
        assert (await seen(client)).window_s == 300
        with pytest.raises(RequestInvalidError):
            await seen(client, 7)
        found = await asyncio.gather(*(seen(client, window) for window in (60, 300, 900) for _ in range(5)))
        assert {one.behind for one in found} == {0}
