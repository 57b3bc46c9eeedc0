"""When an expression would fire, before anything is declared."""

import pytest
from trunkline.protocol.errors import RequestInvalidError

from support.hub import FakeClock


async def test_the_next_times_of_an_expression_are_told_and_nothing_is_declared(own_hub):
    clock = FakeClock()
    clock.moment = clock.moment.replace(year=2026, month=11, day=20, hour=12, minute=0, second=30, microsecond=0)
    hub = await own_hub(clock=clock)
    async with hub.client() as client:
        found = await client.schedules.times("0 6 * * 1-5", "Europe/Berlin")
        assert [at[:16] for at in found.next_at] == [
            "2026-11-23T05:00", "2026-11-24T05:00", "2026-11-25T05:00", "2026-11-26T05:00", "2026-11-27T05:00",
        ]  # fmt: skip
        assert (await client.schedules.list()).items == []


@pytest.mark.parametrize(
    ("cron", "timezone", "pointer"),
    [("often", "UTC", "query:cron"), ("0 0 30 2 *", "UTC", "query:cron"), ("@daily", "Moon/Base", "query:timezone")],
)
async def test_an_expression_that_names_no_moments_is_pointed_at(sqlite_hub, cron, timezone, pointer):
    async with sqlite_hub.client() as client:
        with pytest.raises(RequestInvalidError) as caught:
            await client.schedules.times(cron, timezone)
    assert [error.pointer for error in caught.value.errors] == [pointer]
