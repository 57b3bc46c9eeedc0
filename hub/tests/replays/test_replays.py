"""Playing the past again: to groups, into files, or only counted; and what happens when a hub dies in it."""

import asyncio
import hashlib
import io
import json
import os
import time

import pytest
import trunkline as tl
import zstandard
from support.hub import eventually
from support.letters import dead_letters
from support.replays import copies
from trunkline.protocol import subjects
from trunkline.protocol.errors import (
    GroupExistsError,
    GroupUnknownError,
    JobUnknownError,
    PermissionDeniedError,
    ReplayFilesOffError,
    ReplayFileUnknownError,
    RequestInvalidError,
)
from trunkline.protocol.resources import ReplayRequest
from trunkline_hub.replays.model import chunk_size


def follower(name, types, group, seen):
    agent = tl.Agent(f"a-{name}-{group}")

    @agent.on(types, group=group)
    async def follow(data: dict, ctx: tl.Context):
        seen.append((data["n"], ctx.is_replay, ctx.replay_id, ctx.id))

    return agent


async def fill(client, name, count, **more):
    return [await client.publish(f"{name}.made", {"n": n} | more) for n in range(count)]


async def test_one_group_gets_the_past_again_and_can_tell_it(hub, name):
    mine, other = [], []
    async with hub.connected() as client:
        async with (
            hub.serving(follower(name, f"{name}.>", f"g-{name}", mine)),
            hub.serving(follower(name, f"{name}.>", f"o-{name}", other)),
        ):
            acks = await fill(client, name, 20)
            await eventually(lambda: len(mine) == len(other) == 20)
            assert {is_replay for _n, is_replay, _id, _event in mine} == {False}
            job = await client.replays.to_group(f"g-{name}", f"{name}.*", after_seq=acks[4].seq)
            ended = await client.jobs.wait(job.id, timeout_s=20)
            assert (ended.state, ended.done, ended.total, ended.error) == ("completed", 15, 15, None)
            assert ended.result["events"] == 15
            await eventually(lambda: len(mine) == 35)
        assert mine[20:] == [(n, True, job.id, ack.id) for n, ack in list(enumerate(acks))[5:]]
        assert len(other) == 20
        again = await client.replays.dry_run(f"{name}.>")
        assert (await client.jobs.wait(again.id)).result["events"] == 20  # copies are never replayed


async def test_a_worker_that_remembers_does_a_replay_once_and_its_letters_stay_of_it(hub, name, tmp_path):
    seen, broken = [], True
    agent = tl.Agent(f"a-{name}", once=str(tmp_path / "once.db"))

    @agent.on(f"{name}.>", group=f"g-{name}", retry=tl.Retry(max_attempts=1))
    async def follow(data: dict, ctx: tl.Context):
        if ctx.is_replay and broken:
            raise RuntimeError("not yet")
        seen.append((data["n"], ctx.replay_id))

    async with hub.connected() as client, hub.serving(agent):
        (ack,) = await fill(client, name, 1)
        await eventually(lambda: seen)
        job = await client.replays.to_group(f"g-{name}", f"{name}.made")
        (letter,) = await dead_letters(hub, f"g-{name}")
        broken = False
        await client.dead_letters.redrive(letter["id"])
        await eventually(lambda: len(seen) == 2)
        assert seen == [(0, None), (0, job.id)]  # redriven, it is still the replay's

        async def told():
            node = (await client.trace(ack.id)).roots[0]
            return node if len(node.copies) == 3 and len(node.handlings) == 3 else None

        node = await eventually(told)
        assert [(copy.group, copy.replay) for copy in node.copies] == [
            (None, None), (f"g-{name}", job.id), (f"g-{name}", job.id)
        ]  # fmt: skip


async def test_a_new_group_is_filled_and_waits_for_its_readers(hub, name):
    seen = []
    async with hub.connected() as client:
        acks = await fill(client, name, 10)
        job = await client.replays.to_new_group(f"new-{name}", f"{name}.>", until_seq=acks[7].seq)
        assert (await client.jobs.wait(job.id, timeout_s=20)).done == 8
        async with hub.serving(follower(name, f"{name}.other", f"new-{name}", seen)):
            await eventually(lambda: len(seen) == 8)
        assert [n for n, is_replay, *_ in seen if is_replay] == list(range(8))
        with pytest.raises(GroupExistsError):
            await client.replays.to_new_group(f"new-{name}", f"{name}.>")


