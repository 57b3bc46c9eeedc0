"""What others put into a queue lies where the queue's own workers look: routed, delayed, put off, redriven, by the clock."""

import asyncio
from datetime import UTC, datetime

import pytest
import trunkline as tl
from nats.js.errors import NotFoundError as NothingThereError
from trunkline import deferral
from trunkline.protocol import envelope as ce
from trunkline.protocol import queueing, subjects
from trunkline.protocol.errors import NotFoundError, QueueClassUnknownError, RequestInvalidError
from trunkline.protocol.resources import RouteDeclaration, RouteMatch, RouteTarget, ScheduleDeclaration

from support.hub import eventually
from support.letters import dead_letters

NEW_YEAR = "0 0 1 1 *"


@pytest.fixture
def soon(monkeypatch):
    """A wait counts as long from a tenth of a second on."""
    monkeypatch.setattr(deferral, "LONG_S", 0.1)


async def stored(hub, stream: str, queue: str) -> list[tuple[queueing.Spot, ce.Envelope]]:
    """Return what lies in a stream for a queue."""
    js = hub.component("bus").js()
    state = (await js.stream_info(stream)).state
    found = []
    for seq in range(state.first_seq, state.last_seq + 1) if state.messages else ():
        try:
            message = await js.get_msg(stream, seq)
        except NothingThereError:  # settled already
            continue
        spot = queueing.spot(message.subject)
        if spot.queue == queue:
            found.append((spot, ce.decode(message.data)))
    return found


async def lying(hub, stream: str, queue: str, count: int = 1) -> list[tuple[queueing.Spot, ce.Envelope]]:
    async def all_there():
        found = await stored(hub, stream, queue)
        return found if len(found) == count else None

    return await eventually(all_there)


def limited(queue: str) -> str:
    return subjects.limited_stream("default", queue)


@pytest.mark.slow
async def test_events_routed_into_an_ordered_queue_keep_the_order_of_their_keys_and_get_its_expiry(hub, name):
    runs: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(tl.Queue(name, concurrency_per_key=1, partitions=4, expires_after_s=1000), concurrency=8)
    async def work(n: int, ctx: tl.Context) -> None:
        await asyncio.sleep(0.02 if n % 3 else 0.05)
        runs.put_nowait((ctx.message.partitionkey, n))

    keys = [f"k{n}" for n in range(5)]
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, concurrency_per_key=1, partitions=4, expires_after_s=1000))
        target = RouteTarget(queue=name)
        await client.routes.declare(name, RouteDeclaration(targets=[target], match=RouteMatch(types=[f"{name}.e"])))
        for n in range(40):
            await client.publish(f"{name}.e", n, key=keys[n % 5])
        for spot, message in await lying(hub, "TASKS_default", name, 40):
            assert spot.partition == str(queueing.partition(message.partitionkey, 4))
            assert spot.principal == "admin"
            left = datetime.fromisoformat(message.expirytime) - datetime.now(UTC)
            assert 900 < left.total_seconds() <= 1000
        async with hub.serving(agent):
            done = [await asyncio.wait_for(runs.get(), 20) for _ in range(40)]
    for key in keys:
        of_key = [n for of, n in done if of == key]
        assert of_key == sorted(of_key) and len(of_key) == 8, key


@pytest.mark.slow
async def test_a_delayed_message_finds_the_stream_and_class_that_its_queue_has_by_then(hub, name):
    runs: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(n: int, ctx: tl.Context) -> None:
        runs.put_nowait((n, ctx.message.priority))

    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, classes={"high": 5, "low": 1}))
        await client.enqueue(name, 1, delay_s=1.5, priority="high", key="k")
        await client.enqueue(name, 2, delay_s=1.5, priority="low")
        with pytest.raises(QueueClassUnknownError):
            await client.enqueue(name, 3, delay_s=1.5, priority="none")
        settings = {"classes": {"high": 5}, "max_messages": 10, "concurrency_per_key": 1, "partitions": 8}
        await client.queues.declare(tl.Queue(name, **settings))
        found = {message.priority: spot for spot, message in await lying(hub, limited(name), name, 2)}
        partition = str(queueing.partition("k", 8))
        assert (found["high"].priority, found["high"].partition) == ("high", partition)
        assert found["low"].priority == "normal", "the class is gone"
        assert await stored(hub, "TASKS_default", name) == []
        async with hub.serving(agent):
            assert {await asyncio.wait_for(runs.get(), 20) for _ in range(2)} == {(1, "high"), (2, "low")}


