"""A long wait between attempts: off the queue meanwhile, one count and one history in the end, nowhere it does not belong."""

import asyncio

import msgspec
import pytest
import trunkline as tl
from trunkline import deferral
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import DeadLetterUnknownError
from trunkline.protocol.resources import QueueDeclaration

from support.hub import eventually
from support.letters import dead_letters, history, raw_client


@pytest.fixture
def soon(monkeypatch):
    """A wait counts as long from a tenth of a second on."""
    monkeypatch.setattr(deferral, "LONG_S", 0.1)


def failing(name: str, runs: asyncio.Queue, *, waits: list, lane: str = "queue", attempts: int = 4) -> tl.Agent:
    """Fails with each of these waits in turn, then succeeds."""
    agent = tl.Agent(name)
    retry = tl.Retry(max_attempts=attempts, base_s=0.01, jitter=0)
    decorate = agent.task(name, retry=retry) if lane == "queue" else agent.on(f"{name}.e", group=name, retry=retry)

    @decorate
    async def work(n: int, ctx: tl.Context) -> None:
        runs.put_nowait((n, ctx.attempt, ctx.id))
        if ctx.attempt <= len(waits):
            raise tl.RetryAfterError(waits[ctx.attempt - 1], f"attempt {ctx.attempt} failed")

    return agent


@pytest.mark.parametrize("lane", ["queue", "group"])
async def test_a_long_retry_leaves_its_queue_and_comes_back_as_the_next_attempt(hub, name, lane, soon):
    runs: asyncio.Queue = asyncio.Queue()
    others: asyncio.Queue = asyncio.Queue()
    agent = failing(name, runs, waits=[1.5, 0.02, 0.3], lane=lane)

    @agent.on(f"{name}.e", group=f"{name}-by")
    async def watch(n: int) -> None:
        others.put_nowait(n)

    async with hub.serving(agent), hub.connected() as client:
        ack = await (client.enqueue(name, 7) if lane == "queue" else client.publish(f"{name}.e", 7))
        assert await asyncio.wait_for(runs.get(), 20) == (7, 1, ack.id)

        async def waits():
            return [item for item in (await client.scheduled.list(limit=500)).items if item.message_id == ack.id]

        (item,) = await eventually(waits)
        assert (item.kind, item.target, item.by, item.attempt) == ("retry", name, "admin", 2)
        if lane == "queue":
            queue = await client.queues.get(name)
            assert (queue.depth, queue.in_flight) == (0, 0), "it holds no place while it waits"
        for attempt in (2, 3, 4):
            assert await asyncio.wait_for(runs.get(), 20) == (7, attempt, ack.id)
        if lane == "group":
            assert await asyncio.wait_for(others.get(), 20) == 7
            log = (await client.events.query(type=f"{name}.e")).items
            assert len(log) == 1, "the log shows it once"
        assert (await client.dead_letters.list(reader=name)).items == []
    assert runs.empty()
    assert others.empty()


@pytest.mark.parametrize("lane", ["queue", "group"])
async def test_attempts_are_counted_and_recorded_across_copies(hub, name, lane, soon):
    runs: asyncio.Queue = asyncio.Queue()
    agent = failing(name, runs, waits=[0.2, 0.02, 0.2, 0.2], lane=lane)
    async with hub.serving(agent), hub.connected() as client:
        ack = await (client.enqueue(name, 7) if lane == "queue" else client.publish(f"{name}.e", 7))
        (letter,) = await dead_letters(hub, name)
        assert [(await runs.get())[1] for _ in range(4)] == [1, 2, 3, 4]
        assert (letter["attempts"], letter["reason"], letter["message_id"]) == (4, "attempts_exhausted", ack.id)
        detail = await history(hub, letter["id"], 4)
        assert [a["error"]["message"] for a in detail["history"]] == [f"attempt {n} failed" for n in (1, 2, 3, 4)]
        assert [a["number"] for a in detail["history"]] == [1, 2, 3, 4]
        await client.dead_letters.redrive(letter["id"])
        second, _first = await dead_letters(hub, name, count=2)
        assert [(await runs.get())[1] for _ in range(4)] == [1, 2, 3, 4], "a redriven message begins anew"
        detail = await history(hub, second["id"], 8)
        assert [a["number"] for a in detail["history"]] == [1, 2, 3, 4] * 2
    assert runs.empty()