async def test_a_new_group_that_follows_misses_nothing_and_gets_nothing_twice(hub, name):
    seen, stop = [], asyncio.Event()
    async with hub.connected() as client:
        published = []

        async def publish():
            while not stop.is_set():
                await client.publish(f"{name}.made", {"n": len(published)})
                published.append(len(published))

        task = asyncio.get_running_loop().create_task(publish())
        await eventually(lambda: len(published) > 50)
        job = await client.replays.to_new_group(f"f-{name}", f"{name}.>", follow=True)
        await client.jobs.wait(job.id, timeout_s=20)
        before = len(published)
        await eventually(lambda: len(published) > before + 20)
        stop.set()
        await task
        async with hub.serving(follower(name, f"{name}.>", f"f-{name}", seen)):
            await eventually(lambda: len(seen) >= len(published))
            await asyncio.sleep(0.3)
        assert sorted(n for n, *_ in seen) == published
        assert {is_replay for _n, is_replay, *_ in seen} == {True, False}


async def test_a_dry_run_tells_what_would_be_sent(hub, name):
    async with hub.connected() as client:
        first = await client.publish(f"{name}.a", {"n": 1}, subject="x")
        last = await client.publish(f"{name}.b.c", {"n": 2}, subject="x")
        await client.publish(f"{name}.a", {"n": 3}, subject="y")
        job = await client.jobs.wait((await client.replays.dry_run(f"{name}.>", subject="x")).id, timeout_s=20)
        found = job.result
        assert (found["events"], found["types"]) == (2, {f"{name}.a": 1, f"{name}.b.c": 1})
        assert (found["first"]["seq"], found["last"]["seq"]) == (first.seq, last.seq)
        assert [one["event"]["data"] for one in found["sample"]] == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("packing", ["ndjson", "ndjson.zst"])
async def test_a_file_is_written_and_fetched(own_hub, tmp_path, name, packing):
    hub = await own_hub(replays={"directory": str(tmp_path / "files")})
    async with hub.connected() as client:
        acks = await asyncio.gather(*(client.publish(f"{name}.made", {"n": n}) for n in range(2500)))
        job = await client.jobs.wait((await client.replays.to_file(f"{name}.>", format=packing)).id, timeout_s=20)
        assert job.state == "completed", job.error
        raw = b"".join([piece async for piece in client.replays.download(job.id)])
        assert hashlib.sha256(raw).hexdigest() == job.result["sha256"]
        text = _unpacked(raw) if packing.endswith("zst") else raw
        lines = [json.loads(line) for line in text.splitlines()]
        assert [line["seq"] for line in lines] == sorted(ack.seq for ack in acks)
        assert {line["event"]["type"] for line in lines} == {f"{name}.made"}
        counted = await client.jobs.wait((await client.replays.dry_run(f"{name}.>")).id)
        for wrong, error in ((counted.id, ReplayFileUnknownError), ("nobody", JobUnknownError)):
            with pytest.raises(error):
                await anext(client.replays.download(wrong))


def _unpacked(raw):
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw), read_across_frames=True).read()


async def test_old_files_are_deleted(own_hub, tmp_path, name):
    hub = await own_hub(replays={"directory": str(tmp_path / "files"), "keep_files_s": 100})
    async with hub.connected() as client:
        first = await client.jobs.wait((await client.replays.to_file()).id, timeout_s=20)
        (file,) = (tmp_path / "files").rglob("*.zst")
        os.utime(file, (time.time() - 200,) * 2)
        await client.jobs.wait((await client.replays.to_file()).id, timeout_s=20)
        with pytest.raises(ReplayFileUnknownError):
            await anext(client.replays.download(first.id))


async def test_a_replay_is_paused_resumed_and_paced(hub, name):
    seen = []
    async with hub.connected() as client:
        await fill(client, name, 60)
        job = await client.replays.to_new_group(f"p-{name}", f"{name}.>", rate_per_s=20)
        await eventually(lambda: _done(client, job.id, 5))
        await client.jobs.pause(job.id)
        await eventually(lambda: _is(client, job.id, "paused"))
        stopped = (await client.jobs.get(job.id)).done
        assert 5 <= stopped < 60
        assert len(await copies(hub, f"p-{name}")) == stopped
        await client.jobs.resume(job.id)
        await client.jobs.set_rate(job.id, 0)
        ended = await client.jobs.wait(job.id, timeout_s=20)
        assert (ended.state, ended.done) == ("completed", 60)
        async with hub.serving(follower(name, f"{name}.none", f"p-{name}", seen)):
            await eventually(lambda: len(seen) == 60)
        assert [n for n, *_ in seen] == list(range(60))


