"""SQL on both engines: migrations, transactions, leases, the outbox."""

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Column, MetaData, Table, inspect, select, text
from trunkline.protocol.errors import UnavailableError
from trunkline_hub import app  # noqa: F401 -- brings every feature's tables
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.db import Database, metadata, tables
from trunkline_hub.db.leases import SqlLeases
from trunkline_hub.db.migrate import current, downgrade, upgrade
from trunkline_hub.db.outbox import OutboxRelay

from support.bus import EVENTS, on_the_bus, stored_ids
from support.hub import FakeClock


@pytest_asyncio.fixture(loop_scope="session", params=["sqlite", "postgres"])
async def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.db'}"
    return await request.getfixturevalue("postgres").fresh()


@pytest_asyncio.fixture(loop_scope="session")
async def empty(url, clock):
    db = Database(url, clock)
    yield db
    await db.close()


@pytest_asyncio.fixture(loop_scope="session")
async def db(empty):
    await upgrade(empty)
    return empty


async def table_names(db) -> set[str]:
    async with db.engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def test_migrations_go_up_down_and_up_again(empty):
    ours = set(metadata.tables)
    assert await current(empty) is None
    await upgrade(empty)
    head = await current(empty)
    assert await table_names(empty) >= ours
    await downgrade(empty, "base")
    assert not await table_names(empty) & ours
    await upgrade(empty)
    assert await current(empty) == head
    await upgrade(empty)
    assert await current(empty) == head


async def test_models_and_migrations_agree(db):
    async with db.engine.connect() as connection:
        found = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )
    assert found == []


async def test_two_hubs_may_start_at_once_on_one_database(url, clock):
    first, second = Database(url, clock), Database(url, clock)
    await asyncio.gather(upgrade(first), upgrade(second))
    assert await current(first) == await current(second) is not None
    await first.close()
    await second.close()


async def outbox_rows(db) -> int:
    async with db.read() as tx:
        return len((await tx.execute(select(tables.outbox))).all())


async def test_an_error_in_a_transaction_leaves_nothing(db):
    ran = []

    async def after() -> None:
        ran.append(1)

    with pytest.raises(ValueError, match="stop"):
        async with db.write() as tx:
            await tx.emit("default", "x.happened", {})
            tx.after_commit(after)
            raise ValueError("stop")
    assert (await outbox_rows(db), ran) == (0, [])
    async with db.write() as tx:
        await tx.emit("default", "x.happened", {})
        tx.after_commit(after)
    assert (await outbox_rows(db), ran) == (1, [1])


async def test_a_failing_action_after_the_commit_does_not_undo_it(db):
    async def fail() -> None:
        raise RuntimeError("later")

    async with db.write() as tx:
        await tx.emit("default", "x.happened", {})
        tx.after_commit(fail)
    assert await outbox_rows(db) == 1


async def test_concurrent_writers_all_get_through(db):
    async def write(n: int) -> None:
        async with db.write() as tx:
            await tx.emit("default", "x.happened", {"n": n})

    await asyncio.gather(*(write(n) for n in range(40)))
    assert await outbox_rows(db) == 40


async def test_moments_come_back_as_they_went(db, clock):
    async with db.write() as tx:
        await tx.emit("default", "x.happened", {})
    async with db.read() as tx:
        row = (await tx.execute(select(tables.outbox))).one()
    assert row.created_at == clock.now()
    assert row.created_at.utcoffset() == timedelta(0)


async def test_a_database_that_is_away_is_unavailable_not_broken(clock, tmp_path):
    for url in ("postgresql://x:y@127.0.0.1:1/z", f"sqlite:///{tmp_path / 'no' / 'folder' / 'hub.db'}"):
        db = Database(url, clock)
        with pytest.raises(UnavailableError):
            async with db.read() as tx:
                await tx.execute(select(tables.outbox))
        await db.close()


async def test_a_lease_has_one_holder_until_it_expires_and_its_fence_grows(db, clock: FakeClock):
    one = SqlLeases(db, clock, holder="one", ttl_s=10)
    two = SqlLeases(db, clock, holder="two", ttl_s=10)
    assert await one.acquire("x") == {"x": 1}
    assert await two.acquire("x") == {}
    assert await two.acquire("y") == {"y": 1}, "another lease is another matter"
    clock.forward(9)
    assert await one.acquire("x") == {"x": 1}, "renewed, same fence"
    clock.forward(9)
    assert await two.acquire("x") == {}, "the renewal counts from when it was made"
    clock.forward(2)
    assert await two.acquire("x") == {"x": 2}
    assert await one.acquire("x") == {}
    await one.release("x")
    assert await one.acquire("x") == {}, "nobody releases what another holds"
    await two.release("x")
    assert await one.acquire("x") == {"x": 3}