async def test_a_delayed_messages_time_begins_when_it_enters_and_its_key_counts_from_the_sending(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, expires_after_s=100, dedupe_window_s=60))
        now = datetime.now(UTC)
        first = await client.enqueue(name, 1, delay_s=2, dedupe_key="d")
        again = await client.enqueue(name, 1, delay_s=2, dedupe_key="d")
        at_once = await client.enqueue(name, 1, dedupe_key="d")
        assert (again.id, again.duplicate) == (at_once.id, at_once.duplicate) == (first.id, True)
        await client.enqueue(name, 2, delay_s=2, expires_in_s=7)
        found = {message.id: message for _spot, message in await lying(hub, "TASKS_default", name, 2)}
        ends = [datetime.fromisoformat(message.expirytime) - now for message in found.values()]
        assert first.id in found
        assert sorted(round(end.total_seconds()) for end in ends) in ([9, 102], [10, 103], [9, 103], [10, 102])


async def test_a_schedule_fires_into_a_class_of_its_queue(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, classes={"high": 4}, expires_after_s=50))
        wanted = ScheduleDeclaration(cron=NEW_YEAR, queue=name, priority="high", key="k")
        with pytest.raises(QueueClassUnknownError):
            await client.schedules.declare(name, ScheduleDeclaration(cron=NEW_YEAR, queue=name, priority="none"))
        with pytest.raises(RequestInvalidError):
            await client.schedules.declare(name, ScheduleDeclaration(cron=NEW_YEAR, event="x", priority="high"))
        await client.schedules.declare(name, wanted)
        await client.schedules.run(name)
        ((spot, message),) = await lying(hub, "TASKS_default", name)
        assert (spot.priority, message.priority, message.partitionkey) == ("high", "high", "k")
        assert message.expirytime is not None
        await client.queues.declare(tl.Queue(name, max_in_flight=50))
        assert [lane.depth for lane in (await client.queues.get(name)).lanes if lane.priority == "high"] == [1]


async def test_a_message_put_off_comes_back_to_its_class_in_the_queues_own_stream(hub, name, soon):
    runs: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(tl.Queue(name, classes={"high": 4}, max_messages=5), retry=tl.Retry(max_attempts=3))
    async def work(n: int, ctx: tl.Context) -> None:
        runs.put_nowait((n, ctx.attempt, ctx.message.priority))
        if ctx.attempt == 1:
            raise tl.RetryAfterError(1.5)

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, 7, priority="high")
        assert await asyncio.wait_for(runs.get(), 20) == (7, 1, "high")

        async def waits():
            return [item for item in (await client.scheduled.list(limit=500)).items if item.target == name]

        (item,) = await eventually(waits)
        assert (item.kind, item.by) == ("retry", "admin")
        assert (await client.queues.get(name)).in_flight == 0
        assert await asyncio.wait_for(runs.get(), 20) == (7, 2, "high")
        assert (await client.dead_letters.list(reader=name)).items == []


async def test_an_ordered_queue_puts_nothing_off(hub, name, soon):
    """Else the next message of the key would be done before."""
    runs: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(tl.Queue(name, concurrency_per_key=1), concurrency=4)
    async def work(n: int, ctx: tl.Context) -> None:
        runs.put_nowait((n, ctx.attempt))
        if n == 1 and ctx.attempt == 1:
            raise tl.RetryAfterError(0.5)

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, 1, key="k")
        await client.enqueue(name, 2, key="k")
        assert [await asyncio.wait_for(runs.get(), 20) for _ in range(3)] == [(1, 1), (1, 2), (2, 1)]


