"""Tasks outlive their workers, their hubs and their callers."""

import asyncio
import contextlib
import sys
from pathlib import Path

import msgspec
import pytest
import trunkline as tl
from support.hub import eventually
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.frames import Progress
from trunkline.protocol.tasks import TaskEvent
from trunkline.wire import header_lines

_BAKER = Path(__file__).parents[1] / "support" / "baker.py"


@contextlib.asynccontextmanager
async def baker(hub, name):
    """Run the agent; give a function that kills it and starts another."""
    running = []

    async def start():
        running.append(
            await asyncio.create_subprocess_exec(
                sys.executable, str(_BAKER), hub.url, hub.admin_token, name,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )
        )  # fmt: skip
        return running[-1]

    await start()
    try:
        yield start
    finally:
        for process in running:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def offered(client, agent):
    with contextlib.suppress(tl.TrunklineError):
        return bool((await client.agents.get(agent)).instances)


@pytest.mark.slow
async def test_whoever_goes_on_goes_on_from_the_checkpoint(sqlite_hub, name):
    async with sqlite_hub.client() as client, baker(sqlite_hub, name) as start:
        await eventually(lambda: offered(client, name))
        task = await client.tasks.start(f"{name}.count", 2)
        await eventually(lambda: saved(client, task.id, 2))
        await start()
        done = await client.tasks.wait(task.id, timeout_s=60)
    assert done.status.state == "completed"
    assert done.artifacts[0].parts[0].data == ["0.1", "1.1", "2.2", "3.2"]
    assert done.attempt == 2


async def saved(client, task_id, quarters):
    task = await client.tasks.get(task_id)
    return task.progress is not None and task.progress.fraction >= quarters / 4


async def test_a_task_that_kills_its_workers_fails_and_says_why(sqlite_hub, name):
    """Its job becomes a dead letter; a reader that only says so of another's task is not believed."""
    agent = tl.Agent(name)

    theirs = []

    @agent.skill(f"{name}.hold", task=True)
    async def hold(ctx: tl.Context) -> str:
        theirs.append(ctx.client)
        await asyncio.Event().wait()
        return ""

    async with sqlite_hub.serving(agent), sqlite_hub.client() as client:
        task = await client.tasks.start(f"{name}.hold")
        await eventually(lambda: is_now(client, task.id, "working"))
        job = await client.tasks.job(task.id)
        await agent_reads(sqlite_hub, f"{name}-other", job)
        other = await client.tasks.start(f"{name}.hold")
        await bury(theirs[0], await client.tasks.job(other.id), f"agent.{name}")
        failed = await client.tasks.wait(other.id, timeout_s=30)
        assert (failed.status.state, failed.error.code) == ("failed", "call.failed")
        assert "worker_lost" in failed.error.detail
        assert (await client.tasks.get(task.id)).status.state == "working"


async def agent_reads(hub, queue, job):
    """Bury another's job as a reader of a queue of one's own."""
    agent = tl.Agent(queue)
    buried = asyncio.Event()

    @agent.task(queue)
    async def read(what: str, ctx: tl.Context) -> None:
        await bury(ctx.client, job, queue)
        buried.set()

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(queue, "go")
        await asyncio.wait_for(buried.wait(), 20)


async def bury(client, job, queue):
    message = client._message("trunkline.task.run", f"{job.task_id}-{queue}", None)
    message.data = msgspec.Raw(msgspec.json.encode(job))
    message.datacontenttype = "application/json"
    await client.store(
        subjects.dead_stream(client.workspace),
        subjects.dead(client.workspace, client.principal, "queue", queue),
        ce.encode(message),
        msg_id=message.id,
        headers=header_lines({"Content-Type": ce.CONTENT_TYPE, "Tl-Reason": "worker_lost", "Tl-Error": "gone"}),
    )


async def is_now(client, task_id, state):
    return (await client.tasks.get(task_id)).status.state == state


