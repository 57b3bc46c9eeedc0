"""Events on the bus in binary mode, payloads in every format: to handlers, subscribers, dead letters, and again."""

import asyncio
import base64
from typing import Any

import msgspec
import pytest
import trunkline as tl
from trunkline.protocol import subjects
from trunkline.protocol.errors import PayloadInvalidError

from support.hub import eventually
from support.letters import dead_letters, history, publish_raw, raw_client

MSGPACK, TEXT = "application/msgpack", "text/plain; charset=utf-8"


class Order(msgspec.Struct):
    id: int
    raw: bytes = b""


def ce_headers(event_type, **changes) -> dict[str, str]:
    given = {"specversion": "1.0", "id": f"{event_type}-1", "source": "/s", "type": event_type} | changes
    return {f"ce-{name}": value for name, value in given.items() if value is not ...}


@pytest.fixture
def got() -> asyncio.Queue:
    return asyncio.Queue()


async def soon(queue: asyncio.Queue) -> Any:
    return await asyncio.wait_for(queue.get(), 15)


async def publish_event(hub, event_type, payload, headers):
    token = await hub.token("events:publish", principal=event_type)
    async with raw_client(hub, token) as client:
        await client.publish(subjects.event("default", event_type, event_type), payload, headers=headers)
        await client.flush()


@pytest.mark.parametrize("prefix", ["ce-", "Ce-", "CE-"])
@pytest.mark.parametrize(
    "kind",
    [
        {"Content-Type": "application/json"},
        {"content-type": "application/json"},
        {"ce-datacontenttype": "application/json"},
    ],
)
async def test_anybodys_binary_event_reaches_typed_handlers(sqlite_hub, name, got, prefix, kind):
    agent = tl.Agent(name)

    @agent.on(name)
    async def follow(order: Order, ctx: tl.Context) -> None:
        got.put_nowait((order, ctx.id, ctx.message.subject, ctx.extensions))

    async with sqlite_hub.serving(agent):
        given = {
            prefix + key[3:]: value for key, value in ce_headers(name, subject="%C3%A4 x", comexample="%2520").items()
        }
        await publish_event(sqlite_hub, name, b'{"id": 7}', given | kind)
        assert await soon(got) == (Order(7), f"{name}-1", "ä x", {"comexample": "%20"})


async def test_a_binary_event_reaches_subscribers_and_the_tail(hub, name):
    async with hub.connected() as client, client.subscribe(name) as events:
        await publish_event(hub, name, b"\x00\xff", ce_headers(name) | {"Content-Type": "image/png"})
        event = await asyncio.wait_for(anext(events), 10)
        assert (event.message.id, event.message.datacontenttype) == (f"{name}-1", "image/png")
        assert await client.payload(event.message, bytes) == b"\x00\xff"
        assert event.message.time is None
        (listed,) = (await client.events.query(type=name)).items
        assert listed.event["data_base64"] == "AP8="
    path = f"{hub.url}/api/v1/w/default/events/tail"
    headers = {"Authorization": f"Bearer {hub.admin_token}", "Last-Event-ID": str(event.seq - 1)}
    async with hub._session.get(path, params={"type": name}, headers=headers) as response:
        async for line in response.content:
            if line.startswith(b"data:"):
                assert msgspec.json.decode(line[5:])["event"]["data_base64"] == "AP8="
                break


@pytest.mark.parametrize(
    ("data", "content_type"),
    [({"id": 1, "raw": b"\x00\xff"}, MSGPACK), (Order(1, b"\x00\xff"), "application/x-msgpack"), (Order(1, b"\x00\xff"), None), (Order(1, b"\x00\xff"), "application/vnd.order+json")],
)  # fmt: skip
async def test_a_typed_handler_takes_every_format(sqlite_hub, name, got, data, content_type):
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(order: Order, ctx: tl.Context) -> None:
        got.put_nowait((order, ctx.message.datacontenttype))

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        await client.enqueue(name, data, content_type=content_type)
        assert await soon(got) == (Order(1, b"\x00\xff"), content_type or "application/json")


