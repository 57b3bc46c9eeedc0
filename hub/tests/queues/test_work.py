"""Queues: declared, filled, worked off."""

import asyncio
import json
from dataclasses import dataclass

import pytest
import trunkline as tl
from trunkline.protocol.errors import QueueUnknownError, RequestError
from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.resources import QueueDeclaration

from support.hub import eventually
from support.letters import dead_letters, history, publish_raw

QUICK = tl.Retry(max_attempts=3, base_s=0.05, factor=2, jitter=0)


@dataclass
class Job:
    n: int


async def test_work_put_in_over_bus_and_http_is_handled_once(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name, concurrency=4)
    async def work(job: Job, ctx: tl.Context) -> None:
        done.put_nowait((job.n, ctx.attempt, ctx.message.type))

    async with hub.serving(agent), hub.connected() as client:
        await asyncio.gather(*(client.enqueue(name, Job(n), key=f"k{n % 3}") for n in range(50)))
        answer = await hub.admin("POST", f"queues/{name}/messages", raw=b'{"data":{"n":50},"type":"job.x"}')
        assert answer.status == 201
        handled = [await asyncio.wait_for(done.get(), 20) for _ in range(51)]
        assert sorted(handled) == [(n, 1, f"task.{name}") for n in range(50)] + [(50, 1, "job.x")]

        async def empty():
            queue = await client.queues.get(name)
            return queue.depth == queue.in_flight == 0

        await eventually(empty)
    assert done.empty()


