"""Long jobs: progress, pace, pause, resume, cancel, and the death of the hub that runs them."""

import asyncio

import pytest
from support.hub import eventually
from trunkline.protocol.errors import (
    BusUnavailableError,
    JobStateError,
    JobUnknownError,
    PermissionDeniedError,
    RequestInvalidError,
)
from trunkline_hub.core.principal import Principal
from trunkline_hub.jobs.model import Pace, after

WHO = Principal(name="tester", key_id="k", workspace="default", scopes=frozenset({"*"}), via="token", expires_at=None)


@pytest.fixture
def counting(name):
    """A kind of job that counts to `params["to"]` once it is let, and tells what it did."""

    class Counting:
        kind = f"test.{name}"

        def __init__(self):
            self.seen = []
            self.gate = asyncio.Event()
            self.trouble = []

        async def __call__(self, run):
            await run.expect(run.params["to"])
            number = run.checkpoint.get("number", 0)
            while number < run.params["to"]:
                if self.trouble:
                    raise self.trouble.pop()
                if not self.gate.is_set() and number >= run.params.get("stop_at", 1):
                    await run.step({"number": number})
                    await asyncio.sleep(0.01)
                    continue
                number += 1
                self.seen.append(number)
                await run.step({"number": number}, done=1)
            return {"counted": number}

    return Counting()


def teach(hub, work):
    """Let a hub know a kind of job; as `Feature.jobs` does."""
    hub.component("jobs")._kinds[work.kind] = work


async def order(hub, work, *, rate_per_s=None, **params):
    """Make a job as a feature does."""
    runner = hub.component("jobs")
    async with runner._db.write() as tx:
        return await runner._jobs.create(tx, WHO, "default", work.kind, "Count", params, rate_per_s=rate_per_s)


async def progressed(client, job_id, done):
    async def enough():
        job = await client.jobs.get(job_id)
        return job if job.done >= done else None

    return await eventually(enough)


async def test_a_job_runs_to_its_end_and_tells_how_far_it_is(hub, counting):
    teach(hub, counting)
    async with hub.client() as client:
        job = await order(hub, counting, to=50, stop_at=20)
        assert (job.state, job.done, job.total) == ("queued", 0, None)
        half = await progressed(client, job.id, 20)
        assert (half.state, half.done, half.total, half.failed) == ("running", 20, 50, 0)
        counting.gate.set()
        ended = await client.jobs.wait(job.id, timeout_s=20)
        assert (ended.state, ended.done, ended.result) == ("completed", 50, {"counted": 50})
        assert ended.finished_at and ended.error is None
        assert counting.seen == list(range(1, 51))
        newest = (await client.jobs.list(kind=counting.kind)).items
        assert [item.id for item in newest] == [job.id]


async def test_a_paused_job_goes_on_from_where_it_stopped(hub, counting):
    teach(hub, counting)
    async with hub.client() as client:
        job = await order(hub, counting, to=30, stop_at=10)
        await progressed(client, job.id, 10)
        await client.jobs.pause(job.id)
        await eventually(lambda: _is(client, job.id, "paused"))
        assert job.id not in hub.component("jobs")._runs
        counting.gate.set()
        await client.jobs.resume(job.id)
        ended = await client.jobs.wait(job.id, timeout_s=20)
        assert (ended.state, ended.done) == ("completed", 30)
        assert counting.seen == list(range(1, 31))


async def _is(client, job_id, state):
    return (await client.jobs.get(job_id)).state == state


async def test_a_cancelled_job_stops_and_stays_so(hub, counting):
    teach(hub, counting)
    async with hub.client() as client:
        job = await order(hub, counting, to=30, stop_at=5)
        await progressed(client, job.id, 5)
        await client.jobs.cancel(job.id)
        ended = await client.jobs.wait(job.id, timeout_s=20)
        assert (ended.state, ended.done) == ("cancelled", 5)
        for verb in (client.jobs.pause, client.jobs.resume, client.jobs.cancel):
            with pytest.raises(JobStateError):
                await verb(job.id)


