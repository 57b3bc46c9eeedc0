"""The event log, over HTTP and the bus."""

import asyncio
import json
from datetime import datetime

import aiohttp
import pytest
import trunkline as tl
from trunkline.protocol.errors import CursorInvalidError, EnvelopeInvalidError, RequestInvalidError


def cloudevent(event_type, **changes) -> bytes:
    return json.dumps(
        {"specversion": "1.0", "id": "e1", "source": "/test", "type": event_type, "data": {"n": 1}} | changes
    ).encode()


async def test_what_is_published_over_the_bus_is_found_over_http(hub, name):
    async with hub.connected() as client:
        ack = await client.publish(f"{name}.made", {"n": 1}, subject="s/1", correlation_id="c1")
        page = await client.events.query(type=f"{name}.*")
    (event,) = page.items
    assert (event.seq, event.sender) == (ack.seq, "admin")
    assert (event.event["id"], event.event["data"]) == (ack.id, {"n": 1})
    assert (event.event["subject"], event.event["correlationid"]) == ("s/1", "c1")
    assert page.next is None


async def test_what_is_published_over_http_reaches_a_subscriber_on_the_bus(hub, name):
    async with hub.connected() as client, client.subscribe(f"{name}.>") as events:
        token = await hub.token("events:publish", principal=f"shop-{name}")
        answer = await hub.http("POST", "events", token=token, raw=cloudevent(f"{name}.a.b", x="kept"))
        assert answer.status == 201
        received = await asyncio.wait_for(anext(events), 10)
    assert received.sender == f"shop-{name}"
    assert received.seq == answer.json["seq"]
    assert bytes(received.message.data) == b'{"n": 1}'


async def test_an_event_is_stored_once_per_id(hub, name):
    async with hub.connected() as client:
        first = await client.publish(f"{name}.x", id="same")
        second = await client.publish(f"{name}.x", id="same")
        assert (first.duplicate, second.duplicate, second.seq) == (False, True, first.seq)
        answer = await hub.admin("POST", "events", raw=cloudevent(f"{name}.x", id="same"))
        assert answer.json["duplicate"] is True
        assert len((await client.events.query(type=f"{name}.x")).items) == 1


async def test_the_same_id_from_two_senders_is_two_events(hub, name):
    for _ in range(2):
        token = await hub.token("events:publish")
        assert (await hub.http("POST", "events", token=token, raw=cloudevent(f"{name}.x"))).json["duplicate"] is False


@pytest.mark.parametrize("newest", [False, True])
async def test_pages_cover_everything_once_and_in_order(hub, name, newest):
    async with hub.connected() as client:
        acks = await asyncio.gather(*(client.publish(f"{name}.p", n) for n in range(25)))
        await client.publish(f"{name}.other")
        seen, cursor = [], None
        for _ in range(20):
            page = await client.events.query(type=f"{name}.p", newest=newest, limit=7, cursor=cursor)
            assert len(page.items) <= 7
            seen += [event.seq for event in page.items]
            cursor = page.next
            if cursor is None:
                break
    assert cursor is None
    assert seen == sorted((ack.seq for ack in acks), reverse=newest)


async def test_a_page_continues_though_events_arrive_meanwhile(hub, name):
    async with hub.connected() as client:
        for n in range(4):
            await client.publish(f"{name}.p", n)
        first = await client.events.query(type=f"{name}.p", limit=3)
        await client.publish(f"{name}.p", 4)
        second = await client.events.query(type=f"{name}.p", limit=3, cursor=first.next)
    assert [e.event["data"] for e in first.items + second.items] == [0, 1, 2, 3, 4]


async def test_filters_that_subjects_cannot_express(hub, name):
    async with hub.connected() as client:
        first = await client.publish(f"{name}.f", subject="a", correlation_id="k1")
        second = await client.publish(f"{name}.f", subject="b", correlation_id="k1")
        by_subject = await client.events.query(type=f"{name}.f", subject="b")
        by_correlation = await client.events.query(type=f"{name}.f", correlation_id="k1")
        none = await client.events.query(type=f"{name}.f", subject="c")
    assert [e.seq for e in by_subject.items] == [second.seq]
    assert [e.seq for e in by_correlation.items] == [first.seq, second.seq]
    assert none.items == []


