"""Three nodes: one stopped, frozen, cut off, killed; what was acknowledged is there, and the others carried on."""

import asyncio
import subprocess

import pytest
import trunkline as tl
from trunkline.protocol.errors import BusUnavailableError
from trunkline.publisher import Publisher
from trunkline_hub.chaos.network import network, why_not

from support.bus import EVENTS, on_the_bus, stored_ids
from support.cluster import Cluster
from support.hub import Hub, eventually

LANES = 40
MESSAGES = 3000


async def load_over(bus, strike, *, give_up_s=60.0):
    """Publish from many sides, strike when a third is acknowledged, and return all ids that were acknowledged."""
    publisher = Publisher(bus, give_up_s=give_up_s)
    await publisher.open()
    third = asyncio.Event()
    acked: list[str] = []

    async def lane(first: int) -> None:
        for n in range(first, MESSAGES, LANES):
            await publisher.publish(EVENTS, "tl.default.events.t.x", b"x" * 200, msg_id=f"m{n}", key=f"k{first}")
            acked.append(f"m{n}")
            if len(acked) >= MESSAGES // 3:
                third.set()

    load = asyncio.gather(*(lane(first) for first in range(LANES)))
    waiting = asyncio.ensure_future(third.wait())
    await asyncio.wait([load, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=60)
    assert third.is_set()
    await strike(acked)
    await asyncio.wait_for(load, 90)
    publisher.close()
    return acked


async def all_there(bus, acked):
    ids = await stored_ids(bus, EVENTS)
    assert sorted(ids) == sorted(set(ids)), "stored once each"
    assert set(ids) == set(acked)
    numbers = [int(one[1:]) for one in ids]
    for first in range(LANES):
        mine = [n for n in numbers if n % LANES == first]
        assert mine == sorted(mine), "order by key holds"


async def go_on(acked, more=200):
    """Wait until the others have taken messages in without the one that is gone."""
    until = min(len(acked) + more, MESSAGES)
    await eventually(lambda: len(acked) >= until, timeout_s=40)


@pytest.mark.parametrize("fault", ["stopped", "killed", pytest.param("frozen", marks=pytest.mark.slow)])
async def test_a_node_that_goes_and_comes_back_loses_nothing(cluster, fault):
    """The one that the publisher is connected to."""
    async with on_the_bus(cluster) as bus:
        node = next(node for node in cluster.nodes if node.config.port == bus.client.connected_url.port)

        async def strike(acked):
            if fault == "frozen":
                node.freeze()
                await go_on(acked)
                node.thaw()
            else:
                await (node.stop() if fault == "stopped" else node.kill())
                await go_on(acked)
                await node.start()

        acked = await load_over(bus, strike)
        await cluster.until_led()
        await all_there(bus, acked)


@pytest.mark.slow
async def test_all_nodes_killed_at_once_lose_nothing(cluster):
    """Their disks are there, so everything acknowledged is."""
    async with on_the_bus(cluster) as bus:

        async def strike(_acked):
            await cluster.kill()
            await cluster.start()

        await all_there(bus, await load_over(bus, strike))


async def test_without_a_majority_nothing_is_acknowledged_and_all_is_well_when_it_is_back(cluster):
    async with on_the_bus(cluster) as bus:
        publisher = Publisher(bus, give_up_s=3.0)
        await publisher.open()
        first = await publisher.publish(EVENTS, "tl.default.events.t.x", b"x", msg_id="first")
        for node in cluster.nodes[:2]:
            await node.kill()
        with pytest.raises(BusUnavailableError):
            await publisher.publish(EVENTS, "tl.default.events.t.x", b"x", msg_id="second")
        await cluster.start()

        async def again():
            try:
                return await publisher.publish(EVENTS, "tl.default.events.t.x", b"x", msg_id="second")
            except BusUnavailableError:
                return None

        assert (await eventually(again, timeout_s=60)).seq > first.seq
        assert await stored_ids(bus, EVENTS) == ["first", "second"]
        publisher.close()


@pytest.mark.slow
async def test_a_node_that_is_cut_off_loses_nothing(tmp_path):
    """A network cut: no connection is refused or ended, packets just stay away."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    try:
        async with network(3) as cables:
            cluster = Cluster(tmp_path / "cluster", hosts=cables.hosts, prefixes=cables.prefixes)
            await cluster.start()
            try:
                async with on_the_bus(cluster) as bus:

                    async def strike(acked):
                        connected = next(
                            n for n, host in enumerate(cables.hosts) if host == bus.client.connected_url.hostname
                        )
                        await cables.cut(connected)
                        await go_on(acked)
                        await cables.mend(connected)

                    acked = await load_over(bus, strike)
                    await cluster.until_led()
                    await all_there(bus, acked)
            finally:
                await cluster.stop()
    except OSError as error:
        pytest.skip(f"this kernel lets no networks be made: {error}")
    assert "tln" not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
async def test_agents_and_hub_work_on_while_each_node_restarts_in_turn(cluster, tmp_path, name):
    """A rolling restart: every message is handled, none twice, and the hub is ready again without help."""
    hub = Hub(cluster, f"sqlite:///{tmp_path / 'hub.db'}", bus={"events_max_bytes": 2**26, "tasks_max_bytes": 2**26,
              "dead_max_bytes": 2**26})  # fmt: skip
    await hub.start()
    handled: list[int] = []
    agent = tl.Agent(name, once=tmp_path / "handled.db")

    @agent.task(name, concurrency=8, ack_wait_s=5)
    async def work(n: int) -> None:
        handled.append(n)

    async def insist(n):
        while True:
            try:
                return await client.enqueue(name, n, id=f"{name}-{n}")
            except tl.TrunklineError:
                await asyncio.sleep(0.2)

    try:
        async with hub.serving(agent), hub.connected() as client:
            for number, node in enumerate(cluster.nodes):
                sending = asyncio.gather(*(insist(number * 100 + n) for n in range(100)))
                await node.stop()
                await node.start()
                await asyncio.wait_for(sending, 60)
            await eventually(lambda: len(handled) >= 300, timeout_s=40)
            await eventually(hub.is_ready, timeout_s=40)
        assert sorted(handled) == list(range(300))
    finally:
        await hub.stop()
