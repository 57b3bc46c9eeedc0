"""What lies in a queue: looked at, purged, moved, cancelled; nothing lost, nothing done twice."""

import asyncio
from collections import Counter

import msgspec
import pytest
import trunkline as tl
from trunkline.protocol.errors import (
    BulkCountError,
    QueueBusyError,
    QueueDrainingError,
    QueueMessageTakenError,
    QueueMessageUnknownError,
    QueueUnknownError,
    RequestInvalidError,
)
from trunkline.protocol.resources import MessageFilter, MoveRequest, PurgeRequest, QueueDeclaration

from support.bus import on_the_bus
from support.hub import eventually
from support.letters import dead_letters, publish_raw


def worker(name, queue, done, gate, *, takes_s=0.0, **options):
    agent = tl.Agent(name)

    @agent.task(queue, concurrency=1, **options)
    async def work(n: int, ctx: tl.Context) -> None:
        await gate.wait()
        await asyncio.sleep(takes_s)
        done.append((queue, ctx.id, n))

    return agent


async def fill(client, name, count, **options):
    await client.queues.declare(name, QueueDeclaration())
    return await asyncio.gather(*(client.enqueue(name, n, **options) for n in range(count)))


async def held(client, name, depth, in_flight=0):
    async def so():
        queue = await client.queues.get(name)
        return (queue.depth, queue.in_flight) == (depth, in_flight)

    return await eventually(so)


async def everything(client, name, **filters):
    found, cursor = [], None
    while True:
        page = await client.queues.peek(name, cursor=cursor, **filters)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


async def test_messages_are_looked_at_without_being_taken(hub, name):
    async with hub.connected() as client:
        acks = await fill(client, name, 7)
        await client.enqueue(name, {"text": "x" * 3000}, type="other.kind", key="k-1", id="named")
        seen = await everything(client, name, limit=3)
        assert [message.id for message in seen] == [*(ack.id for ack in acks), "named"]
        assert {(m.state, m.sender, m.failed_attempts) for m in seen} == {("waiting", "admin", 0)}
        assert seen[0].payload["data"] == 0
        assert (seen[-1].type, seen[-1].key, seen[-1].payload_truncated) == ("other.kind", "k-1", True)
        whole = await client.queues.message(name, seen[-1].seq)
        assert (whole.payload["data"]["text"], whole.payload_truncated) == ("x" * 3000, False)
        assert [m.id for m in await everything(client, name, type="other.kind")] == ["named"]
        assert [m.id for m in await everything(client, name, key="k-1")] == ["named"]
        assert await everything(client, name, sender="nobody") == []
        assert len(await everything(client, name, sender="admin", since=seen[0].enqueued_at)) == 8
        assert await everything(client, name, since="2999-01-01T00:00:00Z") == []
        assert (await client.queues.get(name)).depth == 8
        with pytest.raises(QueueMessageUnknownError):
            await client.queues.message(name, seen[-1].seq + 1000)
        with pytest.raises(QueueUnknownError):
            await client.queues.peek(f"{name}-no")
        foreign = await fill(client, f"{name}-b", 1)
        with pytest.raises(QueueMessageUnknownError):
            await client.queues.message(name, foreign[0].seq)


async def test_peek_takes_whatever_lies_there(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        await publish_raw(hub, name, b"\xff\x00junk", b"", b"[" * 5000)
        seen = await everything(client, name)
        assert [(m.id, m.type, m.sender) for m in seen] == [("unknown", "unknown", f"raw-{name}")] * 3
        assert seen[0].payload_encoding == "base64"
        for query in ({"limit": 0}, {"cursor": "%%"}, {"since": "yesterday"}):
            assert (await hub.admin("GET", f"queues/{name}/peek", params=query)).status in {400, 422}


async def test_what_a_worker_holds_shows_as_taken_with_its_failures(hub, name):
    agent = tl.Agent(name)
    second = asyncio.Event()

    @agent.task(name, concurrency=1, retry=tl.Retry(max_attempts=3, base_s=0.01))
    async def work(n: int, ctx: tl.Context) -> None:
        if ctx.attempt == 1:
            raise RuntimeError("first")
        await second.wait()

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, 1)

        async def failed_once():
            seen = (await client.queues.peek(name)).items
            return seen if seen and seen[0].failed_attempts == 1 else None

        (message,) = await eventually(failed_once)
        assert message.state == "taken"
        second.set()
        await held(client, name, 0)


async def test_a_purge_counts_first_and_takes_no_more_than_was_seen(hub, name):
    async with hub.connected() as client:
        await fill(client, name, 30)
        plan = await client.queues.purge(name, PurgeRequest(dry_run=True))
        assert (plan.count, plan.exact, plan.job) == (30, True, None)
        late = await client.enqueue(name, "late")
        with pytest.raises(RequestInvalidError) as caught:
            await client.queues.purge(name, PurgeRequest())
        assert caught.value.errors[0].pointer == "/expected_at_most"
        with pytest.raises(BulkCountError):
            await client.queues.purge(name, PurgeRequest(expected_at_most=30))
        work = await client.queues.purge(name, PurgeRequest(expected_at_most=30, up_to=plan.up_to, reason="test data"))
        ended = await client.jobs.wait(work.job.id, timeout_s=20)
        assert (ended.state, ended.result) == ("completed", {"purged": 30})
        assert [message.id for message in await everything(client, name)] == [late.id]
        trail = (await hub.admin("GET", "audit")).json["items"]
        row = next(e for e in trail if e["action"] == "queue.purged" and e["resource"] == f"queue/{name}")
        assert (row["detail"]["purged"], row["detail"]["reason"], row["principal"]) == (30, "test data", "admin")


