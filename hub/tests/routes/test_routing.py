"""Routes at work: real broker, real hub, both databases."""

import asyncio

import pytest
from support.hub import eventually
from trunkline.protocol.errors import (
    PermissionDeniedError,
    RequestInvalidError,
    RevisionUnknownError,
    RouteLoopError,
    RouteRuleUnknownError,
)
from trunkline.protocol.resources import (
    Condition,
    QueueDeclaration,
    RouteDeclaration,
    RouteMatch,
    RouteSample,
    RouteTarget,
)


def route(*targets, **options):
    match = {name: options.pop(name) for name in list(options) if name in RouteMatch.__struct_fields__}
    return RouteDeclaration(targets=[RouteTarget(**t) for t in targets], match=RouteMatch(**match), **options)


async def queue(client, name):
    await client.queues.declare(name, QueueDeclaration())
    return name


async def depth(client, name):
    return (await client.queues.get(name)).depth


async def depths(client, **wanted):
    """Wait until queues hold exactly so many messages."""
    try:
        await eventually(lambda: _are(client, wanted))
    except AssertionError:
        assert {name: await depth(client, name) for name in wanted} == wanted


async def _are(client, wanted):
    return {name: await depth(client, name) for name in wanted} == wanted


async def test_events_go_to_queues_by_type_attributes_and_payload(hub, name):
    async with hub.connected() as client:
        big, all_of_them = await queue(client, f"{name}-big"), await queue(client, f"{name}-all")
        matching = {"types": [f"{name}.order.*"]}
        await client.routes.declare(
            f"{name}-1", route({"queue": big}, **matching, data=[Condition(path="/total", op=">", value=100)])
        )
        await client.routes.declare(f"{name}-2", route({"queue": all_of_them}, **matching))
        for total in (50, 150, 250):
            await client.publish(f"{name}.order.created", {"total": total})
        await client.publish(f"{name}.invoice.created", {"total": 1000})
        await depths(client, **{big: 2, all_of_them: 3})
        counted = await eventually(lambda: _counted(client, f"{name}-1", 2))
        assert (counted.dead_ends, counted.loops, counted.last_error) == (0, 0, None)


async def _counted(client, name, routed):
    counts = (await client.routes.get(name)).counts
    return counts if counts.routed == routed else None


async def test_a_routed_message_is_the_very_event_under_its_senders_name(hub, name):
    agent_name, got = f"{name}-w", asyncio.Queue()
    import trunkline as tl

    agent = tl.Agent(agent_name)

    @agent.task(f"{name}-q")
    async def take(payload: dict, ctx: tl.Context) -> None:
        await got.put((ctx.message, payload, ctx.extensions))

    sender = await hub.token("events:publish", principal=f"{name}-sender")
    async with hub.serving(agent), hub.client() as admin, hub.connected(sender) as client:
        await admin.routes.declare(name, route({"queue": f"{name}-q"}, types=[f"{name}.made"]))
        ack = await client.publish(f"{name}.made", {"n": 1}, subject="s", correlation_id="c-1")
        message, payload, extensions = await asyncio.wait_for(got.get(), 20)
    assert (message.id, message.type, message.subject, message.correlationid) == (ack.id, f"{name}.made", "s", "c-1")
    assert message.source.endswith(f"/{name}-sender")
    assert (payload, extensions) == ({"n": 1}, {})


async def test_an_event_becomes_another_type_and_is_linked_to_its_cause(hub, name):
    async with hub.connected() as client, client.subscribe(f"{name}.>") as events:
        await client.routes.declare(name, route({"event": f"{name}.paid"}, types=[f"{name}.order"]))
        ack = await client.publish(f"{name}.order", {"total": 3})
        first, second = await asyncio.wait_for(anext(events), 20), await asyncio.wait_for(anext(events), 20)
    assert [first.message.type, second.message.type] == [f"{name}.order", f"{name}.paid"]
    assert second.message.causationid == second.message.correlationid == ack.id
    assert second.message.id != ack.id
    assert bytes(second.message.data) == b'{"total":3}'


async def test_a_split_divides_by_weight_and_the_same_event_always_goes_the_same_way(hub, name):
    async with hub.connected() as client:
        old, canary = await queue(client, f"{name}-old"), await queue(client, f"{name}-new")
        wanted = route({"queue": old, "weight": 9}, {"queue": canary, "weight": 1}, types=[name], mode="split")
        await client.routes.declare(name, wanted)
        acks = await asyncio.gather(*(client.publish(name, {"n": n}) for n in range(400)))
        await eventually(lambda: _sum(client, [old, canary], 400))
        share = await depth(client, canary)
        assert 15 <= share <= 75
        sample = RouteSample(type=name, id=acks[0].id)
        explained = [(await client.routes.explain(sample)).verdicts for _ in range(3)]
        chosen = {v.targets[0] for verdicts in explained for v in verdicts if v.route == name}
        assert len(chosen) == 1


async def _sum(client, names, wanted):
    return sum([await depth(client, one) for one in names]) == wanted


