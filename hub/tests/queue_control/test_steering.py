"""Queues told to pause, to drain, to go on, to be as they were, and to be gone."""

import asyncio

import pytest
import trunkline as tl
from trunkline.protocol.errors import (
    PermissionDeniedError,
    QueueDrainingError,
    QueueInUseError,
    QueueUnknownError,
    RevisionUnknownError,
)
from trunkline.protocol.resources import QueueDeclaration

from support.bus import on_the_bus
from support.hub import eventually
from support.letters import dead_letters, publish_raw


def worker(name, done, gate=None):
    agent = tl.Agent(name)

    @agent.task(name, concurrency=1)
    async def work(n: int) -> None:
        if gate is not None:
            await gate.wait()
        done.put_nowait(n)

    return agent


async def empty(client, name):
    queue = await client.queues.get(name)
    return queue.depth == 0 and queue.in_flight == 0


async def test_a_paused_queue_hands_out_nothing_and_takes_everything(hub, name):
    done, gate = asyncio.Queue(), asyncio.Event()
    async with hub.serving(worker(name, done, gate)), hub.connected() as client:
        await client.enqueue(name, 1)
        await eventually(lambda: _in_flight(client, name, 1))
        status = await client.queues.pause(name, reason="upstream is down")
        assert (status.state, status.by, status.reason) == ("paused", "admin", "upstream is down")
        await client.enqueue(name, 2)
        gate.set()
        assert await asyncio.wait_for(done.get(), 20) == 1, "what is in flight ends normally"
        queue = await eventually(lambda: _depth(client, name, 1))
        assert queue.status == status
        await hub.component("reconciler").converge()
        await asyncio.sleep(0.3)
        assert done.empty(), "the reconciler keeps the pause"
        assert (await client.queues.resume(name)).state == "active"
        assert await asyncio.wait_for(done.get(), 20) == 2
        trail = (await hub.admin("GET", "audit")).json["items"]
        deeds = [entry["action"] for entry in trail if entry["resource"] == f"queue/{name}"]
        assert deeds[:2] == ["queue.resume", "queue.pause"]


async def _in_flight(client, name, count):
    return (await client.queues.get(name)).in_flight == count


async def _depth(client, name, count):
    queue = await client.queues.get(name)
    return queue if queue.depth == count and queue.in_flight == 0 else None


async def test_a_pause_survives_broker_and_hub(own_hub, broker, name, tmp_path):
    hub = await own_hub()
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        await client.queues.pause(name)
        await client.enqueue(name, 1)
    await hub.stop()
    await broker.kill()
    await broker.start()
    again = await own_hub()
    done = asyncio.Queue()
    async with again.serving(worker(name, done)), again.connected() as client:
        assert (await client.queues.get(name)).status.state == "paused"
        await asyncio.sleep(0.3)
        assert done.empty()
        await client.queues.resume(name)
        assert await asyncio.wait_for(done.get(), 20) == 1


async def test_a_queue_paused_before_its_consumer_exists_is_paused_from_the_start(own_hub, broker, name):
    """A consumer that went away meanwhile is made again as it should be."""
    hub = await own_hub()
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        await client.queues.pause(name)
        async with on_the_bus(broker) as bus:
            await bus.client.jsm().delete_consumer("TASKS_default", f"q_{name}")
            await hub.component("reconciler").converge()
            info = await bus.client.jsm().consumer_info("TASKS_default", f"q_{name}")
            assert info.paused


async def test_a_draining_queue_takes_nothing_in_and_its_workers_finish(hub, name):
    done, gate = asyncio.Queue(), asyncio.Event()
    async with hub.serving(worker(name, done, gate)), hub.connected() as client, hub.connected() as other:
        for n in range(3):
            await client.enqueue(name, n)
        await client.queues.drain(name, reason="moving house")
        over_http = await hub.admin("POST", f"queues/{name}/messages", json={"data": 1})
        assert (over_http.status, over_http.code) == (409, "queue.draining")
        assert "moving house" in over_http.json["detail"]
        with pytest.raises(QueueDrainingError):
            await other.enqueue(name, 4)
        client._admission._fresh_until[name] = 0  # as if the refresh were due
        late = 0
        with pytest.raises(QueueDrainingError):
            while True:  # one that sent before learns of it soon, without waiting for the hub at each message
                await client.enqueue(name, 5)
                late += 1
                await asyncio.sleep(0.01)
        gate.set()
        assert [await asyncio.wait_for(done.get(), 20) for _ in range(3 + late)] == [0, 1, 2, *[5] * late]
        await eventually(lambda: empty(client, name))
        await client.queues.resume(name)

        async def let_in():
            try:
                return await client.enqueue(name, 6)
            except QueueDrainingError:
                return None

        await eventually(let_in)
        assert await asyncio.wait_for(done.get(), 20) == 6