async def test_text_and_bytes_are_sent_as_they_are(sqlite_hub, name, got):
    agent = tl.Agent(name)

    @agent.on(f"{name}.text")
    async def text(words: str) -> None:
        got.put_nowait(words)

    @agent.on(f"{name}.raw", group=f"{name}-raw")
    async def raw(data: bytes, ctx: tl.Context) -> None:
        got.put_nowait((data, ctx.message.datacontenttype))

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        ack = await client.publish(f"{name}.text", "grüß", content_type=TEXT, subject="ü", key="k", correlation_id="c")
        assert await soon(got) == "grüß"
        lying = await sqlite_hub.component("bus").js().get_msg("EVENTS_default", ack.seq)
        assert (lying.data, lying.headers["Content-Type"]) == ("grüß".encode(), TEXT)
        assert (lying.headers["ce-subject"], lying.headers["ce-partitionkey"], lying.headers["ce-correlationid"]) == (
            "%C3%BC",
            "k",
            "c",
        )
        assert lying.headers["Nats-Msg-Id"] == f"admin:{ack.id}"
        await client.publish(f"{name}.raw", b"\x00\xff")
        assert await soon(got) == (b"\x00\xff", "application/octet-stream")
        await client.publish(f"{name}.raw", "grüß", content_type=TEXT)
        assert await soon(got) == ("grüß".encode(), TEXT)
        assert (await client.publish(f"{name}.raw", b"x", id=ack.id)).duplicate, "one id is one message in every mode"


async def test_order_by_key_holds_across_formats(sqlite_hub, name, got):
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(n: int) -> None:
        got.put_nowait(n)

    kinds = [None, MSGPACK, None, "application/vnd.n+json", MSGPACK]
    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        await client.enqueue(name, -1, key="k")
        await asyncio.gather(*(client.enqueue(name, n, key="k", content_type=kinds[n % 5]) for n in range(200)))
        assert [await soon(got) for _ in range(201)] == list(range(-1, 200))


async def test_a_skill_answers_in_the_format_of_the_question(sqlite_hub, name):
    agent = tl.Agent(name)
    seen = []

    @agent.skill(name)
    async def echo(data: Any, ctx: tl.Context) -> Any:
        seen.append(ctx.message.datacontenttype)
        return data

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        for value, kind in (({"a": b"\x00"}, MSGPACK), ("grüß", TEXT), (b"\x00\xff", "image/png"), ({"a": [1]}, None)):
            assert await client.call(name, value, content_type=kind) == value
        assert seen == [MSGPACK, TEXT, "image/png", "application/json"]
        assert await client.call(name, {"id": 1, "raw": b"\xff"}, content_type=MSGPACK, result_type=Order) == Order(
            1, b"\xff"
        )


async def test_a_skill_tells_what_it_cannot_take(sqlite_hub, name):
    agent = tl.Agent(name)

    @agent.skill(name)
    async def typed(order: Order) -> int:
        return order.id

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        with pytest.raises(PayloadInvalidError, match="image/png"):
            await client.call(name, b"\x00", content_type="image/png")
        with pytest.raises(PayloadInvalidError) as caught:
            await client.call(name, {"id": "x"}, content_type=MSGPACK)
        assert [e.pointer for e in caught.value.errors] == ["/id"]


async def test_what_has_no_form_in_a_format_never_leaves(sqlite_hub, name):
    async with sqlite_hub.connected() as client:
        for data, kind in (
            ("x", "image/png"),
            ({}, "text/plain"),
            (object(), MSGPACK),
            ({}, "nonsense"),
            (b"{", "application/json"),
        ):
            with pytest.raises(PayloadInvalidError):
                await client.publish(name, data, content_type=kind)
        assert (await client.events.query(type=name)).items == []


@pytest.mark.parametrize(
    ("payload", "headers", "error"),
    [(b"\x89PNG", {"Content-Type": "image/png"}, "image/png"), (b"\xc1", {"Content-Type": MSGPACK}, "msgpack"), (b"{", {"Content-Type": "application/json"}, "valid"),
     (b"{}", {"Content-Type": "application/json", "ce-time": "x"}, "/time"), (b"{}", {"ce-subject": "%FF"}, "/subject"), (b"{}", {"Content-Type": "application/cloudevents+avro"}, "avro")],
)  # fmt: skip
async def test_what_a_typed_handler_cannot_take_is_dead_lettered_at_once(hub, name, payload, headers, error):
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(order: Order) -> None: ...

    async with hub.serving(agent):
        await publish_raw(hub, name, payload, headers=ce_headers(name) | headers)
        (letter,) = await dead_letters(hub, name)
        assert (letter["reason"], letter["attempts"]) == ("invalid", 1)
        assert error in letter["error"]
        detail = await history(hub, letter["id"], 1)
        assert len(detail["history"]) == 1


