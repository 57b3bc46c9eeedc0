"""The disk is full: publishers are told, nothing acknowledged is lost, and it goes on when there is space again."""

import asyncio
import os
import subprocess
import sys

import pytest
import trunkline as tl
from trunkline.protocol.errors import BusUnavailableError, QueueFullError
from trunkline.publisher import Publisher
from trunkline_hub.chaos.stage import one_node

from support.broker import Broker
from support.bus import EVENTS, TASKS, on_the_bus, stored_ids
from support.hub import eventually

SUBJECTS = {EVENTS: "tl.default.events.t.x", TASKS: "tl.default.tasks.q.normal.0.t"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB for one directory; `grow` makes it larger."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs Linux and root")
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True, capture_output=True)

    try:
        mount("size=24m")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine lets no tmpfs be mounted: {error.stderr.decode().strip()}")
    yield place, lambda: mount("remount,size=96m")
    subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.mark.parametrize("stream", [EVENTS, TASKS])
@pytest.mark.slow
async def test_a_full_disk_refuses_and_loses_nothing_that_was_acknowledged(small_disk, stream):
    place, grow = small_disk
    broker = Broker(place / "broker", sync="always")
    await broker.start()
    try:
        async with on_the_bus(broker) as bus:
            publisher = Publisher(bus, give_up_s=2.0)
            await publisher.open()

            async def send(n: int):
                return await publisher.publish(stream, SUBJECTS[stream], os.urandom(10_000), msg_id=f"m{n}")

            outcomes = []
            for start in range(0, 4000, 200):
                outcomes += await asyncio.gather(*(send(n) for n in range(start, start + 200)), return_exceptions=True)
                if any(isinstance(outcome, Exception) for outcome in outcomes):
                    break
            acked = {f"m{n}" for n, outcome in enumerate(outcomes) if not isinstance(outcome, Exception)}
            errors = {type(outcome) for outcome in outcomes if isinstance(outcome, Exception)}
            assert len(acked) > 500
            assert errors
            assert errors <= {QueueFullError, BusUnavailableError}
            grow()
            await broker.stop()
            await broker.start()

            async def takes():
                try:
                    return await send(9999)
                except (QueueFullError, BusUnavailableError):
                    return None

            await eventually(takes, timeout_s=40)
            assert acked <= set(await stored_ids(bus, stream))
            publisher.close()
    finally:
        await broker.stop()


@pytest.mark.slow
async def test_trunkline_serve_goes_on_by_itself_when_there_is_space_again(small_disk):
    """Broker, database and logs on one full disk; nobody restarts anything; agents are told, then served."""
    place, grow = small_disk
    async with one_node(place) as stage, tl.Client(stage.url, stage.token) as client:
        await client.connect()
        acked: set[str] = set()
        errors: set[type] = set()

        async def send(n: int):
            try:
                ack = await client.publish("disk.filled", os.urandom(7_000).hex(), id=f"m{n}")
            except tl.TrunklineError as error:
                errors.add(type(error))
                return False
            acked.add(ack.id)
            return True

        client._publisher._give_up_s = 2.0
        n = 0
        while not errors:
            await asyncio.gather(*(send(n + k) for k in range(100)))
            n += 100
        assert errors <= {QueueFullError, BusUnavailableError}
        assert len(acked) > 500
        grow()
        await eventually(lambda: send(n + 1), timeout_s=60, every_s=0.2)
        await asyncio.wait_for(stage.until_ready(), 60)
        ids: set[str] = set()
        async with client.subscribe("disk.filled", after_seq=0) as events:
            while not acked <= ids:
                ids.add((await asyncio.wait_for(anext(events), 20)).message.id)
