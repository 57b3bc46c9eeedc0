"""What readers and senders say of messages is their word: it goes no further than their own queue."""

import asyncio

import msgspec
import pytest
import trunkline as tl
from trunkline import deferral
from trunkline.protocol import frames, subjects
from trunkline.protocol.resources import (
    EditedPayload,
    LetterFilter,
    MessageFilter,
    MoveRequest,
    PurgeRequest,
    QueueDeclaration,
)

from support.hub import eventually
from support.letters import dead_letters, publish_raw, raw_client

ALL = PurgeRequest(to_dead_letters=True, expected_at_most=1)
BODY = b'{"specversion":"1.0","id":"1","source":"/x","type":"pay","data":1}'


async def reader(hub, name):
    """A principal that reads the queue `name`, and its token."""
    token = await hub.token("agents:register", "queues:consume", principal=f"me-{name}")
    wanted = frames.Registration(readers=[frames.ReaderDeclaration(lane="queue", name=name)])
    await hub.http("PUT", f"agents/{name}", token=token, raw=msgspec.json.encode(wanted))
    return token


async def put_off(hub, name, token, subject):
    async with raw_client(hub, token, name=f"agent {name} i") as raw:
        headers = {frames.HEADER_SUBJECT: subject, frames.HEADER_DUE: "2020-01-01T00:00:00Z"}
        await raw.publish(subjects.deferred("default", f"me-{name}", "queue", name), BODY, headers=headers)
        await raw.flush()


async def test_a_count_that_no_column_holds_is_cut(hub, name):
    token = await reader(hub, name)
    headers = {
        frames.HEADER_SUBJECT: f"tl.default.tasks.{name}.normal.0.x",
        frames.HEADER_STREAM_SEQ: "9" * 18,
        frames.HEADER_DELIVERIES: "9" * 18,
        frames.HEADER_MSG_ID: "a:b:" + "9" * 40,
    }
    async with raw_client(hub, token, name=f"agent {name} i") as raw:
        await raw.publish(subjects.dead("default", f"me-{name}", "queue", name), BODY, headers=headers)
        await raw.flush()
    (letter,) = await dead_letters(hub, name)
    assert letter["attempts"] == 2**31 - 1


async def test_a_sender_cannot_write_the_end_of_its_message(hub, name):
    """Headers that a hub would write on a letter are not taken over from the message."""
    forged = {
        frames.HEADER_DISCARDED_BY: "chief",
        frames.HEADER_DELIVERIES: "77",
        frames.HEADER_AGENT: "other",
        "tl-discarded-by": "chief",
        "X-Own": "kept",
    }
    async with hub.client() as client:
        await client.queues.declare(name, QueueDeclaration())
        await publish_raw(hub, name, BODY, headers=forged)
        work = await client.queues.purge(name, ALL)
        await client.jobs.wait(work.job.id)
        (letter,) = await dead_letters(hub, name)
        assert (letter["reason"], letter["discarded_by"], letter["agent"]) == ("purged", None, None)
        assert letter["attempts"] == 0
        assert (await client.dead_letters.get(letter["id"])).headers["X-Own"] == "kept"


async def test_what_a_reader_put_off_elsewhere_is_no_proof_of_its_sender(hub, name):
    await put_off(hub, name, await reader(hub, name), "tl.default.tasks.other.normal.0.chief")
    (letter,) = await dead_letters(hub, name)
    assert (letter["reason"], letter["sender"], letter["sender_verified"]) == ("unroutable", "chief", False)


@pytest.mark.parametrize("way", ["purged", "moved", "redriven"])
async def test_a_senders_name_that_a_reader_gave_does_not_leave_its_queue(hub, name, way):
    token = await reader(hub, name)
    async with hub.client() as client:
        await client.queues.declare(f"{name}-b", QueueDeclaration())
        await put_off(hub, name, token, f"tl.default.tasks.{name}.normal.0.chief")

        async def back():
            return (await client.queues.peek(name)).items

        (message,) = await eventually(back)
        assert message.sender == "chief"
        if way == "moved":
            work = await client.queues.move(name, MoveRequest(to=f"{name}-b", expected_at_most=1))
            await client.jobs.wait(work.job.id)
        else:
            work = await client.queues.purge(name, ALL)
            await client.jobs.wait(work.job.id)
            (letter,) = await dead_letters(hub, name)
            assert letter["sender_verified"] is False
            if way == "redriven":  # home and out again: the hub having stored it proves nothing
                await client.dead_letters.redrive(letter["id"])
                await eventually(back)
                work = await client.queues.purge(name, ALL)
                await client.jobs.wait(work.job.id)
                letter, _first = await dead_letters(hub, name, 2)
                assert letter["sender_verified"] is False
            await client.dead_letters.redrive(letter["id"], queue=f"{name}-b")
        (message,) = (await client.queues.peek(f"{name}-b")).items
        assert message.sender == "admin"


