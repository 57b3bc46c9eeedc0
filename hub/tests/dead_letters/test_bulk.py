"""Redriving edited, elsewhere, and thousands at once: exactly those meant, none twice, whoever dies meanwhile."""

import asyncio
from collections import Counter

import msgspec
import pytest
import trunkline as tl
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import (
    BulkCountError,
    DeadLetterUneditableError,
    QueueUnknownError,
    RequestInvalidError,
)
from trunkline.protocol.resources import EditedPayload, LetterFilter, QueueDeclaration
from trunkline.wire import header_lines
from trunkline_hub.dead_letters import model

from support.hub import eventually
from support.letters import dead_letters, history, publish_raw

ONCE = tl.Retry(max_attempts=1)


class Order(msgspec.Struct):
    amount: int


class Patient:
    """An agent that fails until it is healed."""

    def __init__(self, name, queue=None, **options):
        self.agent = tl.Agent(name)
        self.healed = asyncio.Event()
        self.done = []

        @self.agent.task(queue or name, **({"retry": ONCE, "concurrency": 50} | options))
        async def work(order: Order, ctx: tl.Context) -> None:
            if not self.healed.is_set():
                raise RuntimeError("not healed")
            self.done.append((ctx.id, order.amount, ctx.correlation_id, ctx.traceparent))


async def test_an_edited_letter_is_sent_with_new_data_and_everything_else_as_it_was(hub, name):
    patient = Patient(name)
    patient.healed.set()
    async with hub.serving(patient.agent), hub.connected() as client:
        ack = await client.enqueue(name, {"amount": "ten"}, key="k", correlation_id="c-1")
        (letter,) = await dead_letters(hub, name)
        before = await history(hub, letter["id"], 1)
        await client.dead_letters.redrive(letter["id"], edited=EditedPayload(data={"amount": 10}))
        await eventually(lambda: patient.done)
        assert patient.done == [(ack.id, 10, "c-1", letter["traceparent"])], "id, correlation and trace are the same"
        (after,) = await dead_letters(hub, name)
        assert after["edited_by"] == "admin"
        kept = (await hub.admin("GET", f"dead-letters/{letter['id']}")).json
        assert kept["payload"] == before["payload"], "the letter keeps the original"
        trail = (await hub.admin("GET", "audit")).json["items"]
        row = next(e for e in trail if e["action"] == "dead_letter.redriven" and e["resource"].endswith(letter["id"]))
        assert row["detail"]["edited"] is True


async def test_what_has_no_data_cannot_be_edited(hub, name):
    patient = Patient(name)
    async with hub.serving(patient.agent), hub.connected() as client:
        await publish_raw(hub, name, b"junk")
        (letter,) = await dead_letters(hub, name)
        with pytest.raises(DeadLetterUneditableError):
            await client.dead_letters.redrive(letter["id"], edited=EditedPayload(data=1))
        for body in (b'{"edited": 1}', b'{"edited": {}}', b'{"queue": 5}', b"[]", b"{"):
            answer = await hub.admin("POST", f"dead-letters/{letter['id']}/redrive", raw=body)
            assert answer.status in {400, 422}, body
        large = {"edited": {"data": "x" * 2**20}}
        await client.enqueue(name, {"amount": 1})
        second, _ = await dead_letters(hub, name, 2)
        answer = await hub.admin("POST", f"dead-letters/{second['id']}/redrive", json=large)
        assert (answer.status, answer.pointers) == (422, ["/edited/data"])
        assert (await client.dead_letters.list(reader=name, waiting=True)).items[0].id == second["id"]


async def test_an_edit_keeps_attributes_that_nobody_here_knows(hub, name):
    patient = Patient(name)
    raw = (
        b'{"specversion":"1.0","id":"i-%s","source":"/x","type":"t","myown":"kept","data_base64":"AA=="}'
        % name.encode()
    )
    async with hub.serving(patient.agent), hub.connected() as client:
        await publish_raw(hub, name, raw)
        (letter,) = await dead_letters(hub, name)
        await client.queues.declare(f"{name}-b", QueueDeclaration())
        await client.dead_letters.redrive(letter["id"], edited=EditedPayload(data=None), queue=f"{name}-b")
        (message,) = (await client.queues.peek(f"{name}-b")).items
        assert (message.payload["myown"], message.payload["data"], "data_base64" in message.payload) == (
            "kept",
            None,
            False,
        )
        assert message.headers["Tl-Edited-By"] == "admin"


async def test_a_letter_goes_to_another_queue_and_its_history_goes_with_it(hub, name):
    first, second = Patient(name), Patient(f"{name}-b")
    async with hub.serving(first.agent), hub.serving(second.agent), hub.connected() as client:
        ack = await client.enqueue(name, {"amount": 1})
        (letter,) = await dead_letters(hub, name)
        with pytest.raises(QueueUnknownError):
            await client.dead_letters.redrive(letter["id"], queue="nowhere")
        await client.dead_letters.redrive(letter["id"], queue=f"{name}-b")
        (again,) = await dead_letters(hub, f"{name}-b")
        detail = await history(hub, again["id"], 2)
        assert [life["reader"] for life in detail["lives"]] == [name, f"{name}-b"]
        assert [attempt["agent"] for attempt in detail["history"]] == [name, f"{name}-b"]
        second.healed.set()
        await client.dead_letters.redrive(again["id"], edited=EditedPayload(data={"amount": 2}))
        await eventually(lambda: second.done)
        assert second.done[0][:2] == (ack.id, 2)


