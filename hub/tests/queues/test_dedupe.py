"""De-duplication by key beyond the broker's window, over two hubs, both databases and a broker that dies."""

import asyncio

import pytest
import trunkline as tl
from trunkline.protocol.errors import RequestInvalidError
from trunkline.protocol.ids import new_token
from trunkline_hub.queues.events import DedupeSweep

from support.hub import FakeClock, Hub, eventually


@pytest.fixture
def remembering(name):
    return tl.Queue(name, dedupe_window_s=3600)


async def test_the_same_key_is_stored_once_and_answered_alike(hub, name, remembering):
    async with hub.connected() as client:
        await client.queues.declare(remembering)
        first = await client.enqueue(name, 1, dedupe_key="order-7")
        second = await client.enqueue(name, 2, dedupe_key="order-7")
        other = await client.enqueue(name, 3, dedupe_key="order-8")
        over_http = await hub.admin(
            "POST", f"queues/{name}/messages", json={"data": 4, "dedupe_key": "order-7", "id": "mine"}
        )
        plain = await client.enqueue(name, 5)
        assert (first.duplicate, second.duplicate, other.duplicate, plain.duplicate) == (False, True, False, False)
        assert (second.id, second.seq, second.stream) == (first.id, first.seq, first.stream)
        assert over_http.json == {"id": first.id, "seq": first.seq, "stream": first.stream, "duplicate": True}
        assert (await client.queues.get(name)).depth == 3


async def test_what_goes_through_the_hub_arrives_as_it_was_sent(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name, classes={"high": 2}, dedupe_window_s=60)
    async def work(job: dict, ctx: tl.Context) -> None:
        message = ctx.message
        done.put_nowait(
            (job, message.type, message.partitionkey, message.priority, message.correlationid, bool(message.expirytime))
        )

    async with hub.serving(agent), hub.connected() as client:
        job = {"text": "ä" * 5, "big": 2**60, "none": None}
        ack = await client.enqueue(
            name, job, type="job.x", key="k", priority="high", correlation_id="c", expires_in_s=60, dedupe_key="d"
        )
        assert await asyncio.wait_for(done.get(), 10) == (job, "job.x", "k", "high", "c", True)
        again = await client.enqueue(name, job, dedupe_key="d")
        assert (again.duplicate, again.id) == (True, ack.id), "also when it is long done"


async def test_a_queue_that_remembers_nothing_says_so(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name))
        for key in ("k", ""):
            with pytest.raises(RequestInvalidError) as refused:
                await client.enqueue(name, 1, dedupe_key=key)
            assert refused.value.errors[0].pointer == "header:Tl-Dedupe-Key"


@pytest.mark.slow
async def test_many_at_once_through_two_hubs_store_one(broker, own_hub, postgres, tmp_path, request, name):
    for kind in ("sqlite", "postgres"):
        url = f"sqlite:///{tmp_path / f'{kind}.db'}" if kind == "sqlite" else await postgres.fresh()
        hubs = [await own_hub(url=url, hub_id=f"h{number}-{kind}") for number in (1, 2)]
        queue = f"{name}-{kind}"
        async with hubs[0].connected() as first, hubs[1].connected() as second:
            await first.queues.declare(tl.Queue(queue, dedupe_window_s=3600))
            acks = await asyncio.gather(
                *(client.enqueue(queue, n, dedupe_key="one") for n in range(10) for client in (first, second))
            )
            assert len({(ack.id, ack.seq) for ack in acks}) == 1, kind
            assert [ack.duplicate for ack in acks].count(False) == 1, kind
            assert (await first.queues.get(queue)).depth == 1
        for hub in hubs:
            await hub.stop()


async def test_a_key_may_come_again_when_its_window_is_over_and_is_swept(own_hub, clock, name):
    hub = await own_hub(clock=clock)
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, dedupe_window_s=600))
        await client.enqueue(name, 1, dedupe_key="k")
        clock.forward(599)
        assert (await client.enqueue(name, 1, dedupe_key="k")).duplicate
        clock.forward(2)
        assert not (await client.enqueue(name, 2, dedupe_key="k")).duplicate
        await client.enqueue(name, 2, dedupe_key="k2")
        sweep: DedupeSweep = hub.component("dedupe-sweep")
        assert await sweep.sweep() == 0
        clock.forward(601)
        assert await sweep.sweep() == 2
        assert (await client.queues.get(name)).depth == 3


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_broker_that_fails_after_the_key_was_written_costs_nothing(
    broker, own_hub, postgres, tmp_path, name, kind
):
    """The intent stands, the deed failed: whoever comes with the key again does it, once, under the first one's id."""
    hub = await own_hub(url=f"sqlite:///{tmp_path / 'x.db'}" if kind == "sqlite" else await postgres.fresh())
    await hub.admin("PUT", f"queues/{name}", json={"dedupe_window_s": 3600})
    hub.component("bus").publisher._give_up_s = 1.0
    await broker.kill()

    async def send(n: int):
        return await hub.admin("POST", f"queues/{name}/messages", json={"data": n, "dedupe_key": "k", "id": f"id-{n}"})

    failed = await send(1)
    assert failed.status == 503
    await broker.start()
    await eventually(hub.is_ready)
    second, third = await send(2), await send(3)
    assert (second.status, third.status) == (201, 201)
    assert second.json["id"] == third.json["id"] == "id-1"
    assert third.json["duplicate"]

    async def shown():
        answer = await hub.admin("GET", f"queues/{name}")
        return answer.json if answer.status == 200 else None

    assert (await eventually(shown))["depth"] == 1  # three brokers that come back elect their leaders first


async def test_an_outcome_that_was_lost_is_found_again(own_hub, name, monkeypatch):
    """The hub dies between deed and outcome: the broker knows the id, so the next one with the key doubles nothing."""
    hub = await own_hub()
    await hub.admin("PUT", f"queues/{name}", json={"dedupe_window_s": 3600})

    async def die(*_arguments, **_options) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr("trunkline_hub.queues.store.settle_send", die)
        lost = await hub.admin("POST", f"queues/{name}/messages", json={"data": 1, "dedupe_key": "k"})
        assert lost.status == 500
    again = await hub.admin("POST", f"queues/{name}/messages", json={"data": 1, "dedupe_key": "k"})
    assert (again.status, again.json["duplicate"]) == (201, True)
    assert (await hub.admin("GET", f"queues/{name}")).json["depth"] == 1


@pytest.mark.parametrize("key", ["ä\u0000\ud800"[:2], "x" * 1024, "' OR 1=1 --", "\u2028"])
async def test_any_text_can_be_a_key(hub, name, remembering, key):
    async with hub.connected() as client:
        await client.queues.declare(remembering)
        acks = [await client.enqueue(name, 1, dedupe_key=key) for _ in range(2)]
        assert [ack.duplicate for ack in acks] == [False, True]


@pytest.mark.parametrize(("field", "value"), [("id", "a\u0000b"), ("id", "x" * 600), ("dedupe_key", "x" * 1025)])
async def test_what_cannot_be_remembered_is_refused(hub, name, remembering, field, value):
    async with hub.client() as client:
        await client.queues.declare(remembering)
    body = {"data": 1, "dedupe_key": new_token(4)} | {field: value}
    answer = await hub.admin("POST", f"queues/{name}/messages", json=body)
    assert (answer.status, answer.pointers) == (422, [f"/{field}"])
