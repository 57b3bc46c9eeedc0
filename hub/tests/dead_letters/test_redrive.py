"""Dead letters: found, filtered, sent back to where they came from and nowhere else."""

import asyncio

import msgspec
import pytest
import trunkline as tl
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import DeadLetterRedrivenError, DeadLetterUnknownError

from support.hub import eventually
from support.letters import dead_letters, history, raw_client

ONCE = tl.Retry(max_attempts=1)
TWICE = tl.Retry(max_attempts=2, base_s=0.01)


def failing(
    name: str, healed: asyncio.Event, done: asyncio.Queue, retry=TWICE, lane: str = "queue", **options
) -> tl.Agent:
    agent = tl.Agent(name)
    decorate = agent.task(name, retry=retry) if lane == "queue" else agent.on(f"{name}.e", group=name, retry=retry)

    @decorate
    async def work(n: int, ctx: tl.Context) -> None:
        if not healed.is_set():
            raise RuntimeError(f"still broken at {ctx.attempt}")
        done.put_nowait((n, ctx.id, ctx.attempt))

    return agent


async def test_a_redriven_letter_goes_back_to_its_queue_under_its_own_id(hub, name):
    healed, done = asyncio.Event(), asyncio.Queue()
    async with hub.serving(failing(name, healed, done)), hub.connected() as client:
        ack = await client.enqueue(name, 7)
        (letter,) = await dead_letters(hub, name)
        assert letter["redriven_at"] is None
        healed.set()
        redriven = await client.dead_letters.redrive(letter["id"])
        assert await asyncio.wait_for(done.get(), 20) == (7, ack.id, 1)
        assert redriven.message_id == ack.id
        (after,) = await dead_letters(hub, name)
        assert (after["redriven_by"], after["redriven_at"] is not None) == ("admin", True)
        with pytest.raises(DeadLetterRedrivenError):
            await client.dead_letters.redrive(letter["id"])
        assert (await client.dead_letters.list(reader=name, waiting=True)).items == []
        assert len((await client.dead_letters.list(reader=name, waiting=False)).items) == 1
        audit = (await hub.admin("GET", "audit", params={"limit": 20})).json["items"]
        assert [e for e in audit if e["action"] == "dead_letter.redriven" and e["resource"].endswith(letter["id"])]
    assert done.empty()


async def test_a_second_redrive_is_refused_over_http(hub, name):
    healed, done = asyncio.Event(), asyncio.Queue()
    async with hub.serving(failing(name, healed, done, retry=ONCE)), hub.connected() as client:
        await client.enqueue(name, 7)
        (letter,) = await dead_letters(hub, name)
        healed.set()
        path = f"dead-letters/{letter['id']}/redrive"
        answers = await asyncio.gather(*(hub.admin("POST", path) for _ in range(4)))
        assert {answer.status for answer in answers} <= {200, 409}
        late = await hub.admin("POST", path)
        assert (late.status, late.code) == (409, "dead_letter.redriven")
        assert await asyncio.wait_for(done.get(), 20)
        await client.enqueue(name, 8)
        assert (await asyncio.wait_for(done.get(), 20))[0] == 8, "however often it was asked for, it came once"


async def test_a_redriven_event_reaches_only_the_group_that_failed(hub, name):
    healed, done, others = asyncio.Event(), asyncio.Queue(), asyncio.Queue()
    bystander = tl.Agent(f"{name}-by")

    @bystander.on(f"{name}.e", group=f"{name}-by")
    async def watch(n: int) -> None:
        others.put_nowait(n)

    agent = failing(name, healed, done, lane="group")
    async with hub.serving(agent), hub.serving(bystander), hub.connected() as client:
        ack = await client.publish(f"{name}.e", 7)
        assert await asyncio.wait_for(others.get(), 20) == 7
        (letter,) = await dead_letters(hub, name)
        assert (letter["lane"], letter["reader"]) == ("group", name)
        healed.set()
        await client.dead_letters.redrive(letter["id"])
        assert await asyncio.wait_for(done.get(), 20) == (7, ack.id, 1)
        await client.publish(f"{name}.e", 8)
        assert await asyncio.wait_for(others.get(), 20) == 8
        assert (await asyncio.wait_for(done.get(), 20))[0] == 8
        log = (await client.events.query(type=f"{name}.e")).items
        assert [event.event["data"] for event in log] == [7, 8], "the log itself shows no second event"
    assert others.empty()


@pytest.mark.parametrize("lane", ["queue", "group"])
async def test_a_letter_that_dies_again_shows_its_whole_history(hub, name, lane):
    healed, done = asyncio.Event(), asyncio.Queue()
    async with hub.serving(failing(name, healed, done, lane=lane)), hub.connected() as client:
        await (client.enqueue(name, 7) if lane == "queue" else client.publish(f"{name}.e", 7))
        (first,) = await dead_letters(hub, name)
        await client.dead_letters.redrive(first["id"])
        second, _ = await dead_letters(hub, name, count=2)
        await client.dead_letters.redrive(second["id"])
        third, *_ = await dead_letters(hub, name, count=3)
        detail = await history(hub, third["id"], 6)
        assert [attempt["number"] for attempt in detail["history"]] == [1, 2] * 3
        assert [a.get("final", False) for a in detail["history"]] == [False, True] * 3
        assert len({letter["message_id"] for letter in (first, second, third)}) == 1
        healed.set()
        await client.dead_letters.redrive(third["id"])
        assert (await asyncio.wait_for(done.get(), 20))[0] == 7