async def test_a_letter_cannot_claim_the_history_of_another(hub, name):
    """`Tl-Redrive-Of` is the letter's own word; only what was redriven to its reader counts."""
    patient, other = Patient(name), Patient(f"{name}-b")
    async with hub.serving(patient.agent), hub.serving(other.agent), hub.connected() as client:
        await client.enqueue(name, {"amount": 1})
        (victim,) = await dead_letters(hub, name)
        await publish_raw(hub, f"{name}-b", b"junk", headers={frames.HEADER_REDRIVE_OF: victim["id"]})
        (liar,) = await dead_letters(hub, f"{name}-b")
        detail = await history(hub, liar["id"], 1)
        assert [life["letter_id"] for life in detail["lives"]] == [liar["id"]]


async def kill_all(hub, client, name, count, amounts=None):
    await asyncio.gather(*(client.enqueue(name, {"amount": (amounts or (lambda n: n))(n)}) for n in range(count)))

    async def counted():
        return (await client.dead_letters.summary(reader=name)).waiting >= count

    await eventually(counted, timeout_s=60)


async def test_all_that_match_are_redriven_in_a_job_and_nothing_else(hub, name):
    patient, bystander = Patient(name), Patient(f"{name}-by")
    async with hub.serving(patient.agent), hub.serving(bystander.agent), hub.connected() as client:
        await kill_all(hub, client, name, 700)
        await kill_all(hub, client, f"{name}-by", 3)
        await client.enqueue(name, "no order")
        await eventually(lambda: _waiting(client, name, 701))
        wanted = LetterFilter(reader=name, reason="attempts_exhausted")
        plan = await client.dead_letters.redrive_all(wanted, dry_run=True)
        assert (plan.count, len(plan.sample), plan.job) == (700, 10, None)
        with pytest.raises(BulkCountError):
            await client.dead_letters.redrive_all(wanted, expected_at_most=699)
        patient.healed.set()
        work = await client.dead_letters.redrive_all(wanted)
        ended = await client.jobs.wait(work.job.id, timeout_s=30)
        assert (ended.state, ended.done, ended.total, ended.failed) == ("completed", 700, 700, 0)
        await eventually(lambda: len(patient.done) == 700)
        assert max(Counter(done[0] for done in patient.done).values()) == 1
        assert await _waiting(client, name, 1) and await _waiting(client, f"{name}-by", 3)
        one = (await client.dead_letters.list(reader=name, state="redriven", limit=1)).items[0]
        assert (one.redriven_by, one.job_id) == ("admin", work.job.id)
        again = await client.dead_letters.redrive_all(wanted)
        assert (await client.jobs.wait(again.job.id, timeout_s=20)).result == {
            "redriven": 0,
            "failed": 0,
            "failures": [],
        }


async def _waiting(client, name, count):
    return (await client.dead_letters.summary(reader=name)).waiting == count


async def test_what_dies_again_in_a_bulk_redrive_is_not_taken_again_and_its_history_grows(hub, name):
    patient = Patient(name)
    async with hub.serving(patient.agent), hub.connected() as client:
        await kill_all(hub, client, name, 20)
        for life in (2, 3):
            work = await client.dead_letters.redrive_all(LetterFilter(reader=name))
            ended = await client.jobs.wait(work.job.id, timeout_s=20)
            assert ended.result == {"redriven": 20, "failed": 0, "failures": []}
            await eventually(lambda: _waiting(client, name, 20))
            newest = (await client.dead_letters.list(reader=name, waiting=True, limit=1)).items[0]
            detail = await history(hub, newest.id, life)
            assert len(detail["lives"]) == len(detail["history"]) == life
            assert {one["message_id"] for one in detail["history"]} == {newest.message_id}


async def test_a_letter_that_cannot_be_sent_does_not_stop_the_others(hub, name):
    patient = Patient(name)
    async with hub.serving(patient.agent), hub.connected() as client:
        await kill_all(hub, client, name, 5)
        index = hub.component("dead-letter-index")
        token = frames.HEADER_SUBJECT
        headers = {token: "tl.default.tasks.other.normal.0.admin", frames.HEADER_REASON: "forged"}
        await index._bus.store(
            subjects.dead_stream("default"), subjects.dead("default", "x", "queue", name), b"{}",
            msg_id=f"forged-{name}", headers=header_lines(headers),
        )  # fmt: skip
        await eventually(lambda: _waiting(client, name, 6))
        patient.healed.set()
        work = await client.dead_letters.redrive_all(LetterFilter(reader=name))
        ended = await client.jobs.wait(work.job.id, timeout_s=20)
        assert (ended.state, ended.done, ended.failed) == ("completed", 5, 1)
        (failure,) = ended.result["failures"]
        (left,) = (await client.dead_letters.list(reader=name, waiting=True)).items
        assert failure["id"] == left.id and "not where" in failure["error"]


