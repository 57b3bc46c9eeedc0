"""Handled once against the real broker: redeliveries, restarts, redrives, replays, two databases."""

import asyncio
import sqlite3

import asyncpg
import pytest
import trunkline as tl
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from trunkline.claims import TABLE
from trunkline.protocol import frames, subjects
from trunkline.wire import header_lines

from support.bus import take_and_drop
from support.hub import eventually
from support.letters import dead_letters

QUICK = tl.Retry(max_attempts=3, base_s=0.05)


def worker(name: str, path, runs: asyncio.Queue, *, lane: str = "queue", healed: asyncio.Event | None = None):
    agent = tl.Agent(name, once=path)
    decorate = agent.task(name, retry=QUICK) if lane == "queue" else agent.on(f"{name}.e", group=name, retry=QUICK)

    @decorate
    async def work(n: int, ctx: tl.Context) -> None:
        if healed is not None and not healed.is_set():
            raise RuntimeError("still broken")
        runs.put_nowait((n, ctx.attempt))

    return agent


async def settled(client, name):
    queue = await client.queues.get(name)
    return queue.depth == queue.in_flight == 0


async def test_a_redelivered_message_is_settled_without_running_again_in_another_process(hub, name, tmp_path):
    """What a second worker (another store object, another agent life) finds in the file is settled, whoever sent it again."""
    runs: asyncio.Queue = asyncio.Queue()
    async with hub.connected() as client:
        async with hub.serving(worker(name, tmp_path / "h.db", runs)):
            ack = await client.enqueue(name, 1, id=name)
            assert await asyncio.wait_for(runs.get(), 20) == (1, 1)
            await eventually(lambda: settled(client, name))
        again = subjects.task("default", name, "admin")
        body = b'{"specversion":"1.0","id":"%s","source":"/x","type":"t","data":1}' % name.encode()
        stored = await client.store(subjects.tasks_stream("default"), again, body, msg_id=f"past the window {name}")
        assert stored.seq != ack.seq, "the broker took it as a new message"
        async with hub.serving(worker(name, tmp_path / "h.db", runs)):
            await client.enqueue(name, 2)
            assert await asyncio.wait_for(runs.get(), 20) == (2, 1)
            await eventually(lambda: settled(client, name))
        assert (await client.dead_letters.list(reader=name)).items == []
    assert runs.empty()


async def test_a_handled_message_that_was_delivered_too_often_is_settled_not_buried(sqlite_hub, name, tmp_path):
    """Only its acknowledgements were lost: that is no dead letter."""
    runs: asyncio.Queue = asyncio.Queue()
    path = tmp_path / "h.db"
    async with sqlite_hub.connected() as client:
        body = b'{"retry":{"max_attempts":1},"ack_wait_s":1}'
        assert (await sqlite_hub.admin("PUT", f"queues/{name}", raw=body)).status == 200
        ack = await client.enqueue(name, 1)
        store = tl.SqliteStore(path)
        await store.open()
        agent = worker(name, path, runs)
        await store.record(
            tl.idempotency.Key(reader=f"default/queue/{name}", sender="admin", message_id=ack.id, run="")
        )
        await store.close()
        await take_and_drop(sqlite_hub.component("bus").bus, subjects.consumer("queue", name), 2)
        async with sqlite_hub.serving(agent):
            await eventually(lambda: settled(client, name))
        assert (await client.dead_letters.list(reader=name)).items == []
    assert runs.empty()


@pytest.mark.parametrize("lane", ["queue", "group"])
async def test_a_redriven_message_that_failed_runs_again_and_one_that_succeeded_does_not(hub, name, tmp_path, lane):
    healed, runs = asyncio.Event(), asyncio.Queue()
    agent = worker(name, tmp_path / "h.db", runs, lane=lane, healed=healed)
    async with hub.serving(agent), hub.connected() as client:
        await (client.enqueue(name, 7) if lane == "queue" else client.publish(f"{name}.e", 7))
        (letter,) = await dead_letters(hub, name)
        healed.set()
        redriven = await client.dead_letters.redrive(letter["id"])
        assert await asyncio.wait_for(runs.get(), 20) == (7, 1)
        stream = subjects.reader_stream("default", lane)
        payload = msg_body(redriven.message_id)
        await client.store(stream, original(name, lane), payload, msg_id=f"again {name}")
        await (client.enqueue(name, 8) if lane == "queue" else client.publish(f"{name}.e", 8))
        assert await asyncio.wait_for(runs.get(), 20) == (8, 1)
    assert runs.empty()