async def test_settings_have_a_history_and_can_be_gone_back_to(hub, name):
    async with hub.client() as client:
        await client.queues.declare(name, QueueDeclaration(ack_wait_s=10))
        await client.queues.declare(name, QueueDeclaration(ack_wait_s=20, max_in_flight=5))
        await client.queues.declare(name, QueueDeclaration(ack_wait_s=20, max_in_flight=5))
        kept = (await client.queues.revisions(name)).items
        assert [(r.number, r.body["ack_wait_s"]) for r in kept] == [(2, 20.0), (1, 10.0)]
        queue = await client.queues.rollback(name, 1, note="too long")
        assert (queue.ack_wait_s, queue.max_in_flight) == (10.0, 10_000)
        newest = (await client.queues.revisions(name, limit=1)).items[0]
        assert (newest.number, newest.action, newest.note, newest.by) == (3, "rolled_back", "too long", "admin")
        with pytest.raises(RevisionUnknownError):
            await client.queues.rollback(name, 9)
        answer = await hub.admin("POST", f"queues/{name}/rollback", json={"revision": "one"})
        assert answer.status == 422


async def test_an_empty_queue_is_deleted_and_can_be_declared_again(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration(ack_wait_s=10))
        work = await client.queues.delete(name)
        assert (await client.jobs.wait(work.job.id, timeout_s=20)).state == "completed"
        with pytest.raises(QueueUnknownError):
            await client.queues.get(name)
        assert (await client.queues.revisions(name)).items[0].action == "removed"
        assert (await client.queues.rollback(name, 1)).ack_wait_s == 10
        await client.enqueue(name, 1)


async def test_a_queue_in_use_is_deleted_by_force_only_and_its_rest_is_kept(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        for n in range(5):
            await client.enqueue(name, n)
        with pytest.raises(QueueInUseError):
            await client.queues.delete(name)
        work = await client.queues.delete(name, force=True, reason="obsolete")
        assert work.count == 5
        ended = await client.jobs.wait(work.job.id, timeout_s=20)
        assert (ended.state, ended.result) == ("completed", {"buried": 5})
        letters = await dead_letters(hub, name, 5)
        assert {(l["reason"], l["sender"], l["sender_verified"]) for l in letters} == {("unroutable", "admin", True)}
        assert "obsolete" in letters[0]["error"]
        refused = await hub.admin("POST", f"dead-letters/{letters[0]['id']}/redrive")
        assert (refused.status, refused.code) == (409, "dead_letter.homeless")
        with pytest.raises(QueueUnknownError):
            await client.queues.pause(name)


async def test_what_nobody_declared_a_queue_for_is_found(hub, name):
    await publish_raw(hub, name, b'{"specversion":"1.0","id":"1","source":"/x","type":"lost"}')
    assert await hub.component("stray-scan").scan("default") == 1
    (letter,) = await dead_letters(hub, name)
    assert (letter["reason"], letter["sender"], letter["type"]) == ("unroutable", f"raw-{name}", "lost")
    assert await hub.component("stray-scan").scan("default") == 0


async def test_who_may_only_look_may_not_steer(hub, name):
    async with hub.client() as admin, hub.client(await hub.token("queues:read")) as reader:
        await admin.queues.declare(name, QueueDeclaration())
        assert (await reader.queues.peek(name)).items == []
        for act in (reader.queues.pause, reader.queues.drain, reader.queues.delete):
            with pytest.raises(PermissionDeniedError):
                await act(name)
        with pytest.raises(QueueUnknownError):
            await admin.queues.pause(f"{name}-no")
        for verb, state in (("pause", "paused"), ("resume", "active")):
            answer = await hub.admin("POST", f"queues/{name}/{verb}")
            assert (answer.status, answer.json["state"]) == (200, state), "a reason is welcome, not needed"
        answer = await hub.admin("POST", f"queues/{name}/pause", json={"reason": "x" * 2000})
        assert (answer.status, answer.pointers) == (422, ["/reason"])