async def test_a_bulk_redrive_is_paced_paused_resumed_and_cancelled(hub, name):
    patient = Patient(name)
    async with hub.serving(patient.agent), hub.connected() as client:
        await kill_all(hub, client, name, 60)
        patient.healed.set()
        work = await client.dead_letters.redrive_all(LetterFilter(reader=name), rate_per_s=20)
        await eventually(lambda: len(patient.done) >= 5)
        await client.jobs.pause(work.job.id)

        async def in_state(state):
            job = await client.jobs.get(work.job.id)
            return job if job.state == state else None

        paused = await eventually(lambda: in_state("paused"))
        assert 5 <= paused.done < 60
        await eventually(lambda: len(patient.done) == paused.done)
        await client.jobs.resume(work.job.id)
        await eventually(lambda: len(patient.done) > paused.done)
        await client.jobs.cancel(work.job.id)
        ended = await client.jobs.wait(work.job.id, timeout_s=20)
        assert ended.state == "cancelled"
        await eventually(lambda: _waiting(client, name, 60 - ended.done))
        with pytest.raises(RequestInvalidError):
            await client.dead_letters.redrive_all(LetterFilter(reader=name), rate_per_s=-1)
        with pytest.raises(QueueUnknownError):
            await client.dead_letters.redrive_all(LetterFilter(reader=name), queue="nowhere")


async def test_events_are_redriven_in_bulk_to_the_one_group(hub, name):
    agent, done, healed = tl.Agent(name), [], asyncio.Event()

    @agent.on(f"{name}.e", group=name, retry=ONCE)
    async def follow(n: int) -> None:
        if not healed.is_set():
            raise RuntimeError
        done.append(n)

    async with hub.serving(agent), hub.connected() as client:
        for n in range(10):
            await client.publish(f"{name}.e", n)
        await eventually(lambda: _waiting(client, name, 10))
        healed.set()
        work = await client.dead_letters.redrive_all(LetterFilter(lane="group", reader=name))
        assert (await client.jobs.wait(work.job.id, timeout_s=20)).done == 10
        await eventually(lambda: sorted(done) == list(range(10)))


@pytest.mark.parametrize("when", [pytest.param("sent and not marked", marks=pytest.mark.slow), "marked and not told"])
async def test_another_hub_finishes_a_redrive_whose_hub_died(
    own_hub, clock, name, when, request, tmp_path, monkeypatch
):
    """Each message is handled once: what was sent already is known to the broker by its id."""
    monkeypatch.setattr(model, "_BATCH", 500)  # so that 600 letters are two of them
    first = await own_hub(clock=clock, hub_id="first")
    patient = Patient(name)
    async with first.serving(patient.agent), first.connected() as client:
        await kill_all(first, client, name, 600)
        works = first.component("jobs")._kinds["dead_letters.redrive"].__self__
        runner, reached = first.component("jobs"), asyncio.Event()

        async def die():
            reached.set()
            await asyncio.Event().wait()

        if when == "sent and not marked":
            send = works._send

            async def send_and_die(parcels):
                await send(parcels)
                await die()

            works._send = send_and_die
        else:
            batches = works._batches

            async def die_after_the_first(run, look_up):
                async for batch in batches(run, look_up):
                    yield batch
                    await die()

            works._batches = die_after_the_first
        patient.healed.set()
        work = await client.dead_letters.redrive_all(LetterFilter(reader=name))
        await asyncio.wait_for(reached.wait(), 20)
        runner._runs[work.job.id]._fence = -1
        runner._claim = _nothing
        runner._kinds.clear()
        second = await own_hub(clock=clock, hub_id="second")
        clock.forward(60)
        async with second.client() as other:
            ended = await other.jobs.wait(work.job.id, timeout_s=30)
        assert (ended.state, ended.done, ended.failed) == ("completed", 600, 0)
        await eventually(lambda: len(patient.done) == 600)
        assert max(Counter(done[0] for done in patient.done).values()) == 1


async def _nothing(_slots):
    return []


async def test_a_full_queue_holds_a_redrive_up_and_loses_nothing(own_hub, name):
    hub = await own_hub(bus={"tasks_max_bytes": 2**20})
    patient = Patient(name, concurrency=4)
    async with hub.serving(patient.agent), hub.connected() as client:
        text = "x" * 20_000
        for n in range(80):
            await client.enqueue(name, {"amount": n, "text": text})
        await eventually(lambda: _waiting(client, name, 80))
        await client.queues.pause(name)
        patient.healed.set()
        work = await client.dead_letters.redrive_all(LetterFilter(reader=name))

        async def held_up():
            job = await client.jobs.get(work.job.id)
            return job.error and job.state == "running"

        await eventually(held_up)
        await client.queues.resume(name)
        ended = await client.jobs.wait(work.job.id, timeout_s=40)
        assert (ended.state, ended.done) == ("completed", 80)
        await eventually(lambda: len(patient.done) == 80)
