"""Delayed messages: they come when they are due, once, whatever dies meanwhile; they can be seen, hastened, taken back."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trunkline as tl
from trunkline.protocol.errors import QueueUnknownError, RequestInvalidError, ScheduledUnknownError
from trunkline.protocol.resources import QueueDeclaration
from trunkline_hub.bus import schedule


def taking(name: str, done: asyncio.Queue) -> tl.Agent:
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(n: Any, ctx: tl.Context) -> None:
        done.put_nowait((n, ctx, datetime.now(UTC)))

    return agent


async def test_a_delayed_task_comes_when_it_is_due_with_all_that_it_was(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    async with hub.serving(taking(name, done)), hub.connected() as client:
        sent = datetime.now(UTC)
        ack = await client.enqueue(name, 7, delay_s=1.25, key="k", correlation_id="order-7", type="job.x")
        item = (await client.scheduled.get(ack.id)).item
        assert (item.kind, item.target, item.by, item.message_id, item.preview) == ("task", name, "admin", ack.id, "7")
        n, ctx, came = await asyncio.wait_for(done.get(), 20)
        late = (came - sent).total_seconds() - 1.25
        assert -0.05 < late < 5, late
        assert (n, ctx.attempt, ctx.id, ctx.correlation_id, ctx.message.type) == (7, 1, ack.id, "order-7", "job.x")
        assert (ctx.message.partitionkey, bool(ctx.traceparent)) == ("k", True)
        with pytest.raises(ScheduledUnknownError):
            await client.scheduled.get(ack.id)
    assert done.empty()


async def test_a_delayed_event_enters_the_log_when_it_is_due(hub, name):
    async with hub.connected() as client, client.subscribe(f"{name}.e") as events:
        ack = await client.publish(f"{name}.e", {"n": 1}, at=datetime.now(UTC) + timedelta(seconds=0.6), subject="s")
        now = await client.publish(f"{name}.e", {"n": 2})
        assert (await asyncio.wait_for(anext(events), 20)).message.id == now.id
        late = await asyncio.wait_for(anext(events), 20)
        assert (late.message.id, late.message.subject, late.sender) == (ack.id, "s", "admin")


async def test_over_http_a_delay_is_a_field_of_work_and_a_parameter_of_events(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    async with hub.serving(taking(name, done)), hub.connected() as client, client.subscribe(f"{name}.e") as events:
        body = json.dumps({"data": 1, "id": f"{name}-1", "delay_s": 0.5}).encode()
        answer = await hub.admin("POST", f"queues/{name}/messages", raw=body)
        assert (answer.status, answer.json["id"], answer.json["stream"]) == (201, f"{name}-1", "SCHEDULE_default")
        event = json.dumps(
            {"specversion": "1.0", "id": f"{name}-2", "source": "/s", "type": f"{name}.e", "odd": "kept"}
        ).encode()
        answer = await hub.admin("POST", "events", raw=event, params={"delay_s": "0.5"})
        assert answer.status == 201, answer.body
        assert (await asyncio.wait_for(done.get(), 20))[0] == 1
        assert (await asyncio.wait_for(anext(events), 20)).message.id == f"{name}-2"
        (stored,) = (await client.events.query(type=f"{name}.e")).items
        assert stored.event["odd"] == "kept"


async def test_many_delays_come_in_the_order_of_their_times(sqlite_hub, name):
    done: asyncio.Queue = asyncio.Queue()
    async with sqlite_hub.serving(taking(name, done)), sqlite_hub.connected() as client:
        base = datetime.now(UTC) + timedelta(seconds=1)
        order = [4, 1, 5, 0, 3, 2]
        await asyncio.gather(*(client.enqueue(name, n, at=base + timedelta(milliseconds=400 * n)) for n in order))
        came = [await asyncio.wait_for(done.get(), 20) for _ in order]
    assert [n for n, _ctx, _at in came] == list(range(6))
    assert all(at >= base + timedelta(milliseconds=400 * n) for n, _ctx, at in came), "never early"


async def test_a_message_can_be_cancelled_and_sent_again_under_its_id(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    async with hub.serving(taking(name, done)), hub.connected() as client:
        await client.enqueue(name, "never", id=name, delay_s=0.8)
        (waiting,) = await schedule.find(hub.component("bus"), "default", name)
        await client.scheduled.cancel(name)
        with pytest.raises(ScheduledUnknownError):
            await client.scheduled.cancel(name)
        await client.enqueue(name, "again", id=name, delay_s=1.2)
        assert (await asyncio.wait_for(done.get(), 20))[0] == "again"
        assert not await schedule.cancel(hub.component("bus"), "default", waiting), "who comes second is told so"
        audit = (await hub.admin("GET", "audit", params={"limit": 20})).json["items"]
        (entry,) = [e for e in audit if e["action"] == "scheduled.cancelled" and e["detail"]["message_id"] == name]
        assert entry["detail"]["target"] == name
    assert done.empty()


async def test_the_same_id_again_replaces_what_waits(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    async with hub.serving(taking(name, done)), hub.connected() as client:
        await client.enqueue(name, "first", id=name, delay_s=3600)
        await client.enqueue(name, "second", id=name, delay_s=0.3)
        assert (await asyncio.wait_for(done.get(), 20))[0] == "second"
        assert (await client.scheduled.list(queue=name)).items == []


async def test_a_message_can_be_let_go_before_its_time(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    async with hub.serving(taking(name, done)), hub.connected() as client:
        ack = await client.enqueue(name, 1, delay_s=300 * 86400)
        item = await client.scheduled.run(ack.id)
        assert item.target == name
        assert (await asyncio.wait_for(done.get(), 20))[0] == 1
        assert (await client.scheduled.list(queue=name)).items == []


async def test_what_waits_is_listed_in_pages_and_by_queue(hub, name):
    async with hub.connected() as client:
        for queue in (name, f"{name}.b"):
            await client.queues.declare(queue, QueueDeclaration())
            for n in range(5):
                await client.enqueue(queue, {"n": n}, delay_s=1000)
        seen, cursor = [], None
        while True:
            page = await client.scheduled.list(queue=f"{name}.b", limit=2, cursor=cursor)
            seen += page.items
            cursor = page.next
            if cursor is None:
                break
        assert [json.loads(item.preview)["n"] for item in seen] == [0, 1, 2, 3, 4]
        assert {item.target for item in seen} == {f"{name}.b"}
        everything = (await client.scheduled.list(limit=500)).items
        assert len([item for item in everything if item.target.startswith(name)]) == 10
        assert len({item.id for item in everything}) == len(everything)


@pytest.mark.parametrize(
    ("later", "pointer"),
    [({"delay_s": -1}, "/delay_s"), ({"delay_s": 367 * 86400}, "/delay_s"), ({"deliver_at": "soon"}, "/deliver_at"),
     ({"deliver_at": "2026-11-22T10:00:00"}, "/deliver_at"), ({"deliver_at": "9999-12-31T23:59:59-23:00"}, "/deliver_at"),
     ({"deliver_at": "2999-01-01T00:00:00Z"}, "/deliver_at"), ({"delay_s": 1, "deliver_at": "2026-11-22T10:00:00Z"}, "/deliver_at")],
)  # fmt: skip
async def test_times_that_are_none_are_pointed_at(sqlite_hub, name, later, pointer):
    await sqlite_hub.admin("PUT", f"queues/{name}", raw=b"{}")
    answer = await sqlite_hub.admin("POST", f"queues/{name}/messages", raw=json.dumps({"data": 1, **later}).encode())
    assert (answer.status, answer.pointers) == (422, [pointer])
    event = json.dumps({"specversion": "1.0", "id": name, "source": "/s", "type": f"{name}.e"}).encode()
    answer = await sqlite_hub.admin("POST", "events", raw=event, params={k: str(v) for k, v in later.items()})
    assert (answer.status, answer.pointers) == (422, [f"query:{pointer[1:]}"])
    assert (await sqlite_hub.admin("GET", "scheduled", params={"queue": name})).json["items"] == []


async def test_a_delay_for_an_unknown_queue_is_refused_at_once(hub, name):
    async with hub.connected() as client:
        with pytest.raises(QueueUnknownError):
            await client.enqueue(name, 1, delay_s=10)
        with pytest.raises(ScheduledUnknownError):
            await client.scheduled.get("nobody")
        with pytest.raises(ValueError, match="time zone"):
            await client.publish("x", 1, at=datetime.now())
        with pytest.raises(RequestInvalidError):
            await client.publish("x", 1, delay_s=1, at="2026-11-22T10:00:00Z")


@pytest.mark.parametrize("odd", ["a.b c*>", "ü" * 300, "x" * 5000, "=", "_"], ids=range(5))
async def test_ids_of_every_kind_wait_and_come(sqlite_hub, name, odd):
    done: asyncio.Queue = asyncio.Queue()
    async with sqlite_hub.serving(taking(name, done)), sqlite_hub.connected() as client:
        await client.enqueue(name, 1, id=odd + name, delay_s=0.6)
        (item,) = (await client.scheduled.list(queue=name)).items
        assert item.message_id == odd + name
        assert (await sqlite_hub.admin("GET", f"scheduled/{item.id}")).status == 200
        _n, ctx, _came = await asyncio.wait_for(done.get(), 20)
        assert ctx.id == odd + name


async def test_one_workspace_sees_nothing_of_another(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        ack = await client.enqueue(name, 1, delay_s=1000)
    for method in ("GET", "DELETE"):
        answer = await hub.admin(method, f"/api/v1/w/other/scheduled/{ack.id}")
        assert (answer.status, answer.code) == (404, "scheduled.unknown")
    token = await hub.token("queues:enqueue")
    answer = await hub.http("DELETE", f"scheduled/{ack.id}", token=token)
    assert (answer.status, answer.code) == (403, "access.denied")