async def test_a_dead_letter_is_redriven_to_where_its_queue_lies_now(hub, name):
    runs: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)
    healed = False

    @agent.task(name, retry=tl.Retry(max_attempts=1))
    async def work(n: int) -> None:
        if not healed:
            raise ValueError
        runs.put_nowait(n)

    async with hub.connected() as client:
        async with hub.serving(agent):
            await client.enqueue(name, 5, key="k")
            (letter,) = await dead_letters(hub, name)
        healed = True
        await client.queues.declare(tl.Queue(name, max_messages=5, concurrency_per_key=1, partitions=3))
        redriven = await client.dead_letters.redrive(letter["id"])
        spot = queueing.spot(redriven.subject)
        assert (spot.root, spot.partition) == ("limited", str(queueing.partition("k", 3)))
        async with hub.serving(agent):
            assert await asyncio.wait_for(runs.get(), 20) == 5


async def test_the_gate_places_work_by_class_and_refuses_one_that_is_not_there(hub, name):
    token = await hub.token("queues:submit", principal=f"{name}-s")
    async with hub.client() as admin, hub.connected(token) as client:
        await admin.queues.declare(tl.Queue(name, classes={"high": 4}, max_messages=3))
        await client.enqueue(name, 1, priority="high", expires_in_s=100)
        with pytest.raises(QueueClassUnknownError):
            await client.enqueue(name, 2, priority="none")
        raw = ce.new_envelope(type="t", source="/x", data=b"1", priority="none")
        with pytest.raises(QueueClassUnknownError):
            await client._submit(subjects.gate_task("default", f"{name}-s", name), raw, 1, None)
        ((spot, message),) = await lying(hub, limited(name), name)
        assert (spot.priority, spot.principal) == ("high", f"{name}-s")
        assert message.expirytime is not None
        later = await client.enqueue(name, 3, priority="high", delay_s=3600)
        assert (await admin.scheduled.cancel(later.id)) is None


async def test_what_expired_and_what_was_dropped_say_so_in_their_trace(hub, name):
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(rules=[tl.OnError(ValueError, then="drop")]))
    async def work(n: int) -> None:
        raise ValueError

    async with hub.serving(agent), hub.connected() as client:
        late = await client.enqueue(name, 1, expires_in_s=0)
        dropped = await client.enqueue(name, 2)
        for ack, outcome in ((late, "expired"), (dropped, "dropped")):

            async def told(ack=ack, outcome=outcome):
                try:
                    trace = await client.trace(ack.id)
                except NotFoundError:
                    return False
                return [one.outcome for one in trace.roots[0].handlings] == [outcome]

            await eventually(told)


async def test_what_was_done_in_time_does_not_expire_when_it_comes_again(hub, name, tmp_path):
    runs: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name, once=tmp_path / "h.db")

    @agent.task(name)
    async def work(n: int) -> None:
        runs.put_nowait(n)

    async with hub.serving(agent), hub.connected() as client:
        moment = datetime.now(UTC).timestamp() + 1.0
        until = datetime.fromtimestamp(moment, UTC)
        await client.enqueue(name, 1, id=name, expires_at=until)
        assert await asyncio.wait_for(runs.get(), 20) == 1
        await asyncio.sleep(max(0.0, moment - datetime.now(UTC).timestamp()) + 0.01)
        message = ce.new_envelope(type="t", source="/x", data=b"1", id=name, expirytime=until.isoformat())
        where = subjects.tasks_stream("default"), subjects.task("default", name, "admin")
        await client.store(*where, ce.encode(message), msg_id=f"again {name}")
        await client.enqueue(name, 2)
        assert await asyncio.wait_for(runs.get(), 20) == 2

        async def is_empty():
            queue = await client.queues.get(name)
            return queue.depth == queue.in_flight == 0

        await eventually(is_empty)
        assert (await client.dead_letters.list(reader=name)).items == []
    assert runs.empty()