async def test_work_waits_for_a_worker(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        await client.enqueue(name, 1)
        assert (await client.queues.get(name)).depth == 1
        done = asyncio.Event()
        agent = tl.Agent(name)

        @agent.task(name)
        async def work(n: int) -> None:
            done.set()

        async with hub.serving(agent):
            await asyncio.wait_for(done.wait(), 20)


async def test_the_same_id_is_stored_once_over_both_lanes(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        first = await client.enqueue(name, 1, id=name)
        second = await client.enqueue(name, 1, id=name)
        third = await hub.admin("POST", f"queues/{name}/messages", raw=json.dumps({"data": 1, "id": name}).encode())
        assert (first.duplicate, second.duplicate, third.json["duplicate"]) == (False, True, True)
        assert (await client.queues.get(name)).depth == 1


async def test_an_unknown_queue_is_told_at_once(hub, name):
    async with hub.connected() as client:
        with pytest.raises(QueueUnknownError):
            await client.enqueue(name, 1)
    for method, path in (
        ("GET", f"queues/{name}"),
        ("POST", f"queues/{name}/messages"),
        ("GET", f"queues/{name}/declaration"),
    ):
        answer = await hub.admin(method, path, raw=b"{}" if method == "POST" else None)
        assert (answer.status, answer.code) == (404, "queue.unknown")


async def test_settings_left_out_stay_as_they_are(hub, name):
    async with hub.client() as client:
        await client.queues.declare(name, QueueDeclaration(retry=RetryPolicy(max_attempts=2), ack_wait_s=7))
        changed = await client.queues.declare(name, QueueDeclaration(max_in_flight=9))
    assert (changed.retry.max_attempts, changed.ack_wait_s, changed.max_in_flight) == (2, 7, 9)


@pytest.mark.parametrize(
    ("declaration", "pointer"),
    [({"ack_wait_s": 0}, "/ack_wait_s"), ({"ack_wait_s": 1e300}, "/ack_wait_s"), ({"max_in_flight": 0}, "/max_in_flight"),
     ({"max_in_flight": 10**12}, "/max_in_flight"), ({"max_in_flight": 10**30}, "/max_in_flight"),
     ({"retry": {"max_attempts": 0}}, "/retry/max_attempts"), ({"retry": {"max_attempts": 10**9}}, "/retry/max_attempts")],
)  # fmt: skip
async def test_settings_out_of_range_are_pointed_at(hub, name, declaration, pointer):
    answer = await hub.admin("PUT", f"queues/{name}", raw=json.dumps(declaration).encode())
    assert (answer.status, answer.pointers or [pointer]) == (422, [pointer])


@pytest.mark.parametrize("bad", ["a b", "_x", "ä", "x" * 128, "*", "a\x00", "a" + "." * 126])
async def test_names_that_cannot_be_addressed_are_refused(hub, bad):
    async with hub.client() as client:
        with pytest.raises(RequestError):
            await client.queues.declare(bad, QueueDeclaration())


@pytest.mark.parametrize("shape", ["x" * 127, "a" + "." * 84, "Q-_.9", "a..b"], ids=len)
async def test_every_allowed_name_works_on_the_broker_too(hub, shape):
    done = asyncio.Event()
    agent = tl.Agent(shape)

    @agent.task(shape)
    async def work(n: int) -> None:
        done.set()

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(shape, 1)
        await asyncio.wait_for(done.wait(), 20)


async def test_queues_are_listed_by_name_in_pages(hub, name):
    async with hub.client() as client:
        for n in range(5):
            await client.queues.declare(f"{name}-{n}", QueueDeclaration())
        seen, cursor = [], None
        while True:
            page = await client.queues.list(limit=2, cursor=cursor)
            seen += [queue.name for queue in page.items]
            cursor = page.next
            if cursor is None:
                break
    assert [n for n in seen if n.startswith(name)] == [f"{name}-{n}" for n in range(5)]
    assert len(seen) == len(set(seen))


async def test_a_failing_message_is_tried_again_then_dead_lettered_with_its_whole_history(hub, name):
    attempts = []
    agent = tl.Agent(name, version="1.2.3")

    @agent.task(name, retry=QUICK)
    async def work(job: Job, ctx: tl.Context) -> None:
        attempts.append(ctx.attempt)
        raise RuntimeError(f"attempt {ctx.attempt} failed")

    async with hub.serving(agent), hub.connected() as client:
        ack = await client.enqueue(name, Job(1))
        (letter,) = await dead_letters(hub, name)
        detail = await history(hub, letter["id"], 3)
        assert (await client.queues.get(name)).dead == 1
    assert attempts == [1, 2, 3]
    assert (letter["reason"], letter["attempts"], letter["message_id"]) == ("attempts_exhausted", 3, ack.id)
    assert (letter["lane"], letter["sender"], letter["error"]) == ("queue", "admin", "attempt 3 failed")
    assert [a["number"] for a in detail["history"]] == [1, 2, 3]
    assert [a["error"]["message"] for a in detail["history"]] == [f"attempt {n} failed" for n in (1, 2, 3)]
    assert [a.get("final", False) for a in detail["history"]] == [False, False, True]
    for attempt in detail["history"]:
        assert (attempt["agent"], attempt["instance"], attempt["version"]) == (name, agent.instance, "1.2.3")
        assert "RuntimeError" in attempt["error"]["traceback"]
    assert detail["payload"]["data"] == {"n": 1}
    assert letter["traceparent"] == detail["payload"]["traceparent"]


async def test_a_message_that_fails_once_is_done_in_the_end_and_does_not_die(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name, retry=QUICK)
    async def work(job: Job, ctx: tl.Context) -> None:
        if ctx.attempt == 1:
            raise RuntimeError("once")
        done.put_nowait(ctx.attempt)

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, Job(1))
        assert await asyncio.wait_for(done.get(), 20) == 2
        marker = await client.enqueue(name, Job(2))
        assert await asyncio.wait_for(done.get(), 20) == 2
        assert marker
        assert (await client.dead_letters.list(reader=name)).items == []


async def test_delays_grow_between_attempts(sqlite_hub, name):
    moments: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(max_attempts=3, base_s=0.2, factor=3, jitter=0))
    async def work(job: Job) -> None:
        moments.put_nowait(asyncio.get_running_loop().time())
        raise RuntimeError

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        await client.enqueue(name, Job(1))
        first, second, third = [await asyncio.wait_for(moments.get(), 20) for _ in range(3)]
    assert second - first >= 0.19
    assert third - second >= 0.59


async def test_retry_after_is_obeyed_and_counted(sqlite_hub, name):
    moments: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(max_attempts=2, base_s=60))
    async def work(job: Job) -> None:
        moments.put_nowait(asyncio.get_running_loop().time())
        raise tl.RetryAfterError(0.3, "busy")

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        await client.enqueue(name, Job(1))
        first, second = [await asyncio.wait_for(moments.get(), 20) for _ in range(2)]
        assert second - first >= 0.29
        (letter,) = await dead_letters(sqlite_hub, name)
    assert letter["reason"] == "attempts_exhausted"


async def test_a_permanent_error_dies_at_once(hub, name):
    runs = []
    agent = tl.Agent(name)

    @agent.task(name, retry=QUICK)
    async def work(job: Job) -> None:
        runs.append(job.n)
        raise tl.PermanentError("no such customer")

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, Job(1))
        (letter,) = await dead_letters(hub, name)
    assert runs == [1]
    assert (letter["reason"], letter["error"], letter["attempts"]) == ("rejected", "no such customer", 1)