async def _done(client, job_id, count):
    return (await client.jobs.get(job_id)).done >= count


async def _is(client, job_id, state):
    return (await client.jobs.get(job_id)).state == state


async def test_a_cancelled_replay_sends_no_more(hub, name):
    async with hub.connected() as client:
        await fill(client, name, 60)
        job = await client.replays.to_new_group(f"c-{name}", f"{name}.>", rate_per_s=20)
        await eventually(lambda: _done(client, job.id, 5))
        await client.jobs.cancel(job.id)
        ended = await client.jobs.wait(job.id, timeout_s=20)
        assert ended.state == "cancelled"
        assert len(await copies(hub, f"c-{name}")) == ended.done < 60


async def test_the_original_pace_is_kept(sqlite_hub, name):
    async with sqlite_hub.connected() as client:
        for n in range(4):
            await client.publish(f"{name}.made", {"n": n})
            await asyncio.sleep(0.25)

        async def took(speed, group):
            began = time.monotonic()
            job = await client.replays.to_new_group(group, f"{name}.>", speed=speed)
            assert (await client.jobs.wait(job.id, timeout_s=20)).done == 4
            return time.monotonic() - began

        assert await took(0.5, f"s-{name}") >= 1.4
        assert await took(50.0, f"q-{name}") < 1.4


async def test_a_copy_stored_before_the_checkpoint_was_is_not_sent_again(own_hub, clock, name):
    """As after a hub that was dead for longer than the broker remembers ids: what lies there already counts."""
    hub = await own_hub(clock=clock)
    async with hub.connected() as client:
        acks = await fill(client, name, 30)
        job = await client.replays.to_new_group(f"d-{name}", f"{name}.>", rate_per_s=20)
        await eventually(lambda: _done(client, job.id, 5))
        await client.jobs.pause(job.id)
        await eventually(lambda: _is(client, job.id, "paused"))
        there = len(await copies(hub, f"d-{name}"))
        bus = hub.component("bus")
        for ack in acks[there : there + 10]:  # under other ids: the broker's own memory is of no help here
            await bus.store(
                "EVENTS_default", subjects.redrive_event(subjects.event("default", "admin", f"{name}.made"), f"d-{name}"),
                b"{}", msg_id=f"forgotten-{ack.id}", headers=f"Tl-Replay: {job.id}\r\nTl-Replay-Seq: {ack.seq}\r\n".encode(),
            )  # fmt: skip
        await client.jobs.set_rate(job.id, 0)
        await client.jobs.resume(job.id)
        assert (await client.jobs.wait(job.id, timeout_s=20)).done == 30
        assert sorted(await copies(hub, f"d-{name}")) == sorted((job.id, ack.seq) for ack in acks)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"target": "group"}, "/group"), ({"target": "file", "group": "g"}, "/group"),
        ({"target": "group", "group": "g", "follow": True}, "/follow"),
        ({"target": "new_group", "group": "g", "follow": True, "until_seq": 5}, "/follow"),
        ({"target": "new_group", "group": "g", "follow": True, "subject": "x"}, "/follow"),
        ({"target": "dry_run", "speed": 0.0}, "/speed"), ({"target": "dry_run", "rate_per_s": -1.0}, "/rate_per_s"),
        ({"target": "new_group", "group": "a b"}, "/group"),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(sqlite_hub, wrong, pointer):
    async with sqlite_hub.client() as client:
        with pytest.raises(RequestInvalidError) as caught:
            await client.replays.start(ReplayRequest(**wrong))
        assert pointer in [error.pointer for error in caught.value.errors]


async def test_who_may_not_and_what_is_not_there(hub, name):
    async with hub.client() as client:
        with pytest.raises(GroupUnknownError):
            await client.replays.to_group(f"nobody-{name}")
        with pytest.raises(ReplayFilesOffError):
            await client.replays.to_file()
    async with hub.client(await hub.token("events:read", "jobs:write")) as reader:
        with pytest.raises(PermissionDeniedError):
            await reader.replays.dry_run()


@pytest.mark.parametrize(("rate", "size"), [(None, 500), (1.0, 1), (20.0, 5), (1e6, 500)])
def test_steps_are_small_where_the_pace_is_slow(rate, size):
    assert chunk_size(rate) == size