async def test_an_unavailable_engine_postpones_a_job_and_a_fault_ends_it(hub, counting):
    teach(hub, counting)
    counting.gate.set()
    counting.trouble = [BusUnavailableError("the broker is away")]
    async with hub.client() as client:
        job = await order(hub, counting, to=3)
        ended = await client.jobs.wait(job.id, timeout_s=20)
        assert (ended.state, ended.done) == ("completed", 3)
        counting.trouble = [ZeroDivisionError("by zero")]
        job = await order(hub, counting, to=3)
        failed = await client.jobs.wait(job.id, timeout_s=20)
        assert failed.state == "failed"
        assert "ZeroDivisionError: by zero" in (failed.error or "")
        await client.jobs.resume(job.id)
        assert (await client.jobs.wait(job.id, timeout_s=20)).state == "completed"


async def test_a_job_of_an_unknown_kind_says_so(hub, counting):
    async with hub.client() as client:
        job = await order(hub, counting, to=3)
        failed = await client.jobs.wait(job.id, timeout_s=20)
        assert failed.state == "failed"
        assert counting.kind in (failed.error or "")


async def nothing(_slots):
    return []


async def test_another_hub_goes_on_where_a_dead_one_stopped(own_hub, clock, counting):
    """The first hub stops renewing its lease without a word, as a killed one does."""
    first = await own_hub(clock=clock, hub_id="first")
    teach(first, counting)
    job = await order(first, counting, to=40, stop_at=10)
    async with first.client() as client:
        await progressed(client, job.id, 10)
    second = await own_hub(clock=clock, hub_id="second")
    late = type(counting)()
    late.kind = counting.kind
    late.gate.set()
    teach(second, late)
    dead = first.component("jobs")
    dead._runs[job.id]._fence = -1  # whatever it still writes is refused
    dead._kinds.clear()
    dead._claim = nothing
    clock.forward(60)
    async with second.client() as client:
        ended = await client.jobs.wait(job.id, timeout_s=20)
    assert (ended.state, ended.done) == ("completed", 40)
    assert counting.seen + late.seen == list(range(1, 41))


async def test_a_pace_is_kept_and_can_be_lifted_under_way(hub, counting):
    teach(hub, counting)
    counting.gate.set()
    async with hub.client() as client:
        job = await order(hub, counting, to=10_000, rate_per_s=1)
        slow = await progressed(client, job.id, 1)
        assert slow.done < 100
        assert (await client.jobs.set_rate(job.id, 0)).rate_per_s is None
        assert (await client.jobs.wait(job.id, timeout_s=30)).done == 10_000
        with pytest.raises(RequestInvalidError) as caught:
            await client.jobs.set_rate(job.id, -1)
        assert caught.value.errors[0].pointer == "/rate_per_s"


async def test_who_may_not_is_refused_and_what_is_not_there_is_unknown(hub, counting):
    teach(hub, counting)
    job = await order(hub, counting, to=5)
    async with hub.client(await hub.token("jobs:read")) as reader:
        assert (await reader.jobs.get(job.id)).id == job.id
        with pytest.raises(PermissionDeniedError):
            await reader.jobs.pause(job.id)
        with pytest.raises(JobUnknownError):
            await reader.jobs.get("nobody")
    counting.gate.set()
    async with hub.client() as client:
        await client.jobs.wait(job.id, timeout_s=20)
        trail = (await hub.admin("GET", "audit")).json["items"]
        assert ("job.created", f"job/{job.id}") in {(entry["action"], entry["resource"]) for entry in trail}


def test_a_pace_does_not_make_up_for_idle_time():
    pace = Pace(10.0)
    assert pace.delay_s(100.0, 5) == pytest.approx(0.4)
    assert pace.delay_s(200.0, 1) == pytest.approx(0.0)
    assert pace.delay_s(200.0, 10) == pytest.approx(1.0)
    assert Pace(None).delay_s(0, 1000) == 0


@pytest.mark.parametrize(("state", "verb"), [("paused", "pause"), ("running", "resume"), ("completed", "cancel")])
def test_only_what_makes_sense_can_be_told(state, verb):
    with pytest.raises(JobStateError):
        after(state, verb)