async def test_an_invalid_payload_dies_as_invalid_with_a_pointer(hub, name):
    agent = tl.Agent(name)

    @agent.task(name, retry=QUICK)
    async def work(job: Job) -> None:
        raise AssertionError("never run")

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, {"n": "many"})
        (letter,) = await dead_letters(hub, name)
        detail = await history(hub, letter["id"], 1)
    assert (letter["reason"], letter["attempts"]) == ("invalid", 1)
    error = detail["history"][0]["error"]
    assert error["code"] == "message.payload_invalid"
    assert [e["pointer"] for e in error["errors"]] == ["/n"]
    assert "/n" in letter["error"]


JUNK = {
    "binary": b"\x00\x01\xff\xfe" * 50, "empty": b"", "text": b"hello", "array": b"[1,2]", "big": b"x" * 2**20,
    "big json": b'{"specversion":"1.0","id":"b","source":"/s","type":"t","data":"' + b"y" * 2**20 + b'"}',
    "deep": b'{"specversion":"1.0","id":"d","source":"/s","type":"t","data":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "deep junk": b"[" * 200_000, "no id": b'{"specversion":"1.0","source":"/s","type":"t"}',
    "odd words": json.dumps({"specversion": "1.0", "id": "a\x00b\ud800", "source": "/s", "type": "\x00" * 600, "data": "x",
                             "traceparent": "y" * 99}).encode(),
    "long id": json.dumps({"specversion": "1.0", "id": "i" * 10_000, "source": "/s", "type": "t" * 10_000, "data": "x"}).encode(),
}  # fmt: skip


async def test_junk_published_past_the_sdk_dies_and_stops_nobody(hub, name):
    """Raw bytes of every kind become dead letters that can be listed and shown; the good message behind them is done."""
    done = asyncio.Event()
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(max_attempts=2, base_s=0.01))
    async def work(job: Job) -> None:
        done.set()

    async with hub.serving(agent), hub.connected() as client:
        await publish_raw(hub, name, *JUNK.values())
        await client.enqueue(name, Job(1))
        await asyncio.wait_for(done.wait(), 30)
        letters = await dead_letters(hub, name, count=len(JUNK))
        assert len(letters) == len(JUNK)
        assert {letter["reason"] for letter in letters} == {"invalid"}
        for letter in letters:
            shown = await hub.admin("GET", f"dead-letters/{letter['id']}")
            assert shown.status == 200, shown.body[:300]
            assert shown.json["payload_encoding"] in {"json", "text", "base64"}
        assert (await hub.admin("GET", "overview")).status == 200
        assert (await hub.admin("GET", "/health")).json["ok"]


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("not even its words")


@pytest.mark.parametrize("kind", ["cancelled", "unprintable", "group", "stop"])
async def test_whatever_a_handler_raises_the_worker_lives_on(sqlite_hub, name, kind):
    """A stray CancelledError, an exception that cannot be printed, a group: one message suffers, not the reader."""
    done = asyncio.Event()
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(max_attempts=2, base_s=0.01))
    async def work(job: Job) -> None:
        if job.n == 1:
            raise {
                "cancelled": asyncio.CancelledError(), "unprintable": Unprintable(), "stop": StopAsyncIteration(),
                "group": ExceptionGroup("many", [ValueError("a"), KeyError("b")]),
            }[kind]  # fmt: skip
        done.set()

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        await client.enqueue(name, Job(1))
        await client.enqueue(name, Job(2))
        await asyncio.wait_for(done.wait(), 15)
        (letter,) = await dead_letters(sqlite_hub, name)
    assert letter["reason"] == "attempts_exhausted"


async def test_what_a_handler_sends_is_linked_to_its_cause(hub, name):
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(job: Job, ctx: tl.Context) -> None:
        await ctx.publish(f"{name}.done", {"n": job.n})

    async with hub.serving(agent), hub.connected() as client, client.subscribe(f"{name}.done") as events:
        ack = await client.enqueue(name, Job(1), correlation_id="order-7")
        received = await asyncio.wait_for(anext(events), 20)
    assert (received.message.causationid, received.message.correlationid) == (ack.id, "order-7")
    assert received.message.source.endswith(name)


async def test_a_consumer_without_the_scope_is_refused_at_registration(hub, name):
    token = await hub.token("agents:register")
    wanted = json.dumps({"readers": [{"lane": "queue", "name": name}]}).encode()
    answer = await hub.http("PUT", f"agents/{name}", token=token, raw=wanted)
    assert (answer.status, answer.code) == (403, "access.denied")
    assert (await hub.admin("GET", f"queues/{name}")).status == 404
    assert (await hub.admin("GET", f"agents/{name}")).status == 404
