"""Who may do what with the consumers and streams of queues that are not plain; asked by plain NATS clients."""

import json

import pytest
import trunkline as tl

from security.test_bus_rights import intruding

SHAPES = {
    "classes": ({"classes": {"high": 2}}, "TASKS_default", ["q_{0}", "q_{0}~c_high"]),
    "order": ({"concurrency_per_key": 1, "partitions": 2}, "TASKS_default", ["q_{0}~p_0", "q_{0}~p_1"]),
    "limits": ({"max_messages": 9}, "TASKS_default~{0}", ["q_{0}"]),
    "all": (
        {"classes": {"high": 2}, "concurrency_per_key": 1, "partitions": 2, "max_bytes": 10_000_000},
        "TASKS_default~{0}",
        ["q_{0}~p_0", "q_{0}~p_1", "q_{0}~c_high~p_0", "q_{0}~c_high~p_1"],
    ),
}


async def register(hub, token: str, agent: str, queue: str) -> None:
    body = {"readers": [{"lane": "queue", "name": queue}]}
    answer = await hub.http("PUT", f"agents/{agent}", token=token, raw=json.dumps(body).encode())
    assert answer.status == 200, answer.body


@pytest.mark.parametrize(("settings", "stream", "consumers"), SHAPES.values(), ids=SHAPES)
async def test_a_queues_reader_reads_all_of_it_and_nothing_else(sqlite_hub, name, settings, stream, consumers):
    async with sqlite_hub.client() as client:
        for queue in (name, f"{name}2"):
            await client.queues.declare(tl.Queue(queue, **settings))
    token = await sqlite_hub.token("agents:*", "queues:*", principal=f"me-{name}")
    await register(sqlite_hub, token, name, name)
    async with intruding(sqlite_hub, token, name=f"agent {name} i") as me:
        for consumer in consumers:
            own, others = consumer.format(name), consumer.format(f"{name}2")
            home, elsewhere = stream.format(name), stream.format(f"{name}2")
            assert await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{home}.{own}"), own
            assert await me.may_publish(f"$JS.ACK.{home}.{own}.1.1.1.1.1"), own
            assert await me.may_publish(f"$JS.ACK.dom.hash.{home}.{own}.1.1.1.1.1"), own
            assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{elsewhere}.{others}"), others
            assert not await me.may_publish(f"$JS.ACK.{elsewhere}.{others}.1.1.1.1.1"), others
        for call in ("STREAM.INFO", "STREAM.PURGE", "STREAM.DELETE", "STREAM.MSG.GET", "DIRECT.GET", "CONSUMER.LIST"):
            assert not await me.may_publish(f"$JS.API.{call}.{stream.format(name)}"), call
        assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream.format(name)}.q_{name}~c_other")
        assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream.format(name)}.*")
        assert not await me.may_publish(f"tl.default.changed.queue.{name}")
        assert await me.may_subscribe(f"tl.default.changed.queue.{name}")


async def test_a_neighbour_may_not_come_in_by_the_queues_name(sqlite_hub, name):
    """Queue `a` and queue `a~c_high`-like names: a name cannot be made that reads another's class."""
    async with sqlite_hub.client() as client:
        await client.queues.declare(tl.Queue(name, classes={"high": 2}))
    token = await sqlite_hub.token("agents:*", "queues:*", principal=f"me-{name}")
    refused = await sqlite_hub.http(
        "PUT", f"agents/{name}", token=token, json={"readers": [{"lane": "queue", "name": f"{name}~c_high"}]}
    )
    assert refused.status == 422
    await register(sqlite_hub, token, name, f"{name}.c_high")
    async with intruding(sqlite_hub, token, name=f"agent {name} i") as me:
        assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.TASKS_default.q_{name}~c_high")


async def test_senders_send_to_any_class_under_their_own_name_only(sqlite_hub, name):
    token = await sqlite_hub.token("queues:enqueue", principal=f"me-{name}")
    async with intruding(sqlite_hub, token) as me:
        for root in ("tasks", "limited", "paged.3"):
            assert await me.may_publish(f"tl.default.{root}.{name}.high.3.me-{name}")
            assert not await me.may_publish(f"tl.default.{root}.{name}.high.3.admin")
            assert not await me.may_publish(f"tl.other.{root}.{name}.high.3.me-{name}")
        assert await me.may_subscribe("tl.default.changed.queue.*")
        assert not await me.may_subscribe("tl.default.tasks.>")
        assert not await me.may_subscribe("tl.default.limited.>")
        assert not await me.may_subscribe("tl.other.changed.queue.*")
        assert not await me.may_subscribe("tl.default.changed.>")


async def test_without_the_scope_nothing_is_sent_or_heard(sqlite_hub, name):
    token = await sqlite_hub.token("queues:read", principal=f"me-{name}")
    async with intruding(sqlite_hub, token) as me:
        assert not await me.may_publish(f"tl.default.limited.{name}.normal.0.me-{name}")
        assert not await me.may_subscribe("tl.default.changed.queue.*")


async def test_only_the_owner_is_told_an_agents_readers(sqlite_hub, name):
    mine = await sqlite_hub.token("agents:*", "queues:*", principal=f"me-{name}")
    await register(sqlite_hub, mine, name, name)
    found = await sqlite_hub.http("GET", f"agents/{name}/readers", token=mine)
    assert [one["name"] for one in found.json] == [name]
    other = await sqlite_hub.token("agents:*", "queues:*", principal=f"other-{name}")
    assert (await sqlite_hub.http("GET", f"agents/{name}/readers", token=other)).code == "agent.owned"
    assert (await sqlite_hub.http("GET", f"agents/{name}-x/readers", token=mine)).status == 404