async def test_a_purge_leaves_what_workers_hold_unless_told_otherwise(hub, name):
    done, gate = [], asyncio.Event()
    async with hub.serving(worker(name, name, done, gate)), hub.connected() as client:
        await client.queues.pause(name)
        await asyncio.gather(*(client.enqueue(name, n) for n in range(2000)))
        await client.queues.resume(name)

        async def some_taken():
            queue = await client.queues.get(name)
            return queue.in_flight and queue.depth and queue

        taken = (await eventually(some_taken)).in_flight
        plan = await client.queues.purge(name, PurgeRequest(dry_run=True))
        work = await client.queues.purge(name, PurgeRequest(expected_at_most=plan.count, up_to=plan.up_to))
        ended = await client.jobs.wait(work.job.id, timeout_s=20)
        assert ended.state == "completed", ended.error
        gate.set()
        await held(client, name, 0)
        assert len(done) + ended.result["purged"] == 2000
        assert taken <= len(done) < 2000


async def test_a_purge_can_keep_everything_as_dead_letters(hub, name):
    async with hub.connected() as client:
        await fill(client, name, 4)
        work = await client.queues.purge(name, PurgeRequest(expected_at_most=4, to_dead_letters=True, reason="later"))
        assert (await client.jobs.wait(work.job.id, timeout_s=20)).result == {"purged": 4}
        letters = await dead_letters(hub, name, 4)
        assert {(l["reason"], l["error"]) for l in letters} == {("purged", "purged by admin: later")}
        await client.dead_letters.redrive(letters[0]["id"])
        await held(client, name, 1)


async def test_only_one_piece_of_bulk_work_at_a_time(hub, name):
    async with hub.connected() as client:
        await fill(client, name, 20)
        await client.queues.declare(f"{name}-to", QueueDeclaration())
        work = await client.queues.move(name, MoveRequest(to=f"{name}-to", expected_at_most=20, rate_per_s=1))
        with pytest.raises(QueueBusyError):
            await client.queues.purge(name, PurgeRequest(expected_at_most=100))
        (first, *_) = (await client.queues.peek(name)).items
        with pytest.raises(QueueBusyError):
            await client.queues.cancel(name, first.seq)
        await client.jobs.cancel(work.job.id)
        ended = await client.jobs.wait(work.job.id, timeout_s=20)
        assert ended.state == "cancelled"
        rest = await client.queues.purge(name, PurgeRequest(expected_at_most=100))
        assert (await client.jobs.wait(rest.job.id, timeout_s=20)).result == {"purged": 20 - ended.done}


async def test_messages_move_by_filter_with_their_sender_and_id(hub, name):
    async with hub.connected() as client:
        acks = await fill(client, name, 6)
        await client.queues.declare(f"{name}-to", QueueDeclaration())
        await client.enqueue(name, 1, type="a.kind", key="k")
        await client.enqueue(name, 2, type="a.kind", key="l")
        sender = await hub.token("queues:enqueue", principal=f"s-{name}")
        async with hub.connected(sender) as other:
            theirs = await other.enqueue(name, 3)

        async def moved(expected, **wanted):
            request = MoveRequest(to=f"{name}-to", filter=MessageFilter(**wanted), dry_run=True)
            plan = await client.queues.move(name, request)
            assert plan.count == expected
            request = msgspec.structs.replace(request, dry_run=False, expected_at_most=plan.count, up_to=plan.up_to)
            work = await client.queues.move(name, request)
            ended = await client.jobs.wait(work.job.id, timeout_s=20)
            assert (ended.state, ended.result) == ("completed", {"moved": expected, "to": f"{name}-to"})

        await moved(1, type="a.kind", key="k")
        await moved(1, sender=f"s-{name}")
        await moved(0, older_than_s=3600)
        await moved(7)
        assert await everything(client, name) == []
        arrived = await everything(client, f"{name}-to")
        assert [m.id for m in arrived[1:2]] == [theirs.id]
        assert Counter(m.sender for m in arrived) == {"admin": 8, f"s-{name}": 1}
        assert {ack.id for ack in acks} < {m.id for m in arrived}