async def test_an_event_that_was_put_off_proves_its_sender_by_the_log(hub, name, monkeypatch):
    monkeypatch.setattr(deferral, "LONG_S", 0.1)
    agent = tl.Agent(name)

    @agent.on(f"{name}.e", group=name, retry=tl.Retry(max_attempts=2))
    async def work(_n: int) -> None:
        raise tl.RetryAfterError(0.3, "no")

    async with hub.serving(agent), hub.connected() as client:
        await client.publish(f"{name}.e", 1)
        (letter,) = await dead_letters(hub, name)
        assert (letter["sender"], letter["sender_verified"], letter["attempts"]) == ("admin", True, 2)


async def test_a_trace_knows_of_a_bulk_redrive(hub, name):
    agent, healed = tl.Agent(name), asyncio.Event()

    @agent.task(name, retry=tl.Retry(max_attempts=1))
    async def work(_n: int) -> None:
        if not healed.is_set():
            raise ValueError("no")

    async with hub.serving(agent), hub.connected() as client:
        ack = await client.enqueue(name, 1)
        await dead_letters(hub, name)
        healed.set()
        work_order = await client.dead_letters.redrive_all(LetterFilter(reader=name))
        await client.jobs.wait(work_order.job.id)

        async def known():
            try:
                (node,) = (await client.trace(ack.id)).roots
            except tl.TrunklineError:
                return None
            return node if [h.outcome for h in node.handlings] == ["dead", "handled"] else None

        node = await eventually(known)
        assert node.dead_letters[0].redriven_by == "admin"
        assert node.dead_letters[0].died_at <= node.dead_letters[0].redriven_at <= node.handlings[-1].started_at


async def test_of_two_who_redrive_one_is_told_that_the_other_did(hub, name):
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(max_attempts=1))
    async def work(_n: int) -> None:
        raise ValueError("no")

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, 1)
        (letter,) = await dead_letters(hub, name)
        answers = await asyncio.gather(*(hub.admin("POST", f"dead-letters/{letter['id']}/redrive") for _ in range(8)))
        lost = [answer for answer in answers if answer.status != 200]
        assert len(lost) == 7
        assert {(answer.status, answer.code) for answer in lost} == {(409, "dead_letter.redriven")}
        assert all("by admin" in answer.json["detail"] and "None" not in answer.json["detail"] for answer in lost)


BINARY = {
    "ce-specversion": "1.0",
    "ce-source": "/x",
    "ce-type": "scan.made",
    "ce-partitionkey": "k",
    "ce-myown": "kept",
}


async def test_a_message_in_binary_mode_is_found_moved_buried_and_redriven_as_it_is(hub, name):
    headers = BINARY | {"ce-id": f"i-{name}", "Content-Type": "image/png"}
    async with hub.client() as client:
        for queue in (name, f"{name}-b"):
            await client.queues.declare(queue, QueueDeclaration())
        await publish_raw(hub, name, b"\x89PNG", headers=headers)

        async def there():
            return (await client.queues.peek(name, type="scan.made", key="k")).items

        (message,) = await eventually(there)
        assert (message.id, message.payload_encoding) == (f"i-{name}", "base64")
        wanted = MoveRequest(to=f"{name}-b", filter=MessageFilter(type="scan.made"), expected_at_most=1)
        await client.jobs.wait((await client.queues.move(name, wanted)).job.id)
        await client.jobs.wait((await client.queues.purge(f"{name}-b", ALL)).job.id)
        (letter,) = await dead_letters(hub, f"{name}-b")
        assert (letter["message_id"], letter["type"]) == (f"i-{name}", "scan.made")
        await client.dead_letters.redrive(letter["id"])
        (message,) = (await client.queues.peek(f"{name}-b")).items
        assert {k: message.headers[k] for k in headers} == headers
        await client.jobs.wait((await client.queues.purge(f"{name}-b", ALL)).job.id)
        letter, _first = await dead_letters(hub, f"{name}-b", 2)
        await client.dead_letters.redrive(letter["id"], edited=EditedPayload(data={"n": 1}))
        (message,) = (await client.queues.peek(f"{name}-b")).items
        event = message.payload
        assert (event["id"], event["myown"], event["data"]) == (f"i-{name}", "kept", {"n": 1})
        assert "data_base64" not in event and not [h for h in message.headers if h.startswith("ce-")]


async def test_a_letter_whose_headers_were_changed_is_no_true_copy(hub, name):
    """In binary mode the event is in the headers: another type is another message."""
    token = await reader(hub, name)
    headers = BINARY | {"ce-id": "1"}
    await publish_raw(hub, name, b"", headers=headers)
    async with hub.client() as client:
        (message,) = await eventually(lambda: _items(client, name))
    told = {
        frames.HEADER_SUBJECT: f"tl.default.tasks.{name}.normal.0.raw-{name}",
        frames.HEADER_STREAM_SEQ: str(message.seq),
    }
    async with raw_client(hub, token, name=f"agent {name} i") as raw:
        for kind in ("scan.made", "scan.forged"):
            where = subjects.dead("default", f"me-{name}", "queue", name)
            await raw.publish(where, b"", headers=headers | told | {"ce-type": kind})
        await raw.flush()
    forged, true = await dead_letters(hub, name, 2)
    assert [(x["type"], x["sender_verified"]) for x in (true, forged)] == [("scan.made", True), ("scan.forged", False)]


async def _items(client, name):
    return (await client.queues.peek(name)).items