async def test_what_waits_for_long_stops_nobody(own_hub, name, soon):
    """More messages than the queue lets out at once are put off; the next one is taken at once."""
    hub = await own_hub()
    done = asyncio.Event()
    agent = tl.Agent(name)

    @agent.task(name, concurrency=2)
    async def work(n: int) -> None:
        if n < 0:
            raise tl.RetryAfterError(500)
        done.set()

    async with hub.serving(agent), hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration(max_in_flight=3))
        for n in range(10):
            await client.enqueue(name, -1 - n)
        await client.enqueue(name, 1)
        await asyncio.wait_for(done.wait(), 15)

        async def all_wait():
            return len((await client.scheduled.list(queue=name)).items) == 10

        await eventually(all_wait)


async def test_a_retry_can_be_hastened_by_its_message(hub, name):
    runs: asyncio.Queue = asyncio.Queue()
    async with hub.serving(failing(name, runs, waits=[3600])), hub.connected() as client:
        ack = await client.enqueue(name, 7)
        await asyncio.wait_for(runs.get(), 20)

        async def waits():
            return (await client.scheduled.list(queue=name)).items

        await eventually(waits)
        await client.scheduled.run(ack.id)
        assert await asyncio.wait_for(runs.get(), 20) == (7, 2, ack.id)


async def test_a_retry_survives_a_killed_broker_and_a_hub_that_was_away(own_hub, broker, name, soon):
    hub = await own_hub()
    runs: asyncio.Queue = asyncio.Queue()
    async with hub.serving(failing(name, runs, waits=[2.0])), hub.connected() as client:
        await client.enqueue(name, 7)
        assert (await asyncio.wait_for(runs.get(), 20))[1] == 1
        await eventually(lambda: _terminated(client, name))
    await hub.stop()
    await broker.kill()
    await broker.start()
    hub = await own_hub()
    async with hub.serving(failing(name, runs, waits=[2.0])):
        assert (await asyncio.wait_for(runs.get(), 20))[1] == 2
    assert runs.empty()


async def _terminated(client, name):
    queue = await client.queues.get(name)
    return queue.depth == queue.in_flight == 0


FORGED = {
    "another queue": "tl.default.tasks.other.normal.0.admin", "an event of the admin": "tl.default.events.admin.paid",
    "another workspace": "tl.other.tasks.{q}.normal.0.x", "nothing": "", "a schedule": "tl.default.schedule.task._.x.y",
    "js": "$JS.API.STREAM.PURGE.X", "words": "tl.default.tasks.{q}.normal.0.x y 10", "wildcard": "tl.default.tasks.{q}.*.0.x",
}  # fmt: skip


@pytest.mark.parametrize("where", FORGED, ids=FORGED)
async def test_a_worker_cannot_make_the_hub_carry_messages_elsewhere(sqlite_hub, name, where):
    """What a worker says of where it came from is checked; what is not its own becomes a dead letter, not lost."""
    headers = {
        frames.HEADER_SUBJECT: FORGED[where].replace("{q}", name), frames.HEADER_DUE: "never",
        frames.HEADER_ATTEMPT: "9" * 40, frames.HEADER_ORIGIN_SEQ: "\u00b2",
        "nats-schedule-target": "tl.default.events.admin.x",
    }  # fmt: skip
    async with _reader(sqlite_hub, name) as client:
        await client.publish(subjects.deferred("default", f"me-{name}", "queue", name), b"{}", headers=headers)
        await client.flush()
    (letter,) = await dead_letters(sqlite_hub, name)
    assert letter["reason"] == "unroutable"
    answer = await sqlite_hub.admin("POST", f"dead-letters/{letter['id']}/redrive")
    assert (answer.status, answer.code) == (409, "conflict")
    await eventually(sqlite_hub.is_ready)