async def test_a_replay_runs_again_once_each(sqlite_hub, name, tmp_path):
    """The header `Tl-Replay` makes it another run; its own redeliveries are settled as usual."""
    runs: asyncio.Queue = asyncio.Queue()
    async with sqlite_hub.serving(worker(name, tmp_path / "h.db", runs)), sqlite_hub.connected() as client:
        ack = await client.enqueue(name, 7)
        assert await asyncio.wait_for(runs.get(), 20) == (7, 1)
        for number, replay in enumerate(["r1", "r1", "r2"]):
            headers = header_lines({frames.HEADER_REPLAY: replay})
            await client.store(
                "TASKS_default", original(name, "queue"), msg_body(ack.id), msg_id=f"{name}{number}", headers=headers
            )
        await client.enqueue(name, 8)
        seen = [await asyncio.wait_for(runs.get(), 20) for _ in range(3)]
        assert sorted(seen) == [(7, 1), (7, 1), (8, 1)]
        await eventually(lambda: settled(client, name))
    assert runs.empty()


async def test_the_effect_and_the_claim_are_one_transaction_in_postgresql(sqlite_hub, name, postgres):
    """asyncpg: delivered three times, failing once after the effect was written, committed once."""
    url = await postgres.fresh()
    pool = await asyncpg.create_pool(url, min_size=1, max_size=4)
    await pool.execute(TABLE)
    await pool.execute("CREATE TABLE bills (id TEXT)")
    handled: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name, retry=QUICK, concurrency=4)
    async def bill(n: int, ctx: tl.Context) -> None:
        try:
            async with pool.acquire() as db, db.transaction():
                await ctx.claim(db)
                await db.execute("INSERT INTO bills VALUES ($1)", ctx.id)
                if ctx.attempt == 1:
                    raise RuntimeError("after the effect, before the commit")
        finally:
            handled.put_nowait(ctx.id)

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        await client.enqueue(name, 1, id=name)
        for copy in range(3):
            await client.store("TASKS_default", original(name, "queue"), msg_body(name), msg_id=f"{name} copy {copy}")
        await eventually(lambda: settled(client, name))
        assert (await client.dead_letters.list(reader=name)).items == []
    assert handled.qsize() >= 5
    assert await pool.fetchval("SELECT count(*) FROM bills") == 1
    await pool.close()
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as db:
        key = tl.idempotency.Key(f"default/queue/{name}", "admin", name, "")
        with pytest.raises(tl.claims.HandledBeforeError):
            await tl.claims.claim(key, db)
        assert (await db.execute(text("SELECT count(*) FROM trunkline_handled"))).scalar() == 1
    await engine.dispose()


async def test_a_plain_handler_claims_with_sqlite3(sqlite_hub, name, tmp_path):
    path = tmp_path / "bills.db"
    with sqlite3.connect(path) as db:
        db.execute(TABLE)
        db.execute("CREATE TABLE bills (id TEXT)")
    agent = tl.Agent(name)

    @agent.task(name, concurrency=3)
    def bill(n: int, ctx: tl.Context) -> None:
        with sqlite3.connect(path, timeout=10) as db:
            ctx.claim_sync(db)
            db.execute("INSERT INTO bills VALUES (?)", (ctx.id,))

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        await client.enqueue(name, 1, id=name)
        for copy in range(5):
            await client.store("TASKS_default", original(name, "queue"), msg_body(name), msg_id=f"{name} copy {copy}")
        await eventually(lambda: settled(client, name))
        assert (await client.dead_letters.list(reader=name)).items == []
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM bills").fetchone() == (1,)


def original(name: str, lane: str) -> str:
    if lane == "queue":
        return subjects.task("default", name, "admin")
    return subjects.event("default", "admin", f"{name}.e")


def msg_body(message_id: str) -> bytes:
    return b'{"specversion":"1.0","id":"%s","source":"/x","type":"t","data":7}' % message_id.encode()
