"""Whatever brings work to a queue finds the queue's page; several hubs and an older installation go by the same pages."""

import pytest
import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest_asyncio
import trunkline as tl
from trunkline.protocol import subjects
from trunkline.protocol.resources import (
    QueueDeclaration,
    RouteDeclaration,
    RouteMatch,
    RouteTarget,
    ScheduleDeclaration,
)
from trunkline_hub.core.clock import SystemClock
from trunkline_hub.db import Database
from trunkline_hub.db.migrate import downgrade

from support.hub import eventually
from support.letters import dead_letters

SIZE = 3


@pytest_asyncio.fixture(loop_scope="session", params=["sqlite", "postgres"])
async def url(request, tmp_path):
    """A database of the test's own."""
    if request.param == "postgres":
        return await request.getfixturevalue("postgres").fresh()
    return f"sqlite:///{tmp_path / 'own.db'}"


async def streams_of(hub, queue) -> dict[str, int]:
    """How many messages of a queue lie in which stream."""
    js, found = hub.component("bus").js(), Counter()
    for name in [info.config.name for info in await js.streams_info() if info.config.name.startswith("TASKS_default")]:
        held = (await js.stream_info(name, subjects_filter=">")).state.subjects or {}
        found[name] += sum(count for subject, count in held.items() if f".{subjects.token(queue)}.normal." in subject)
    return {name: count for name, count in found.items() if count}


async def test_every_way_into_a_queue_leads_to_its_page(paged_hub, name):
    """The governed lane, a route, a delay and the clock."""
    hub = paged_hub
    governed = await hub.token("queues:submit", principal=f"{name}-sender")
    async with hub.connected() as client, hub.connected(governed) as sender:
        page = (await client.queues.declare(name, QueueDeclaration())).page
        assert page > 0
        assert (await sender.enqueue(name, "governed")).stream == subjects.page_stream("default", page)
        target = RouteDeclaration(targets=[RouteTarget(queue=name)], match=RouteMatch(types=[f"{name}.made"]))
        await client.routes.declare(name, target)
        await client.publish(f"{name}.made", "routed")
        await client.enqueue(name, "later", delay_s=0.1)
        every_second = ScheduleDeclaration(cron="* * * * * *", queue=name, data="clock")
        await client.schedules.declare(name, every_second)
        await eventually(lambda: _holds(client, name, 4))
        await client.schedules.remove(name)
        assert set(await streams_of(hub, name)) == {subjects.page_stream("default", page)}
        done = []
        agent = tl.Agent(f"{name}-w")

        @agent.task(name)
        async def work(text: str) -> None:
            done.append(text)

        async with hub.serving(agent):
            await eventually(lambda: {"governed", "routed", "later", "clock"} <= set(done))


async def _holds(client, name, count) -> bool:
    return (await client.queues.get(name)).depth >= count


async def test_long_work_is_done_by_an_agent_whose_queue_is_on_a_page(paged_hub, name):
    agent = tl.Agent(name)

    @agent.skill(f"{name}.count", task=True, retry=tl.Retry(max_attempts=3, base_s=0.05))
    async def count(ctx: tl.Context) -> int:
        if ctx.attempt < 2:
            raise RuntimeError("not yet")
        return ctx.attempt

    async with paged_hub.serving(agent), paged_hub.client() as client:
        assert (await client.queues.get(f"agent.{name}")).page > 0
        done = await client.tasks.run(f"{name}.count", {})
    assert (done.status.state, done.artifacts[0].parts[0].data) == ("completed", 2)