async def test_a_binary_message_keeps_its_attributes_through_death_and_redrive(hub, name, got):
    agent = tl.Agent(name)
    failing = [True]

    @agent.task(name, retry=tl.Retry(max_attempts=2, base_s=0.01))
    async def work(data: bytes, ctx: tl.Context) -> None:
        if failing[0]:
            raise RuntimeError("not yet")
        got.put_nowait(
            (data, ctx.id, ctx.message.subject, ctx.message.datacontenttype, ctx.message.traceparent, ctx.extensions)
        )

    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    given = ce_headers(name, subject="%C3%A4", comexample="5", traceparent=trace) | {"Content-Type": "image/png"}
    async with hub.serving(agent):
        await publish_raw(hub, name, b"\x00\xff", headers=given)
        (letter,) = await dead_letters(hub, name)
        assert (letter["message_id"], letter["type"], letter["reason"]) == (f"{name}-1", name, "attempts_exhausted")
        assert letter["traceparent"] == trace
        detail = await history(hub, letter["id"], 2)
        assert (detail["payload"], detail["payload_encoding"]) == (base64.b64encode(b"\x00\xff").decode(), "base64")
        assert detail["headers"]["ce-comexample"] == "5"
        assert {attempt["message_id"] for attempt in detail["history"]} == {f"{name}-1"}
        failing[0] = False
        assert (await hub.admin("POST", f"dead-letters/{letter['id']}/redrive")).status == 200
        assert await soon(got) == (b"\x00\xff", f"{name}-1", "ä", "image/png", trace, {"comexample": "5"})


async def test_a_binary_event_is_redriven_to_its_group_with_its_attributes(sqlite_hub, name, got):
    agent = tl.Agent(name)
    failing = [True]

    @agent.on(name, group=name)
    async def follow(order: Order, ctx: tl.Context) -> None:
        if failing[0]:
            raise tl.PermanentError("no")
        got.put_nowait((order, ctx.id))

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        ack = await client.publish(name, Order(1, b"\xff"), content_type=MSGPACK)
        (letter,) = await dead_letters(sqlite_hub, name)
        failing[0] = False
        await client.dead_letters.redrive(letter["id"])
        assert await soon(got) == (Order(1, b"\xff"), ack.id)


async def test_a_binary_message_whose_workers_died_is_buried_with_its_attributes(sqlite_hub, name):
    """The hub's own net: it knows the message by its headers alone."""
    from trunkline_hub.bus.backstop import bury, given_up
    from trunkline_hub.bus.log import read_next

    await sqlite_hub.admin("PUT", f"queues/{name}", raw=b"{}")
    await publish_raw(sqlite_hub, name, b"\xff", headers=ce_headers(name) | {"Content-Type": "image/png"})
    bus = sqlite_hub.component("bus")
    found = await eventually(lambda: read_next(bus, "TASKS_default", 1, subjects.task_filter("default", name)))
    await bury(bus, "TASKS_default", name, found, given_up(3))
    (letter,) = await dead_letters(sqlite_hub, name)
    assert (letter["message_id"], letter["type"]) == (f"{name}-1", name)


async def test_an_event_without_data_reaches_those_who_need_none(sqlite_hub, name, got):
    agent = tl.Agent(name)

    @agent.on(name)
    async def tick(ctx: tl.Context) -> None:
        got.put_nowait(ctx.id)

    async with sqlite_hub.serving(agent):
        await publish_event(sqlite_hub, name, b"", ce_headers(name))
        await publish_event(
            sqlite_hub, name, b"{broken", ce_headers(name, id="2") | {"Content-Type": "application/json"}
        )
        assert {await soon(got), await soon(got)} == {f"{name}-1", "2"}
