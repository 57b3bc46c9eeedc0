"""Reading a part of the past over the bus and over HTTP."""

import asyncio
import base64
import json
import time
from datetime import UTC, datetime

import pytest
from support.hub import eventually
from support.letters import raw_client
from trunkline.protocol import subjects
from trunkline.protocol.errors import ClientClosedError, PermissionDeniedError, RequestInvalidError
from trunkline.protocol.resources import ReadingRequest, ReplayRequest, Selection
from trunkline_hub.bus.lines import from_line, to_line
from trunkline_hub.bus.log import Stored


async def read(client, *types, **options):
    async with asyncio.timeout(20):
        return [event async for event in client.replay(*types, **options)]


async def exported(client, **selection):
    raw = b"".join([piece async for piece in client.replays.export(Selection(**selection))])
    return [json.loads(line) for line in raw.splitlines()]


async def fill(client, name, count, *, start=0):
    return [await client.publish(f"{name}.made", {"n": n}) for n in range(start, start + count)]


async def test_a_replay_yields_all_of_the_past_in_order_and_ends_by_itself(hub, name):
    async with hub.connected() as client:
        acks = await asyncio.gather(*(client.publish(f"{name}.a", {"n": n}) for n in range(3000)))
        await client.publish(f"{name}.b")
        found = await read(client, f"{name}.a")
        assert [event.seq for event in found] == sorted(ack.seq for ack in acks)
        assert {event.sender for event in found} == {"admin"}
        assert sorted(json.loads(bytes(event.message.data))["n"] for event in found) == list(range(3000))


async def test_it_ends_at_what_was_the_newest_event_though_more_is_published(hub, name):
    async with hub.connected() as client:
        acks = await fill(client, name, 50)
        seen = []
        async for event in client.replay(f"{name}.>"):
            seen.append(event.seq)
            await client.publish(f"{name}.made", {"n": -1})
        assert seen == [ack.seq for ack in acks]


async def test_parts_are_chosen_by_place_time_subject_and_transaction(hub, name):
    async with hub.connected() as client:
        first, second, third = [
            await client.publish(f"{name}.x", {"n": n}, subject=f"s{n}", correlation_id=f"c{n % 2}-{name}")
            for n in range(3)
        ]
        page = await client.events.query(type=f"{name}.x")
        times = {event.seq: event.stored_at for event in page.items}

        async def seqs(**options):
            over_bus = [event.seq for event in await read(client, f"{name}.x", **options)]
            over_http = [line["seq"] for line in await exported(client, types=[f"{name}.x"], **options)]
            assert over_bus == over_http
            return over_bus

        assert await seqs(after_seq=first.seq) == [second.seq, third.seq]
        assert await seqs(until_seq=second.seq) == [first.seq, second.seq]
        assert await seqs(after_seq=first.seq, until_seq=second.seq) == [second.seq]
        assert await seqs(since=times[second.seq]) == [second.seq, third.seq]
        assert await seqs(until=times[second.seq]) == [first.seq]
        assert await seqs(since=times[second.seq], until=times[third.seq]) == [second.seq]
        assert await seqs(subject="s1") == [second.seq]
        assert await seqs(correlation_id=f"c0-{name}") == [first.seq, third.seq]
        assert await seqs(correlation_id=first.id) == [first.seq]
        assert await seqs(since="2999-01-01T00:00:00Z") == []
        assert await seqs(until="1999-01-01T00:00:00Z") == []
        assert await seqs(after_seq=2**60) == []


async def test_a_past_without_events_ends_at_once(hub, name):
    async with hub.connected() as client:
        assert await read(client, f"{name}.never") == []
        assert await exported(client, types=[f"{name}.never"]) == []


async def test_the_original_pace_can_be_kept_and_quickened(sqlite_hub, name):
    async with sqlite_hub.connected() as client:
        for n in range(3):
            await client.publish(f"{name}.p", n)
            await asyncio.sleep(0.3)

        async def took(**options):
            began = time.monotonic()
            assert len(await read(client, f"{name}.p", **options)) == 3
            return time.monotonic() - began

        assert await took(speed=1.0) >= 0.55
        assert await took(speed=100.0) < 0.55