async def test_letters_are_filtered_and_paged_newest_first(hub, name):
    healed, done = asyncio.Event(), asyncio.Queue()
    async with hub.serving(failing(name, healed, done, retry=ONCE)), hub.connected() as client:
        for n in range(5):
            await client.enqueue(name, n)
        await client.enqueue(name, "wrong type")
        everything = await dead_letters(hub, name, count=6)
        seen, cursor = [], None
        while True:
            page = await client.dead_letters.list(reader=name, limit=2, cursor=cursor)
            seen += [letter.id for letter in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert seen == [letter["id"] for letter in everything]
        assert len(set(seen)) == 6
        assert len((await client.dead_letters.list(reader=name, reason="invalid")).items) == 1
        assert len((await client.dead_letters.list(reader=name, lane="queue")).items) == 6
        assert (await client.dead_letters.list(reader=name, lane="group")).items == []
        assert (await hub.admin("GET", "dead-letters", params={"lane": "nonsense"})).status == 422


async def test_an_unknown_letter_is_told_as_such(hub):
    async with hub.client() as client:
        for act in (client.dead_letters.get, client.dead_letters.redrive):
            with pytest.raises(DeadLetterUnknownError):
                await act("nobody")


async def test_a_letter_of_another_workspace_is_unknown(hub, name):
    healed, done = asyncio.Event(), asyncio.Queue()
    async with hub.serving(failing(name, healed, done, retry=ONCE)), hub.connected() as client:
        await client.enqueue(name, 1)
        (letter,) = await dead_letters(hub, name)
    answer = await hub.admin("POST", f"/api/v1/w/other/dead-letters/{letter['id']}/redrive")
    assert (answer.status, answer.code) == (404, "dead_letter.unknown")


async def test_a_letters_death_is_published_as_a_fact(hub, name):
    healed, done = asyncio.Event(), asyncio.Queue()
    async with hub.serving(failing(name, healed, done, retry=ONCE)), hub.connected() as client:
        async with client.subscribe("trunkline.dead_letter.added") as facts:
            await client.enqueue(name, 1)
            while True:
                fact = await asyncio.wait_for(anext(facts), 20)
                data = msgspec.json.decode(bytes(fact.message.data))
                if data["reader"] == name:
                    break
    assert fact.sender == "hub"
    assert data["reason"] == "attempts_exhausted"


FORGED = {
    "another queue": "tl.default.tasks.other.normal.0.admin", "an event of the admin": "tl.default.events.admin.paid",
    "another workspace": "tl.other.tasks.{q}.normal.0.x", "nothing": "", "the hub's answer": "_INBOX_hub.x", "js": "$JS.API.STREAM.PURGE.X",
    "words": "tl.default.tasks.{q}.normal.0.x y 10", "wildcard": "tl.default.tasks.{q}.*.0.x", "dots": "tl.default.tasks.{q}..",
}  # fmt: skip


@pytest.mark.parametrize("where", FORGED, ids=FORGED)
async def test_a_letter_cannot_make_the_hub_carry_messages_elsewhere(hub, name, where):
    """Whoever reads a queue writes its dead letters, headers included; a redrive checks them."""
    token = await hub.token("agents:register", "queues:consume", principal=f"me-{name}")
    wanted = frames.Registration(readers=[frames.ReaderDeclaration(lane="queue", name=name)])
    await hub.http("PUT", f"agents/{name}", token=token, raw=msgspec.json.encode(wanted))
    headers = {frames.HEADER_SUBJECT: FORGED[where].replace("{q}", name), frames.HEADER_STREAM_SEQ: "\u00b2",
               frames.HEADER_DELIVERIES: "9" * 40, frames.HEADER_REASON: "r" * 900, frames.HEADER_ERROR: "e" * 9000,
               frames.HEADER_REDRIVE_OF: "x" * 900}  # fmt: skip
    async with raw_client(hub, token, name=f"agent {name} i") as client:
        await client.publish(subjects.dead("default", f"me-{name}", "queue", name), b"{}", headers=headers)
        await client.publish(
            subjects.attempts("default", f"me-{name}", "queue", name), b'{"stream_seq":18446744073709551615}'
        )
        await client.flush()
    (letter,) = await dead_letters(hub, name)
    answer = await hub.admin("POST", f"dead-letters/{letter['id']}/redrive")
    assert (answer.status, answer.code) == (409, "conflict")
    shown = await hub.admin("GET", f"dead-letters/{letter['id']}")
    assert shown.status == 200, shown.body
    await eventually(hub.is_ready)
