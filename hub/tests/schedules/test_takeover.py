"""One message for each time at which a schedule fires, whoever is killed."""

from datetime import datetime, timedelta

import pytest
from trunkline.protocol.resources import ScheduleDeclaration

from support.hub import eventually


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
@pytest.mark.slow
async def test_each_time_makes_one_message_whichever_hub_is_killed(own_hub, broker, postgres, tmp_path, name, engine):
    """Two hubs on one database; the one that fires is stopped without giving its lease back, then the broker is killed."""
    url = await postgres.fresh() if engine == "postgres" else f"sqlite:///{tmp_path / 'two.db'}"
    first = await own_hub(url=url, hub_id="one")
    second = await own_hub(url=url, hub_id="two")
    for hub in (first, second):
        hub.app.state.supervisor._leases.ttl_s = 1.5
    async with second.connected() as client:
        await client.schedules.declare(name, ScheduleDeclaration(cron="* * * * * *", event=f"{name}.tick"))

        async def fired():
            return [event.event["id"] for event in (await client.events.query(type=f"{name}.tick", limit=200)).items]

        async def more_than(count):
            return len(await fired()) > count

        await eventually(lambda: more_than(1))
        leases = first.app.state.supervisor._leases
        leases.release = _keep
        await first.stop()
        before = len(await fired())
        await eventually(lambda: more_than(before + 1))
        await broker.kill()
        await broker.start()
        await eventually(second.is_ready)
        before = len(await fired())
        await eventually(lambda: more_than(before + 1))
        await client.schedules.pause(name)
        ids = await fired()
    times = [datetime.fromisoformat(identity.removeprefix(f"cron:{name}:")) for identity in ids]
    whole = [times[0] + timedelta(seconds=n) for n in range(len(times))]
    assert sorted(times) == whole, "none twice, none left out"


async def _keep(_name: str) -> None: ...