async def test_a_move_is_refused_where_it_makes_no_sense(hub, name):
    async with hub.client() as client:
        for queue in (name, f"{name}-to"):
            await client.queues.declare(queue, QueueDeclaration())
        with pytest.raises(RequestInvalidError):
            await client.queues.move(name, MoveRequest(to=name, dry_run=True))
        with pytest.raises(QueueUnknownError):
            await client.queues.move(name, MoveRequest(to="nowhere", dry_run=True))
        with pytest.raises(RequestInvalidError):
            await client.queues.move(
                name, MoveRequest(to=f"{name}-to", filter=MessageFilter(older_than_s=-1), dry_run=True)
            )
        with pytest.raises(RequestInvalidError):
            await client.queues.move(name, MoveRequest(to=f"{name}-to", rate_per_s=-1, expected_at_most=1))
        await client.queues.drain(f"{name}-to")
        with pytest.raises(QueueDrainingError):
            await client.queues.move(name, MoveRequest(to=f"{name}-to", dry_run=True))


async def test_while_workers_work_each_message_is_moved_or_handled_and_never_both(hub, name):
    done, open_gate = [], asyncio.Event()
    open_gate.set()
    total = 1500
    async with hub.connected() as client:
        await client.queues.declare(f"{name}-to", QueueDeclaration())
        acks = await fill(client, name, total)
        async with hub.serving(worker(name, name, done, open_gate, takes_s=0.002)):
            work = await client.queues.move(name, MoveRequest(to=f"{name}-to", expected_at_most=total, rate_per_s=500))
            ended = await client.jobs.wait(work.job.id, timeout_s=25)
            assert ended.state == "completed", ended.error
            await held(client, name, 0)
        arrived = await everything(client, f"{name}-to", limit=500)
        assert len(arrived) == ended.result["moved"] > 0
        assert done
        assert Counter([m.id for m in arrived] + [mid for _q, mid, _n in done]) == Counter(ack.id for ack in acks)


async def test_a_waiting_message_is_cancelled_and_kept_as_a_discarded_letter(hub, name):
    done, gate = [], asyncio.Event()
    async with hub.connected() as client:
        acks = await fill(client, name, 3)
        gone = await client.queues.cancel(name, acks[1].seq, reason="a mistake")
        assert (gone.seq, gone.id) == (acks[1].seq, acks[1].id)
        with pytest.raises(QueueMessageUnknownError):
            await client.queues.cancel(name, acks[1].seq)
        (letter,) = await dead_letters(hub, name)
        assert (letter["reason"], letter["discarded_by"], letter["discard_reason"]) == (
            "cancelled",
            "admin",
            "a mistake",
        )
        assert (await client.queues.get(name)).dead == 0
        gate.set()
        async with hub.serving(worker(name, name, done, gate)):
            await held(client, name, 0)
            assert [n for _q, _i, n in done] == [0, 2]
            await client.dead_letters.redrive(letter["id"])  # a mistake to cancel it, too
            await eventually(lambda: len(done) == 3)
    trail = (await hub.admin("GET", "audit")).json["items"]
    assert [e for e in trail if e["action"] == "queue.message_cancelled" and e["resource"] == f"queue/{name}"]


async def test_what_a_worker_holds_cannot_be_cancelled(hub, name):
    done, gate = [], asyncio.Event()
    async with hub.serving(worker(name, name, done, gate)), hub.connected() as client:
        ack = await client.enqueue(name, 1)
        await held(client, name, 0, 1)
        with pytest.raises(QueueMessageTakenError) as caught:
            await client.queues.cancel(name, ack.seq)
        assert "30 s" in caught.value.detail
        gate.set()
        await eventually(lambda: done)
        for seq in ("0", "-1", "99999999999999999999", "x"):
            answer = await hub.admin("POST", f"queues/{name}/messages/{seq}/cancel", json={})
            assert answer.status in {404, 400, 422}, seq


async def test_another_hub_finishes_a_move_whose_hub_died_in_a_batch(own_hub, broker, clock, name):
    """The first hub dies after the copies were stored and before the originals were removed."""
    first = await own_hub(clock=clock, hub_id="first")
    async with first.connected() as client:
        acks = await fill(client, name, 50)
        await client.queues.declare(f"{name}-to", QueueDeclaration())
        dying = asyncio.Event()
        works = first.component("jobs")._kinds["queues.move"].__self__
        copy, copied = works._copy, []

        async def copy_and_die(*arguments):
            await copy(*arguments)
            copied.append(arguments)
            await dying.wait()

        works._copy = copy_and_die
        work = await client.queues.move(name, MoveRequest(to=f"{name}-to", expected_at_most=50))
        await eventually(lambda: len(copied) == 50)
    runner = first.component("jobs")
    runner._runs[work.job.id]._fence = -1  # whatever it still says is refused
    runner._claim = _nothing
    runner._kinds.clear()
    async with on_the_bus(broker) as bus:
        info = await bus.client.jsm().consumer_info("TASKS_default", f"q_{name}")
        assert info.paused, "the queue is held, so that no worker takes what is copied already"
    second = await own_hub(clock=clock, hub_id="second")
    clock.forward(60)
    async with second.connected() as client:
        ended = await client.jobs.wait(work.job.id, timeout_s=25)
        assert (ended.state, ended.result["moved"]) == ("completed", 50)
        arrived = await everything(client, f"{name}-to")
        assert Counter(m.id for m in arrived) == Counter(ack.id for ack in acks)
        assert await everything(client, name) == []


async def _nothing(_slots):
    return []