async def test_a_slow_reader_is_waited_for_and_loses_nothing(sqlite_hub, name):
    """The broker sends on only when what it sent was taken: it does not pile up in this process."""
    async with sqlite_hub.connected() as writer:
        body = {"text": "x" * 20_000}
        acks = await asyncio.gather(*(writer.publish(f"{name}.big", body) for _ in range(1500)))
    async with sqlite_hub.connected(await sqlite_hub.token("events:read")) as client:
        reading = client.replay(f"{name}.big")
        seen = []
        most = 0
        async for event in reading:
            seen.append(event.seq)
            if len(seen) == 1:
                await asyncio.sleep(1.0)
                most = sum(len(msg.data) for msg in reading._got)
        assert seen == sorted(ack.seq for ack in acks)
        assert most < 1500 * 20_000


async def test_a_reading_goes_on_where_it_was_when_the_broker_comes_back(own_hub, broker, name):
    hub = await own_hub()
    async with hub.connected() as client:
        acks = await asyncio.gather(*(client.publish(f"{name}.r", {"t": "x" * 5000}) for _ in range(2000)))
        seen = []
        async with asyncio.timeout(60):
            async for event in client.replay(f"{name}.r"):
                seen.append(event.seq)
                if len(seen) == 100:
                    await broker.kill()
                    await broker.start()
                    await eventually(lambda: client.bus.is_up)
        assert seen == sorted(ack.seq for ack in acks)


async def test_what_is_lost_on_the_way_is_asked_for_again(sqlite_hub, name):
    async with sqlite_hub.connected() as client:
        acks = await fill(client, name, 300)
        reading = client.replay(f"{name}.>")
        receive, dropped = reading._receive, []

        async def lossy(msg):
            if not dropped and len(reading._got) > 5:
                dropped.append(msg)
                return
            await receive(msg)

        reading._receive = lossy
        async with asyncio.timeout(30):
            seen = [event.seq async for event in reading]
        assert dropped
        assert seen == [ack.seq for ack in acks]


async def test_what_is_no_event_is_left_out_and_counted(sqlite_hub, name):
    principal = f"p-{name}"
    token = await sqlite_hub.token("events:publish", principal=principal)
    async with raw_client(sqlite_hub, token) as raw:
        await raw.publish(subjects.event("default", principal, f"{name}.x"), b"no event\n\xff")
        await raw.flush()
    async with sqlite_hub.connected() as client:
        await client.publish(f"{name}.x", 1)
        reading = client.replay(f"{name}.x")
        assert len([event async for event in reading]) == 1
        assert reading.skipped == 1
        strange, plain = await exported(client, types=[f"{name}.x"])
        assert base64.b64decode(strange["raw_base64"]) == b"no event\n\xff"
        assert strange["sender"] == principal
        assert plain["event"]["data"] == 1


async def test_nobody_reads_into_another_ones_inbox_or_without_the_scope(hub, name):
    async with hub.client() as client:
        for inbox in ("_INBOX_somebody.x", "_INBOX_admin", "_INBOX_admin.*", "tl.default.events.admin.x"):
            with pytest.raises(RequestInvalidError) as caught:
                await client.api.post("/events/readings", dict, ReadingRequest(deliver_to=inbox))
            assert caught.value.errors[0].pointer == "/deliver_to"
        with pytest.raises(ClientClosedError):
            client.replay(name)
    async with hub.client(await hub.token("events:publish")) as writer:
        with pytest.raises(PermissionDeniedError):
            await exported(writer)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"types": ["a.>.b"]}, "types/0"), ({"since": "yesterday"}, "since"), ({"until": ""}, "until"),
        ({"after_seq": -1}, "after_seq"), ({"until_seq": 2**64}, "until_seq"),
    ],
)  # fmt: skip
async def test_a_wrong_selection_is_pointed_at_before_anything_is_sent(sqlite_hub, wrong, pointer):
    async with sqlite_hub.client() as client:
        with pytest.raises(RequestInvalidError) as caught:
            await client.replays.start(ReplayRequest(target="dry_run", **wrong))
        assert caught.value.errors[0].pointer.endswith(pointer)
        with pytest.raises(RequestInvalidError):
            await exported(client, **wrong)


MOMENT = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"specversion":"1.0"}', b'{"a":\n1}', b'{"a":1} ', b" {}", b"", b"\xff\xfe", b'{"a":"\xff"}', b'{"a":1', b"[1]",
        b'{"a":1}\r', b'{"a": 1.10000000000000000001, "b":"\\u0000"}', "{\"a\":\"ü\"}".encode(),
    ],
)  # fmt: skip
def test_a_line_gives_back_exactly_what_was_stored(payload):
    headers = {"Content-Type": "x", "ce-id": "é\n"}
    stored = Stored(seq=7, subject="tl.w.events.a.b", payload=payload, headers=headers, stored_at=MOMENT)
    line = to_line(stored)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert from_line(line) == stored
