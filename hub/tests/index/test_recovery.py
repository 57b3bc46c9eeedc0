"""The index after crashes, damage, loss and a replaced log: it agrees with the log again, by itself."""

import asyncio

import pytest
from trunkline_hub.db.derived import DerivedDatabase
from trunkline_hub.index import store

from support.broker import Broker
from support.hub import Hub, eventually
from support.index import agrees, caught_up, index_of, logged, places, publish, rows


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_hubs_that_come_and_go_in_the_middle_of_batches_miss_and_double_nothing(
    own_hub, tmp_path, request, engine, name
):
    """The hub's index component is cancelled in the midst, hubs stop and start, events keep coming."""
    options = {} if engine == "sqlite" else {"url": await request.getfixturevalue("postgres").fresh()}
    hub = await own_hub(**options)
    over = asyncio.Event()
    stored = 0
    async with hub.connected() as client:

        async def keep_publishing():
            nonlocal stored
            while not over.is_set():
                await asyncio.gather(*(client.publish(f"{name}.e", n) for n in range(200)))
                stored += 200
                await asyncio.sleep(0.05)  # no faster than the index reads: it is to be met in the midst, not buried

        publishing = asyncio.get_running_loop().create_task(keep_publishing())
        for _ in range(2):
            component = hub.component("event-index")
            begun = component.indexed
            await eventually(lambda component=component, begun=begun: component.indexed > begun + 300)
            entry = next(s for s in hub.app.state.supervisor.supervised if s.component is component)
            leased = next(t for t in asyncio.all_tasks() if t.get_name() == "leased-event-index")
            leased.cancel()
            assert entry.component is component
            await hub.stop()
            hub = await own_hub(**options)
        over.set()
        await publishing
    assert await agrees(hub) >= stored
    assert len(await places(hub, type=f"{name}.e")) == stored


@pytest.mark.slow
async def test_a_rebuild_shows_its_progress_and_queries_go_on(hub, name):
    await publish(hub, name, 1200)
    await caught_up(hub)
    before = await places(hub, type=f"{name}.e")
    asked = await hub.admin("POST", "index/rebuild")
    assert (asked.status, asked.json["state"]) == (202, "rebuilding")
    assert 0 <= asked.json["progress"] <= 1 and asked.json["rebuild_began_at"]
    again = await hub.admin("POST", "index/rebuild")
    assert again.json["rebuild_began_at"] == asked.json["rebuild_began_at"]
    async with hub.client() as client:
        while (await client.index.status()).state == "rebuilding":
            page = await client.events.query(correlation_id=name, limit=500)
            assert len(page.items) == 500 and page.indexed_up_to
    status = await caught_up(hub)
    assert status["progress"] is None
    assert await places(hub, type=f"{name}.e") == before
    assert await rows(hub) == await logged(hub)
    assert any(entry["action"] == "index.rebuild" for entry in (await hub.admin("GET", "audit")).json["items"])
    await eventually(lambda: swept(hub))


async def swept(hub):
    async with index_of(hub).db.read() as tx:
        return all(part.state == store.LIVE for part in await store.all_parts(tx))


async def test_rows_leave_as_the_log_lets_go_of_events(own_hub, name):
    hub = await own_hub(bus={"events_max_bytes": 2**20})
    async with hub.connected() as client:
        await asyncio.gather(*(client.publish(f"{name}.fat", "x" * 4000) for _ in range(600)))
    await caught_up(hub)
    hub.component("event-index").tend_at = 0.0
    lies = await logged(hub)
    assert 0 < len(lies) < 600
    await eventually(lambda: same(hub, lies))


async def same(hub, lies):
    return await rows(hub) == lies


async def test_a_log_that_was_replaced_is_indexed_from_its_beginning(broker, tmp_path, name):
    """The broker's store is lost, the index is not: what it says is of another log."""
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    hub = Hub(broker, url)
    await hub.start()
    await publish(hub, name, 50)
    await agrees(hub)
    await hub.stop()
    second = Broker(tmp_path / "second")
    await second.start()
    hub = Hub(second, url)
    try:
        await hub.start()
        await publish(hub, f"new-{name}", 80)
        await eventually(lambda: same_as_log(hub))
        assert await places(hub, type=f"{name}.e") == []
        assert len(await places(hub, type=f"new-{name}.e")) == 80
    finally:
        await hub.stop()
        await second.stop()


async def same_as_log(hub):
    return await rows(hub) == await logged(hub)


async def test_a_broker_that_dies_in_the_midst_leaves_no_gap(own_hub, broker, name):
    hub = await own_hub()
    async with hub.connected() as client:
        for _ in range(2):
            sending = [
                asyncio.get_running_loop().create_task(client.publish(f"{name}.e", n)) for n in range(800)
            ]  # fmt: skip
            begun = hub.component("event-index").indexed
            await eventually(lambda begun=begun: hub.component("event-index").indexed > begun + 100)
            await broker.kill()
            await broker.start()
            await asyncio.gather(*sending)
    assert await agrees(hub) >= 1600


async def test_two_hubs_share_one_index_and_either_may_make_it_anew(own_hub, tmp_path, name):
    one = await own_hub(hub_id="one")
    two = await own_hub(hub_id="two")
    await publish(one, name, 100)
    await agrees(one)
    assert len(await places(two, type=f"{name}.e")) == 100
    writer = one if one.component("event-index").started.is_set() else two
    db: DerivedDatabase = index_of(writer).db
    await db.recreate()
    await caught_up(one)
    await eventually(lambda: sees(two, name, 100))
    await eventually(lambda: sees(one, name, 100))


async def sees(hub, name, count):
    found = await index_of(hub).find("default", _of(name), after=0, before=None, newest=False, limit=1000)
    return found is not None and len(found.seqs) == count


def _of(name):
    from trunkline_hub.core.lookup import Lookup

    return Lookup(type=f"{name}.e")
