"""Clocks that jump by hours: nobody is thrown out who should stay, nothing is lost, nothing waits for hours."""

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio
import trunkline as tl
from trunkline.protocol.frames import Beat
from trunkline_hub.agents.model import MAX_LEASE_S, Presence
from trunkline_hub.db import Database
from trunkline_hub.db.leases import SqlLeases
from trunkline_hub.db.migrate import upgrade

from support.hub import FakeClock, eventually

HOURS = 3 * 3600.0


@pytest.mark.parametrize("jump", [HOURS, -HOURS], ids=["forward", "back"])
async def test_work_goes_on_and_nobody_is_evicted(own_hub, name, clock, jump):
    """Agents, their connections and tokens, redriving and the components under a lease outlive the jump."""
    hub = await own_hub(clock=clock)
    handled: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(max_attempts=1))
    async def work(n: int) -> None:
        if n < 0:
            raise RuntimeError
        handled.put_nowait(n)

    token = await hub.token(
        "agents:register", "queues:consume", "queues:enqueue", principal=name, expires_in_s=10 * int(HOURS)
    )
    async with hub.serving(agent, token), hub.connected(token) as client, hub.connected() as admin:

        async def state():
            page = await admin.agents.list(limit=500)
            return next(found.state for found in page.items if found.name == name)

        await client.enqueue(name, 1)
        assert await asyncio.wait_for(handled.get(), 20) == 1
        clock.forward(jump)
        await client.enqueue(name, 2)
        assert await asyncio.wait_for(handled.get(), 20) == 2

        async def healthy():
            return await state() == "healthy"

        await eventually(healthy, timeout_s=5)
        await client.enqueue(name, -1)

        async def died():
            return (await admin.dead_letters.list(reader=name)).items

        (letter,) = await eventually(died)
        assert letter.reason == "attempts_exhausted", "the observer under a lease still works"
        assert client.bus.reconnects == 0
        assert await hub.is_ready()
        async with hub.connected(token) as late:
            await late.enqueue(name, 3)
        assert await asyncio.wait_for(handled.get(), 20) == 3


async def test_a_clock_put_back_shows_a_dead_agent_alive_for_two_minutes_at_most():
    clock = FakeClock()
    presence = Presence(grace_until=clock.now())
    presence.beat("w", "a", "i", Beat(state="healthy", version="1", lease_s=15), clock.now())
    clock.forward(-HOURS)
    assert presence.state("w", "a", clock.now()) == "healthy"
    clock.forward(MAX_LEASE_S + 1)
    assert presence.state("w", "a", clock.now()) == "offline"


@pytest_asyncio.fixture(params=["sqlite", "postgres"], loop_scope="session")
async def db(request, tmp_path, clock):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'hub.db'}"
    else:
        url = await request.getfixturevalue("postgres").fresh()
    db = Database(url, clock)
    await upgrade(db)
    yield db
    await db.close()


async def test_a_dead_holders_lease_is_taken_over_soon_though_the_clock_was_put_back(db, clock):
    """Its expiry lies hours ahead; what counts then is that nobody renews it."""
    dead, heir = SqlLeases(db, clock, holder="dead", ttl_s=0.5), SqlLeases(db, clock, holder="heir", ttl_s=0.5)
    assert await dead.acquire("x") == {"x": 1}
    clock.forward(-HOURS)
    assert await heir.acquire("x") == {}
    assert await eventually(lambda: heir.acquire("x"), timeout_s=5) == {"x": 2}
    assert await dead.acquire("x") == {}


async def test_a_living_holder_keeps_its_lease_though_the_clock_was_put_back(db, clock):
    holder, other = SqlLeases(db, clock, holder="holder", ttl_s=0.6), SqlLeases(db, clock, holder="other", ttl_s=0.6)
    assert await holder.acquire("x") == {"x": 1}
    clock.forward(-HOURS)
    for _ in range(12):
        clock.moment += timedelta(milliseconds=100)
        assert await holder.acquire("x") == {"x": 1}
        assert await other.acquire("x") == {}
        await asyncio.sleep(0.1)
