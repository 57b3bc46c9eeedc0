"""kill -9 of a hub in the middle of a replay."""

import asyncio
import json

import pytest
from sqlalchemy import update
from support.hub import eventually
from support.replays import Process, copies
from trunkline.protocol.resources import ReplayRequest
from trunkline_hub.jobs.store import jobs

ROUNDS = 1


async def _done(client, job_id, count):
    return (await client.jobs.get(job_id)).done >= count


@pytest.mark.parametrize(
    ("database", "target"), [("sqlite", "new_group"), pytest.param("postgres", "file", marks=pytest.mark.slow)]
)
async def test_a_hub_killed_in_the_middle_doubles_nothing_and_loses_nothing(
    own_hub, tmp_path, request, name, target, database
):
    """kill -9 of the hub that plays it, again and again; whoever goes on, each event is there once, in order."""
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    if database == "postgres":
        url = await request.getfixturevalue("postgres").fresh()
    hub = await own_hub(url=url, replays={"directory": str(tmp_path / "files")})
    hub.component("jobs")._claim = _nothing  # this one only answers; the others work
    async with hub.connected() as client:
        acks = await asyncio.gather(*(client.publish(f"{name}.made", {"n": n}) for n in range(2000)))
        group = f"k-{name}" if target == "new_group" else None
        wanted = ReplayRequest(types=[f"{name}.>"], target=target, group=group, format="ndjson", rate_per_s=1500)
        job = await client.replays.start(wanted)
        for round_ in range(ROUNDS):
            worker = Process(hub, url, hub_id=f"worker-{round_}")
            await worker.start()
            await eventually(lambda round_=round_: _done(client, job.id, 400 * (round_ + 1)), timeout_s=60)
            await worker.kill()
            await _forget_lease(hub)
        await client.jobs.set_rate(job.id, 0)
        del hub.component("jobs")._claim
        ended = await client.jobs.wait(job.id, timeout_s=30)
        assert ended.state == "completed", ended.error
        expected = sorted(ack.seq for ack in acks)
        if target == "new_group":
            assert [seq for _replay, seq in await copies(hub, group)] == expected
        else:
            raw = b"".join([piece async for piece in client.replays.download(job.id)])
            assert [json.loads(line)["seq"] for line in raw.splitlines()] == expected


async def _nothing(_slots):
    return []


async def _forget_lease(hub):
    """What waiting for the dead hub's lease to end would do."""
    async with hub.component("jobs")._db.write() as tx:
        await tx.execute(update(jobs).values(lease_until=None))
