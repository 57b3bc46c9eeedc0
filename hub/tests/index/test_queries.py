"""What the index finds, alone and together with the log behind it."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from trunkline.protocol import subjects
from trunkline.protocol.errors import RequestInvalidError

from support.index import caught_up, index_of, places
from support.letters import raw_client


async def every(client, **filters) -> list[int]:
    """Return the places on all pages of a query."""
    seen, cursor = [], None
    while True:
        page = await client.events.query(cursor=cursor, **filters)
        seen += [event.seq for event in page.items]
        cursor = page.next
        if cursor is None:
            return seen


async def test_what_was_just_published_is_found_at_once_whether_indexed_or_not(hub, name):
    async with hub.connected() as client:
        for n in range(30):
            ack = await client.publish(f"{name}.now", n, correlation_id=f"c-{name}")
            page = await client.events.query(correlation_id=f"c-{name}", newest=True, limit=3)
            assert page.items[0].seq == ack.seq
            assert page.indexed_up_to is not None and page.last_seq >= ack.seq
            assert len(await every(client, correlation_id=f"c-{name}", limit=500)) == n + 1


async def test_every_combination_of_filters_finds_what_a_walk_through_the_log_finds(hub, name):
    chance = random.Random(7)
    senders = [await hub.token("events:publish", principal=f"{name}-s{n}") for n in range(2)]
    stored = []
    for at, token in enumerate(senders):
        async with hub.connected(token) as client:
            for n in range(60):
                kind = chance.choice(["a", "b", "b.c", "b.c.d"])
                subject = chance.choice([None, "s1", "s2"])
                correlation = chance.choice([None, "k1", "k2"])
                ack = await client.publish(
                    f"{name}.{kind}", n, subject=subject and f"{name}-{subject}",
                    correlation_id=correlation and f"{name}-{correlation}", id=f"{name}-{at}-{n}",
                )  # fmt: skip
                stored.append((ack.seq, kind, subject, correlation, f"{name}-s{at}", f"{name}-{at}-{n}"))
    await caught_up(hub)
    patterns = {f"{name}.a": {"a"}, f"{name}.*": {"a", "b"}, f"{name}.>": {"a", "b", "b.c", "b.c.d"},
                f"{name}.b.*": {"b.c"}, f"{name}.b.>": {"b.c", "b.c.d"}}  # fmt: skip
    async with hub.client() as client:
        for pattern, kinds in patterns.items():
            for subject in (None, "s1"):
                for correlation in (None, "k2"):
                    for sender in (None, f"{name}-s1"):
                        expected = [
                            seq for seq, k, s, c, p, _ in stored
                            if k in kinds and subject in {None, s} and correlation in {None, c} and sender in {None, p}
                        ]  # fmt: skip
                        filters = {
                            "type": pattern, "subject": subject and f"{name}-{subject}", "sender": sender,
                            "correlation_id": correlation and f"{name}-{correlation}",
                        }  # fmt: skip
                        assert await every(client, limit=37, **filters) == expected, filters
                        assert await every(client, limit=37, newest=True, **filters) == expected[::-1], filters
        seq, *_, event_id = stored[17]
        assert await every(client, id=event_id) == [seq]


async def test_a_transaction_is_found_by_the_id_of_the_event_that_began_it(hub, name):
    async with hub.connected() as client:
        first = await client.publish(f"{name}.began", id=f"{name}-origin")
        second = await client.publish(f"{name}.went.on", correlation_id=f"{name}-origin")
        await caught_up(hub)
        assert await every(client, correlation_id=f"{name}-origin") == [first.seq, second.seq]
        assert await every(client, correlation_id=f"{name}-origin", newest=True) == [second.seq, first.seq]
        assert await every(client, correlation_id=f"{name}-origin", type=f"{name}.went.*") == [second.seq]
        assert await every(client, correlation_id=f"{name}-origin", newest=True, limit=1) == [second.seq, first.seq]


async def test_times_are_those_of_storing_and_until_leaves_its_moment_out(hub, name):
    async with hub.connected() as client:
        seqs = [(await client.publish(f"{name}.t", n)).seq for n in range(6)]
        times = [e.stored_at for e in (await client.events.query(type=f"{name}.t")).items]
        await caught_up(hub)
        assert await every(client, type=f"{name}.t", since=times[2]) == seqs[2:]
        assert await every(client, type=f"{name}.t", until=times[2]) == seqs[:2]
        assert await every(client, type=f"{name}.t", since=times[1], until=times[4], newest=True) == seqs[3:0:-1]
        past = (datetime.now(UTC) - timedelta(days=9)).isoformat()
        assert await every(client, type=f"{name}.t", until=past) == []
        with pytest.raises(RequestInvalidError):
            await client.events.query(until="noon")


async def test_a_trace_id_finds_all_that_was_sent_in_it(hub, name):
    async with hub.connected() as client:
        ack = await client.publish(f"{name}.traced")
        event = (await client.events.query(id=ack.id)).items[0].event
        await caught_up(hub)
        assert await every(client, trace_id=event["traceparent"].split("-")[1]) == [ack.seq]


async def test_what_is_no_cloudevent_is_indexed_as_such(hub, name):
    token = await hub.token("events:publish", principal=f"raw-{name}")
    async with raw_client(hub, token) as client:
        for payload in (b"\xff\x00 not json", b"[1,2]", b"{}", b'{"id": 7}', b'{"id":"x","type":"\\ud800"}', b""):
            await client.publish(subjects.event("default", f"raw-{name}", f"{name}.odd"), payload)
        await client.flush()
    async with hub.connected() as client:
        last = await client.publish(f"{name}.after")
        await caught_up(hub)
        assert len(await places(hub, type=f"{name}.odd")) == 6
        page = await client.events.query(type=f"{name}.odd", sender=f"raw-{name}")
        assert len(page.items) == 6
        assert (await places(hub, type=f"{name}.after")) == [last.seq]


async def test_names_that_only_look_like_patterns_or_are_longer_than_the_index_keeps(hub, name):
    long = "x" * 600
    async with hub.connected() as client:
        one = await client.publish(f"{name}.100%_.y", subject=long + "1")
        two = await client.publish(f"{name}.100a_.y", subject=long + "2")
        await caught_up(hub)
        assert await every(client, type=f"{name}.100%_.*") == [one.seq]
        assert await every(client, subject=long + "2") == [two.seq]
        assert await every(client, type=f"{name}.nothing.>") == []
        assert await every(client, type=f"{name}.>", sender="nobody-at-all") == []


async def test_another_workspace_finds_nothing_of_it(hub, name):
    async with hub.connected() as client:
        await client.publish(f"{name}.mine", subject=name, id=name, correlation_id=name)
    await caught_up(hub)
    token = await hub.token("*", workspace="other")
    for query in (f"id={name}", f"correlation_id={name}", f"subject={name}", f"type={name}.mine"):
        answer = await hub.http("GET", f"/api/v1/w/other/events?{query}", token=token)
        assert answer.json["items"] == []
    assert (await hub.http("GET", f"/api/v1/w/other/trace/{name}", token=token)).status == 404


async def test_without_an_index_the_log_answers(hub, name, monkeypatch):
    async with hub.connected() as client:
        acks = [await client.publish(f"{name}.log", n, correlation_id=name) for n in range(5)]

        async def gone(*_args, **_options):
            return None

        monkeypatch.setattr(index_of(hub), "find", gone)
        page = await client.events.query(correlation_id=name, type=f"{name}.log")
        assert [event.seq for event in page.items] == [ack.seq for ack in acks]
        assert page.indexed_up_to is None


async def test_many_pages_while_events_keep_arriving_miss_and_double_nothing(hub, name):
    async with hub.connected() as client:
        acks = await asyncio.gather(*(client.publish(f"{name}.p", n) for n in range(200)))
        seen, cursor = [], None
        while True:
            page, more = await asyncio.gather(
                client.events.query(type=f"{name}.p", limit=20, cursor=cursor), client.publish(f"{name}.p", "more")
            )
            acks.append(more)
            seen += [event.seq for event in page.items]
            cursor = page.next
            if cursor is None or len(acks) > 260:
                break
        rest = await every(client, type=f"{name}.p", limit=500)
    assert seen == sorted(set(seen))
    assert rest[: len(seen)] == seen