async def test_a_stream_is_taken_up_again_at_the_next_hub(own_hub, name):
    hub = await own_hub()
    finish = asyncio.Event()
    agent = tl.Agent(name)

    @agent.skill(f"{name}.hold", task=True)
    async def hold(ctx: tl.Context) -> str:
        await ctx.task.status("holding")
        await finish.wait()
        return "held"

    async with hub.serving(agent), hub.client() as client:
        task = await client.tasks.start(f"{name}.hold")
        seen = []

        async def follow():
            async for one in client.tasks.follow(task.id):
                seen.append(one.seq)

        following = asyncio.get_running_loop().create_task(follow())
        await eventually(lambda: len(seen) >= 1)
        await hub.stop()
        finish.set()
        await asyncio.sleep(0.3)
        await own_hub(port=int(hub.url.rsplit(":", 1)[1]))
        await asyncio.wait_for(following, 60)
        assert seen == sorted(set(seen))
        done = await client.tasks.get(task.id)
    assert (done.status.state, done.artifacts[0].parts[0].text) == ("completed", "held")


async def test_what_an_older_run_still_says_is_not_heard(sqlite_hub, name):
    agent = tl.Agent(name)
    finish = asyncio.Event()
    theirs = []

    @agent.skill(f"{name}.hold", task=True)
    async def hold(ctx: tl.Context) -> str:
        theirs.append(ctx.client)
        await ctx.task.progress(0.5, "mine")
        await finish.wait()
        return "held"

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        task = await client.tasks.start(f"{name}.hold")
        await eventually(lambda: is_now(client, task.id, "working"))
        late = TaskEvent(
            kind="progress", at=task.created_at, run=(1, 0), progress=Progress(fraction=0.9, message="old")
        )
        worker = theirs[0]
        subject = subjects.work(worker.workspace, worker.principal, name, task.id)
        await worker.store(
            subjects.work_stream("default"), subject, msgspec.json.encode(late), msg_id=f"late-{task.id}"
        )
        await worker.store(subjects.work_stream("default"), subject, b"{nonsense", msg_id=f"nonsense-{task.id}")
        assert (await client.tasks.get(task.id)).progress.message == "mine"
        finish.set()
        assert (await client.tasks.wait(task.id)).status.state == "completed"


async def test_nobody_writes_the_course_of_anothers_task(sqlite_hub, name):
    agent = tl.Agent(name)

    @agent.skill(f"{name}.hold", task=True)
    async def hold(ctx: tl.Context) -> str:
        await asyncio.Event().wait()
        return ""

    other = tl.Agent(f"{name}-other")
    token = await sqlite_hub.token("agents:register", "queues:consume")
    async with sqlite_hub.serving(agent), sqlite_hub.client() as client:
        task = await client.tasks.start(f"{name}.hold")
        async with sqlite_hub.serving(other, token), sqlite_hub.connected(token) as stranger:
            subject = subjects.work("default", stranger.principal, name, task.id)
            with pytest.raises(tl.PermissionDeniedError):
                await stranger.store(subjects.work_stream("default"), subject, b"{}", msg_id="x")
            with pytest.raises(tl.TrunklineError):
                await stranger.tasks.job(task.id)
        await client.tasks.cancel(task.id)


async def test_what_a_dead_hub_left_on_record_without_its_job_is_done_all_the_same(own_hub, clock, name):
    hub = await own_hub(clock=clock)
    agent = tl.Agent(name)

    @agent.skill(f"{name}.bake", task=True)
    async def bake(ctx: tl.Context) -> str:
        return "baked"

    sweep = hub.component("task-sweep")
    service = hub.component("task-mourner")._fail.__self__

    async def lost(workspace, record):
        """The hub dies here."""

    async with hub.serving(agent), hub.client() as client:
        real, service.hand_over = service.hand_over, lost
        left = await client.tasks.start(f"{name}.bake")
        service.hand_over = real
        done = await client.tasks.run(f"{name}.bake")
        assert done.status.state == "completed"
        assert (await client.tasks.get(left.id)).status.state == "submitted"
        await sweep.sweep()
        assert (await client.tasks.get(left.id)).status.state == "submitted", "too soon: its hub may be at it"
        clock.forward(60)
        await sweep.sweep()
        assert (await client.tasks.wait(left.id, timeout_s=30)).status.state == "completed"