async def test_of_many_who_want_a_lease_at_once_one_gets_it(db, clock):
    rivals = [SqlLeases(db, clock, holder=f"hub-{n}") for n in range(8)]
    for _round in range(3):
        won = [fence for fence in await asyncio.gather(*(rival.acquire("x") for rival in rivals)) if fence]
        assert len(won) == 1
        clock.forward(60)


class Crash(Exception):
    """The relay's process died here."""


async def test_facts_leave_exactly_once_though_the_relay_crashes_in_the_middle(db, broker):
    """Stored by the broker, not yet taken off the outbox: the next relay sends it again, the broker keeps one."""
    settings = BusSettings(urls=[broker.url], password=broker.secrets.hub_password)
    hub_bus = HubBus(settings, hub_id="h")
    async with on_the_bus(broker) as bus:
        running = asyncio.ensure_future(hub_bus.run())
        await asyncio.wait_for(hub_bus.started.wait(), 10)
        async with db.write() as tx:
            for n in range(30):
                await tx.emit("default", "x.happened", {"n": n})
        sent = 0

        async def send_and_die(*fact) -> None:
            nonlocal sent
            await hub_bus.publish_fact(*fact)
            sent += 1
            if sent == 20:
                raise Crash

        with pytest.raises(Crash):
            await asyncio.wait_for(OutboxRelay(db, send_and_die, lambda: None).run(), 20)
        assert await outbox_rows(db) == 30
        relay = asyncio.ensure_future(OutboxRelay(db, hub_bus.publish_fact, lambda: None).run())
        async with asyncio.timeout(20):
            while await outbox_rows(db):
                await asyncio.sleep(0.02)
        ids = await stored_ids(bus, EVENTS)
        assert len(ids) == len(set(ids)) == 30
        for task in (relay, running):
            task.cancel()
        await asyncio.gather(relay, running, return_exceptions=True)


async def test_a_fact_wakes_the_relay(db):
    """It leaves at once, not at the relay's next look."""
    arrived: asyncio.Queue = asyncio.Queue()

    async def send(*fact) -> None:
        arrived.put_nowait(fact)

    relay = asyncio.ensure_future(OutboxRelay(db, send, lambda: None).run())
    await asyncio.sleep(0)
    async with db.write() as tx:
        await tx.emit("default", "x.happened", {}, subject="s")
    workspace, event_type, _id, envelope = await asyncio.wait_for(arrived.get(), 10)
    assert (workspace, event_type) == ("default", "x.happened")
    assert b'"source":"/default/hub"' in envelope
    relay.cancel()
    await asyncio.gather(relay, return_exceptions=True)


async def test_a_commit_comes_to_its_end_though_its_component_is_cancelled(db):
    """Torn in the midst it would keep SQLite's lock, and whoever writes next would wait for it."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(tx):
        await tx.emit("default", "test.committed", {})
        begun.set()
        await go_on.wait()

    component = asyncio.get_running_loop().create_task(db.commit(work))
    await begun.wait()
    component.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await component
    async with db.read() as tx:
        kinds = [row.type for row in (await tx.execute(select(tables.outbox))).all()]
    assert "test.committed" in kinds


@pytest.mark.parametrize(
    "value", [{"a": [1, 2.5, None, True, "ü"]}, 2**63 - 1, float("inf"), "half \ud800 a pair", {}, []]
)
async def test_whatever_was_stored_as_json_can_be_read(clock, tmp_path, value):
    db = Database(f"sqlite:///{tmp_path / 'hub.db'}", clock)
    await upgrade(db)
    async with db.write() as tx:
        await tx.execute(text("CREATE TABLE kept (value JSON)"))
        kept = Table("kept", MetaData(), Column("value", JSON))
        await tx.execute(kept.insert().values(value=value))
        assert (await tx.execute(select(kept.c.value))).scalar_one() == value
    await db.close()