async def test_what_expired_or_failed_on_a_page_goes_back_to_it(paged_hub, name):
    async with paged_hub.connected() as client:
        page = (await client.queues.declare(tl.Queue(name))).page
        await client.enqueue(name, "late", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        await client.enqueue(name, "bad")
        agent, done, is_broken = tl.Agent(f"{name}-w"), [], True

        @agent.task(name, retry=tl.Retry(max_attempts=2, base_s=0.05))
        async def work(text: str) -> None:
            if is_broken:
                raise RuntimeError("broken")
            done.append(text)

        async with paged_hub.serving(agent):
            letters = {letter["reason"]: letter for letter in await dead_letters(paged_hub, name, 2)}
            assert set(letters) == {"expired", "attempts_exhausted"}, letters
            is_broken = False
            for letter in letters.values():
                redriven = await client.dead_letters.redrive(letter["id"])
                assert redriven.subject.startswith(f"tl.default.paged.{page}.")
            await eventually(lambda: sorted(done) == ["bad", "late"])


async def test_a_sender_that_knew_a_deleted_queue_finds_its_successor_elsewhere(own_hub, name):
    hub = await own_hub(queues={"page_size": 1})
    async with hub.connected() as sender, hub.connected(name="operator") as client:
        first = (await client.queues.declare(tl.Queue(name))).page
        assert (await sender.enqueue(name, 1)).stream == subjects.page_stream("default", first)
        work = await client.queues.delete(name, force=True)
        assert (await client.jobs.wait(work.job.id, timeout_s=20)).state == "completed"
        await client.queues.declare(tl.Queue(f"{name}-other"))  # takes the place that was left
        second = (await client.queues.declare(tl.Queue(name))).page
        assert second != first

        async def follows():
            return (await sender.enqueue(name, 2)).stream == subjects.page_stream("default", second)

        await eventually(follows)
        await hub.component("stray-scan").scan("default")
        depth = (await client.queues.get(name)).depth
        assert set(await streams_of(hub, name)) == {subjects.page_stream("default", second)}
        assert depth == sum((await streams_of(hub, name)).values()) >= 1, "and what went astray meanwhile came home"


@pytest.mark.slow
async def test_several_hubs_that_add_queues_at_once_lose_none_and_open_few_pages(own_hub, url):
    hubs = [await own_hub(url=url, hub_id=f"hub-{n}", queues={"page_size": SIZE}) for n in range(2)]
    names = [f"q{n}" for n in range(24)]
    async with hubs[0].connected() as one, hubs[1].connected() as other:
        left, pages = iter(names), {}

        async def declare(client):
            for queue in left:
                pages[queue] = (await client.queues.declare(tl.Queue(queue))).page

        await asyncio.gather(*(declare(client) for client in (one, other) * 2))
        used = Counter(pages.values())
        assert max(used.values()) <= SIZE + 2 * 4, "some more for each that is under way, not all of them"
        assert set(used) == set(range(max(used) + 1)), "no page is left out"
        for client in (one, other):
            acks = await asyncio.gather(*(client.enqueue(queue, 1) for queue in names))
            assert [ack.stream for ack in acks] == [subjects.page_stream("default", pages[queue]) for queue in names]
        await asyncio.gather(*(hub.component("reconciler").converge() for hub in hubs))
        assert [queue.depth for queue in (await other.queues.list(limit=100)).items] == [2] * len(names)
        later = [(await one.queues.declare(tl.Queue(f"later{n}"))).page for n in range(2 * SIZE)]
        assert max(Counter(later).values()) <= SIZE, "once it is calm, pages hold what they should"


@pytest.mark.slow
async def test_queues_from_before_pages_stay_where_they_are_and_work_on(own_hub, url):
    hub = await own_hub(url=url)
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue("classes", classes={"high": 2}))
        await client.queues.declare(tl.Queue("limited", max_messages=9))
        for queue in ("old1", "old2"):
            await client.queues.declare(tl.Queue(queue))
        for queue in ("classes", "limited", "old1", "old2"):
            await client.enqueue(queue, queue)
    await hub.stop()
    db = Database(url, SystemClock())
    await downgrade(db, "0012")
    await db.close()
    hub = await own_hub(url=url, queues={"page_size": SIZE + 1})
    async with hub.connected() as client:
        assert [queue.page for queue in (await client.queues.list()).items] == [0] * 4
        new = [(await client.queues.declare(tl.Queue(f"new{n}"))).page for n in range(2)]
        assert new == [0, 1], "page 0 was full all along, which only a declaration finds out"
        agent, done = tl.Agent("worker"), []
        for queue in ("classes", "limited", "old1", "old2", "new0", "new1"):

            @agent.task(queue)
            async def work(text: str) -> None:
                done.append(text)

        async with hub.serving(agent):
            for queue in ("old1", "new0", "new1"):
                await client.enqueue(queue, f"{queue} again")
            await eventually(lambda: len(done) == 7)
    assert sorted(done) == ["classes", "limited", "new0 again", "new1 again", "old1", "old1 again", "old2"]