async def test_a_route_that_stops_keeps_later_ones_out_and_a_disabled_one_does_nothing(hub, name):
    async with hub.connected() as client:
        first, later, off = [await queue(client, f"{name}-{n}") for n in ("first", "later", "off")]
        await client.routes.declare(f"{name}-b", route({"queue": later}, types=[name], order=2))
        await client.routes.declare(
            f"{name}-a", route({"queue": first}, types=[name], order=1, stop=True, senders=["admin"])
        )
        await client.routes.declare(f"{name}-c", route({"queue": off}, types=[name], order=0, enabled=False))
        await client.publish(name, 1)
        await depths(client, **{first: 1, later: 0, off: 0})
        other = await hub.token("events:publish")
        async with hub.connected(other) as stranger:
            await stranger.publish(name, 2)
        await depths(client, **{first: 1, later: 1, off: 0})


async def test_a_change_holds_for_the_next_event_and_can_be_rolled_back(hub, name):
    async with hub.connected() as client:
        one, two = await queue(client, f"{name}-1"), await queue(client, f"{name}-2")
        await client.routes.declare(name, route({"queue": one}, types=[name]))
        await client.publish(name, 1)
        changed = await client.routes.declare(name, route({"queue": two}, types=[name]))
        assert changed.revision == 2
        await client.publish(name, 2)
        same = await client.routes.declare(name, route({"queue": two}, types=[name]))
        assert same.revision == 2
        await client.routes.remove(name)
        await client.publish(name, 3)
        with pytest.raises(RouteRuleUnknownError):
            await client.routes.get(name)
        back = await client.routes.rollback(name, 1, note="it was better")
        assert (back.revision, back.route.targets[0].queue) == (4, one)
        await client.publish(name, 4)
        await depths(client, **{one: 2, two: 1})
        history = (await client.routes.history(name)).items
        assert [(r.number, r.action) for r in history] == [
            (4, "rolled_back"), (3, "removed"), (2, "declared"), (1, "declared"),
        ]  # fmt: skip
        for number in (3, 9):
            with pytest.raises(RevisionUnknownError):
                await client.routes.rollback(name, number)
        await client.routes.remove(name)


async def test_what_was_published_before_the_first_route_is_left_alone(own_hub, name):
    hub = await own_hub()
    async with hub.connected() as client:
        q = await queue(client, f"{name}-q")
        for n in range(20):
            await client.publish(name, n)
        await client.routes.declare(name, route({"queue": q}, types=[name]))
        await client.publish(name, "after")
        await depths(client, **{q: 1})


async def test_another_workspace_gets_its_events_and_only_who_may_can_send_them_there(hub, name):
    async with hub.connected() as client, hub.client(workspace="other") as there:
        await client.routes.declare(name, route({"workspace": "other"}, types=[name]))
        ack = await client.publish(name, {"n": 1})
        found = await eventually(lambda: _events(there, name))
        assert (found[0].event["id"], found[0].sender) == (ack.id, "admin")
        await client.routes.remove(name)
    local = await hub.token("routes:*")
    async with hub.client(local) as client:
        with pytest.raises(PermissionDeniedError):
            await client.routes.declare(name, route({"workspace": "other"}, types=[name]))


async def _events(client, event_type):
    return (await client.events.query(type=event_type)).items


async def test_dead_ends_are_counted_and_shown(hub, name):
    async with hub.connected() as client:
        await client.routes.declare(name, route({"queue": f"{name}-nowhere"}, types=[f"{name}.a"]))
        for _ in range(3):
            ack = await client.publish(f"{name}.a", 1)
        await client.publish(f"{name}.b", 1)
        found = await eventually(lambda: _dead_ends(client, name, 2))
        assert found[f"{name}.a"].count == 3
        assert (found[f"{name}.a"].route, found[f"{name}.a"].last_id) == (name, ack.id)
        assert f"{name}-nowhere" in found[f"{name}.a"].reason
        assert (found[f"{name}.b"].route, found[f"{name}.b"].reason) == (None, "no route, no group")
        assert (await client.routes.get(name)).counts.dead_ends == 3
        await queue(client, f"{name}-nowhere")
        await client.publish(f"{name}.a", 2)
        await depths(client, **{f"{name}-nowhere": 1})


async def _dead_ends(client, name, wanted):
    items = (await client.routes.dead_ends(limit=500)).items
    found = {one.type: one for one in items if one.type.startswith(f"{name}.")}
    return found if len(found) == wanted and sum(one.count for one in found.values()) >= wanted + 2 else None