async def test_since_leaves_out_what_is_older(hub, name):
    async with hub.connected() as client:
        await client.publish(f"{name}.s", 0)
        newer = await client.publish(f"{name}.s", 1)
        times = [datetime.fromisoformat(e.stored_at) for e in (await client.events.query(type=f"{name}.s")).items]
        since = times[0] + (times[1] - times[0]) / 2
        page = await client.events.query(type=f"{name}.s", since=since.isoformat())
        assert [e.seq for e in page.items] == [newer.seq]
        future = await client.events.query(type=f"{name}.s", since="2999-01-01T00:00:00Z")
        assert future.items == []


@pytest.mark.parametrize(
    "since", ["yesterday", "2026-13-01", "", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
async def test_a_wrong_time_is_pointed_at_and_an_extreme_one_does_no_harm(sqlite_hub, since):
    answer = await sqlite_hub.admin("GET", "events", params={"since": since})
    assert answer.status in {200, 422}
    if answer.status == 422:
        assert answer.pointers == ["query:since"]


@pytest.mark.parametrize("pattern", ["a b", "a.>.b", "**.x", "x" * 300])
async def test_a_wrong_pattern_is_refused(sqlite_hub, pattern):
    async with sqlite_hub.client() as client:
        with pytest.raises(RequestInvalidError):
            await client.events.query(type=pattern)


@pytest.mark.parametrize(
    "cursor", ["!!", "x", "AAAA", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", "4pyT", "MTIzAA"]
)
async def test_a_cursor_nobody_issued_is_refused(sqlite_hub, cursor):
    async with sqlite_hub.client() as client:
        with pytest.raises(CursorInvalidError):
            await client.events.query(cursor=cursor)


@pytest.mark.parametrize("event_type", ["a b", "a*", ">", "a.>", "\t", "x" * 256])
async def test_a_type_that_could_be_a_pattern_is_refused_over_http(sqlite_hub, event_type):
    answer = await sqlite_hub.admin("POST", "events", raw=cloudevent(event_type))
    code = "message.envelope_invalid" if not event_type.isprintable() else "request.invalid"
    assert (answer.status, answer.code, answer.pointers) == (422, code, ["/type"])


async def test_what_is_no_cloudevent_is_refused_over_http(sqlite_hub):
    async with sqlite_hub.client() as client:
        with pytest.raises(EnvelopeInvalidError) as caught:
            await client.api.request("POST", client.api.scoped("/events"), dict, body={"specversion": "1.0"})
    assert caught.value.request_id


HOSTILE_IDS = ["a\r\nNats-Rollup: all", "a\r\n\r\nx", "a\nTl-Redrive-Of: 1", "\x00"]


@pytest.mark.parametrize("event_id", [*HOSTILE_IDS, "é🚀", "x" * 5000])
async def test_a_hostile_id_cannot_add_headers(sqlite_hub, name, event_id):
    async with sqlite_hub.connected() as client:
        ack = await client.publish(f"{name}.id", id=event_id)
        raw = await sqlite_hub.component("bus").js().get_msg("EVENTS_default", ack.seq)
        assert set(raw.headers) == {"Nats-Msg-Id", "Content-Type"}
        assert json.loads(raw.data)["id"] == event_id
        await client.publish(f"{name}.id")


@pytest.mark.parametrize("event_id", HOSTILE_IDS)
async def test_an_id_with_control_characters_is_no_cloudevents_and_refused_over_http(sqlite_hub, name, event_id):
    answer = await sqlite_hub.admin("POST", "events", raw=cloudevent(f"{name}.id", id=event_id))
    assert (answer.status, answer.code, answer.pointers) == (422, "message.envelope_invalid", ["/id"])


async def test_the_tail_follows_live_and_resumes_after_the_last_event(hub, name):
    async def events_of(response, count):
        found = []
        async for line in response.content:
            if line.startswith(b"data:"):
                found.append(json.loads(line[5:]))
            if len(found) == count:
                return found

    path = f"{hub.url}/api/v1/w/default/events/tail?type={name}.*"
    headers = {"Authorization": f"Bearer {hub.admin_token}"}
    async with hub.connected() as client, aiohttp.ClientSession(headers=headers) as session:
        async with session.get(path) as response:
            assert response.headers["Content-Type"].startswith("text/event-stream")
            await anext(aiter(response.content))
            await hub_follows(hub, client, name, response)
            first = await client.publish(f"{name}.t", 1)
            (found,) = await asyncio.wait_for(events_of(response, 1), 10)
            assert (found["seq"], found["event"]["data"]) == (first.seq, 1)
        second = await client.publish(f"{name}.t", 2)
        async with session.get(path, headers={"Last-Event-ID": str(first.seq)}) as response:
            (found,) = await asyncio.wait_for(events_of(response, 1), 10)
            assert found["seq"] == second.seq


async def hub_follows(hub, client, name, response):
    """Publish marks until one arrives: from then on the tail is live."""
    lines = aiter(response.content)
    for n in range(50):
        await client.publish(f"{name}.mark", n)
        try:
            while True:
                line = await asyncio.wait_for(anext(lines), 0.2)
                if line.startswith(b"data:"):
                    break
        except TimeoutError:
            continue
        # drain the marks that are still on their way
        try:
            while True:
                await asyncio.wait_for(anext(lines), 0.2)
        except TimeoutError:
            return
    raise AssertionError("the tail never became live")


@pytest.mark.parametrize("last", ["²", "-1", "x", "9" * 40, ""])
async def test_a_strange_last_event_id_does_not_break_the_tail(sqlite_hub, last):
    headers = {"Authorization": f"Bearer {sqlite_hub.admin_token}", b"Last-Event-ID".decode(): last}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{sqlite_hub.url}/api/v1/w/default/events/tail") as response:
            assert response.status == 200
            assert await anext(aiter(response.content)) == b": following\r\n"


async def test_a_subscription_begins_where_asked(sqlite_hub, name):
    async with sqlite_hub.connected() as client:
        acks = [await client.publish(f"{name}.s", n) for n in range(5)]
        async with client.subscribe(f"{name}.s", after_seq=acks[1].seq) as events:
            seen = [(await asyncio.wait_for(anext(events), 10)).seq for _ in range(3)]
    assert seen == [ack.seq for ack in acks[2:]]


async def test_overlapping_patterns_are_no_error(sqlite_hub, name):
    """`order.*` and `order.created` together: each event comes once."""
    async with sqlite_hub.connected() as client:
        async with client.subscribe(f"{name}.*", f"{name}.a") as events:
            first = await client.publish(f"{name}.a")
            second = await client.publish(f"{name}.b")
            seen = [(await asyncio.wait_for(anext(events), 10)).seq for _ in range(2)]
    assert seen == [first.seq, second.seq]


@pytest.mark.parametrize("inbox", ["_INBOX_admin", "_INBOX_other.x", "tl.default.events.x", "_INBOX_admin.>", "_INBOX_admin.*",
                                   "_INBOX_admin..", "_INBOX_admin.", "_INBOX_admin.a b", "_INBOX_admin.\u00e9", ""])  # fmt: skip
async def test_events_are_delivered_to_ones_own_inbox_only(sqlite_hub, inbox):
    wanted = json.dumps({"types": [], "deliver_to": inbox}).encode()
    answer = await sqlite_hub.admin("POST", "events/subscriptions", raw=wanted)
    if inbox == "_INBOX_admin.\u00e9":
        assert answer.status in {201, 422}
    else:
        assert (answer.status, answer.pointers) == (422, ["/deliver_to"])


async def test_a_group_gets_every_event_once_from_where_it_left_off(hub, name):
    seen: asyncio.Queue = asyncio.Queue()

    def follower():
        agent = tl.Agent(name)

        @agent.on(f"{name}.*", group=name)
        async def on_event(n: int, ctx: tl.Context) -> None:
            seen.put_nowait((n, ctx.message.subject))

        return agent

    async with hub.connected() as client:
        async with hub.serving(follower()):
            await client.publish(f"{name}.e", 1, subject="x")
            assert await asyncio.wait_for(seen.get(), 10) == (1, "x")
        await client.publish(f"{name}.e", 2)
        async with hub.serving(follower()), hub.serving(follower()):
            await client.publish(f"{name}.e", 3)
            assert {(await asyncio.wait_for(seen.get(), 10))[0] for _ in range(2)} == {2, 3}
    assert seen.empty()


async def test_two_groups_get_the_same_event(sqlite_hub, name):
    seen: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.on(f"{name}.e", group=f"{name}-1")
    async def first(n: int) -> None:
        seen.put_nowait(("first", n))

    @agent.on(f"{name}.e", f"{name}.*", group=f"{name}-2")
    async def second(n: int) -> None:
        seen.put_nowait(("second", n))

    async with sqlite_hub.connected() as client, sqlite_hub.serving(agent):
        await client.publish(f"{name}.e", 7)
        assert {await asyncio.wait_for(seen.get(), 10) for _ in range(2)} == {("first", 7), ("second", 7)}
    assert seen.empty()
