"""kill -9 of the hub that writes the archive."""

import asyncio

import pytest
from support.hub import eventually
from support.replays import Process


@pytest.mark.slow
async def test_a_hub_killed_in_the_middle_of_an_export_leaves_an_archive_that_is_whole(own_hub, tmp_path):
    """Again and again, at any moment; whoever goes on, every message is archived once and the chain holds."""
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    archive = {"directory": str(tmp_path / "archive"), "segment_messages": 20, "segment_age_s": 0.1, "check_s": 0.02}
    first = await own_hub(url=url)
    environment = {f"TRUNKLINE_ARCHIVE__{name.upper()}": str(value) for name, value in archive.items()}
    folder = tmp_path / "archive" / "default"
    async with first.connected() as client:
        acks = await asyncio.gather(*(client.publish("a.b", {"n": n, "pad": "x" * 500}) for n in range(3000)))
        for round_ in range(2):
            worker = Process(first, url, hub_id="exporter", **environment)
            await worker.start()
            files = len(list(folder.glob("*.zst")))
            await eventually(lambda files=files: len(list(folder.glob("*.zst"))) >= files + 5 + round_, timeout_s=60)
            await worker.kill()
    assert len(list(folder.glob("*.zst"))) < 3000 / 20, "it was killed when all was done"
    await first.stop()
    second = await own_hub(url=url, hub_id="exporter", archive=archive)
    async with second.connected() as client:
        await eventually(lambda: caught_up(client), timeout_s=60)
        job = await client.jobs.wait((await client.retention.verify()).id, timeout_s=30)
        assert (job.result["verdict"], job.result["findings"]) == ("intact", [])
        assert job.result["checked"]["archive"] >= len(acks)


async def caught_up(client):
    state = await client.retention.archive()
    return state.lag_events == 0 and state.missed_events == 0