async def test_loops_are_refused_with_their_way(hub, name):
    async with hub.client() as client:
        await client.routes.declare(f"{name}-1", route({"event": f"{name}.b"}, types=[f"{name}.a"]))
        await client.routes.declare(f"{name}-2", route({"event": f"{name}.c"}, types=[f"{name}.b"]))
        for looping in (
            route({"event": f"{name}.a"}, types=[f"{name}.c"]),
            route({"event": f"{name}.a"}, types=[f"{name}.*"]),
            route({"event": f"{name}.x.y"}, types=[f"{name}.>"]),
        ):
            with pytest.raises(RouteLoopError) as caught:
                await client.routes.declare(f"{name}-3", looping)
            assert f"default/{name}-3" in caught.value.detail
        await client.routes.declare(f"{name}-3", route({"event": f"{name}.a"}, types=[f"{name}.c"], enabled=False))


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        (route(), "/targets"),
        (route({}), "/targets/0"),
        (route({"queue": "a", "event": "b"}), "/targets/0"),
        (route({"queue": "a b"}), "/targets/0/queue"),
        (route({"event": "a.*"}), "/targets/0/event"),
        (route({"queue": "a", "weight": -1}), "/targets/0/weight"),
        (route({"queue": "a", "weight": 0}, mode="split"), "/targets"),
        (route({"queue": "a"}, types=["a.>.b"]), "/match/types/0"),
        (route({"queue": "a"}, cel="data.x >"), "/match/cel"),
        (route({"queue": "a"}, order=10**9), "/order"),
    ],
)
async def test_what_cannot_be_a_route_is_refused_with_its_place(sqlite_hub, name, wanted, pointer):
    async with sqlite_hub.client() as client:
        with pytest.raises(RequestInvalidError) as caught:
            await client.routes.declare(name, wanted)
        assert pointer in [error.pointer for error in caught.value.errors]


async def test_explain_says_where_and_why_and_sends_nothing(hub, name):
    async with hub.connected() as client:
        q = await queue(client, f"{name}-q")
        await client.routes.declare(
            name, route({"queue": q}, {"queue": f"{name}-gone"}, types=[name], cel="data.total > 100")
        )
        sample = RouteSample(type=name, data={"total": 150})
        tried = {f"{name}-try": route({"event": "x.y"}, types=[name], order=1)}
        explained = await client.routes.explain(sample, tried)
        mine = {v.route: v for v in explained.verdicts if v.route.startswith(name)}
        assert [v.route for v in explained.verdicts if v.route.startswith(name)] == [f"{name}-try", name]
        assert mine[name].matched
        assert mine[name].targets == [f"queue {q}", f"queue {name}-gone"]
        assert mine[name].dead_ends == [f"queue {name}-gone"]
        assert mine[f"{name}-try"].targets == ["event x.y"]
        poor = (await client.routes.explain(RouteSample(type=name, data={"total": 1}))).verdicts
        assert next(v for v in poor if v.route == name).reason == "CEL is not true: data.total > 100"
        assert (await client.routes.explain(RouteSample(type=f"{name}.nobody"))).leads_nowhere
        assert await depth(client, q) == 0


async def test_a_full_queue_holds_its_messages_back_and_loses_none(own_hub, name):
    """The work queue's stream is full: routed events wait in the log until there is room."""
    hub = await own_hub(bus={"tasks_max_bytes": 2**20})
    async with hub.connected() as client:
        q = await queue(client, f"{name}-q")
        await client.routes.declare(name, route({"queue": q}, types=[name]))
        blob = "x" * 100_000
        acks = await asyncio.gather(*(client.publish(name, {"n": n, "blob": blob}) for n in range(15)))
        assert len({ack.seq for ack in acks}) == 15
        await eventually(lambda: _at_least(client, q, 9))
        import trunkline as tl

        seen, agent = set(), tl.Agent(f"{name}-w")

        @agent.task(q)
        async def take(payload: dict) -> None:
            seen.add(payload["n"])

        async with hub.serving(agent):
            await eventually(lambda: len(seen) == 15, timeout_s=40)


async def _at_least(client, name, wanted):
    return await depth(client, name) >= wanted


async def test_routing_goes_on_where_a_stopped_hub_left_it(own_hub, name):
    first = await own_hub(hub_id="first")
    async with first.connected() as client:
        q = await queue(client, f"{name}-q")
        await client.routes.declare(name, route({"queue": q}, types=[name]))
        for n in range(50):
            await client.publish(name, n)
        await first.stop()
        second = await own_hub(hub_id="second")
        for n in range(50):
            await client.publish(name, n)
    async with second.client() as client:
        await depths(client, **{q: 100})


async def test_two_hubs_apply_a_change_made_on_either(own_hub, name):
    """One hub routes; the other takes the change."""
    first, second = await own_hub(hub_id="first"), await own_hub(hub_id="second")
    async with first.connected() as client, second.client() as other:
        one, two = await queue(client, f"{name}-1"), await queue(client, f"{name}-2")
        await client.routes.declare(name, route({"queue": one}, types=[name]))
        await client.publish(name, 1)
        await depths(client, **{one: 1})
        for n in range(10):
            target = (one, two)[n % 2]
            changing = (client, other)[n % 2]
            await changing.routes.declare(name, route({"queue": target}, types=[name], description=str(n)))
            await client.publish(name, n)
        await depths(client, **{one: 6, two: 5})