async def test_headers_that_the_broker_would_obey_do_not_come_back(hub, name):
    """The broker itself refuses rollup and schedules on a plain stream; names it does not know yet stay behind too."""
    seen: asyncio.Queue = asyncio.Queue()
    async with _reader(hub, name) as client:
        headers = {
            frames.HEADER_SUBJECT: subjects.task("default", name, "admin"), frames.HEADER_DUE: "2026-01-01T00:00:00Z",
            frames.HEADER_ATTEMPT: "3", frames.HEADER_REDRIVE_OF: "letter-1", "nats-rollup": "all", "Nats-Odd": "1", "X-Own": "kept",
        }  # fmt: skip
        body = b'{"specversion":"1.0","id":"i","source":"/s","type":"t","data":7}'
        await client.publish(subjects.deferred("default", f"me-{name}", "queue", name), body, headers=headers)
        await client.flush()
    agent = tl.Agent(f"{name}-2")

    @agent.task(name, retry=tl.Retry(max_attempts=3))
    async def work(n: int, ctx: tl.Context) -> None:
        seen.put_nowait((n, ctx.attempt))
        raise RuntimeError("and no more")

    async with hub.serving(agent):
        assert await asyncio.wait_for(seen.get(), 20) == (7, 3)
        (letter,) = await dead_letters(hub, name)
    shown = (await hub.admin("GET", f"dead-letters/{letter['id']}")).json
    assert (letter["attempts"], shown["headers"][frames.HEADER_REDRIVE_OF]) == (3, "letter-1")
    assert "Nats-Rollup" not in shown["headers"]


async def test_a_forged_attempt_harms_only_its_own_message(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(n: int, ctx: tl.Context) -> None:
        done.put_nowait((n, ctx.attempt))

    principal = f"raw-{name}"
    token = await hub.token("queues:enqueue", principal=principal)
    async with hub.serving(agent), hub.connected() as client:
        async with raw_client(hub, token) as raw:
            for attempt in ("-4", "x", "0", "", "9" * 18):
                body = b'{"specversion":"1.0","id":"%s","source":"/s","type":"t","data":1}' % attempt.encode()
                headers = {frames.HEADER_ATTEMPT: attempt}
                await raw.publish(
                    subjects.task("default", name, principal), body.replace(b'""', b'"e"'), headers=headers
                )
            await raw.flush()
        assert [await asyncio.wait_for(done.get(), 20) for _ in range(4)] == [(1, 1)] * 4
        (letter,) = await dead_letters(hub, name)
        assert letter["reason"] == "worker_lost"
        await client.enqueue(name, 2)
        assert await asyncio.wait_for(done.get(), 20) == (2, 1)
        with pytest.raises(DeadLetterUnknownError):
            await client.dead_letters.get("nobody")


def _reader(hub, name):
    return _Reader(hub, name)


class _Reader:
    """A raw client with the rights of a registered worker of the queue `name`."""

    def __init__(self, hub, name):
        self._hub, self._name = hub, name

    async def __aenter__(self):
        hub, name = self._hub, self._name
        token = await hub.token("agents:register", "queues:consume", principal=f"me-{name}")
        wanted = frames.Registration(readers=[frames.ReaderDeclaration(lane="queue", name=name)])
        await hub.http("PUT", f"agents/{name}", token=token, raw=msgspec.json.encode(wanted))
        self._context = raw_client(hub, token, name=f"agent {name} i")
        return await self._context.__aenter__()

    async def __aexit__(self, *error):
        await self._context.__aexit__(*error)
