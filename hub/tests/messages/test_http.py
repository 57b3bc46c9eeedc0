"""CloudEvents over HTTP: structured, binary, batch; read back in any mode; JSON resources as MessagePack."""

import asyncio
import json

import msgspec
import pytest
import trunkline as tl
from trunkline.protocol import subjects
from trunkline.protocol.resources import QueueDeclaration

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MSGPACK = "application/msgpack"


def event(event_type, **changes) -> dict:
    return {"specversion": "1.0", "id": f"{event_type}-1", "source": "/test", "type": event_type} | changes


def ce_headers(event_type, content_type=None, **changes) -> dict[str, str]:
    headers = {f"ce-{name}": value for name, value in event(event_type, **changes).items()}
    return headers | ({"Content-Type": content_type} if content_type else {})


async def post(hub, raw: bytes, headers: dict, path="events"):
    return await hub.admin("POST", path, raw=raw, headers=headers)


async def stored(hub, seq):
    return await hub.component("bus").js().get_msg("EVENTS_default", seq)


async def test_binary_mode_is_stored_and_shown_untouched(hub, name):
    headers = ce_headers(name, "image/png; x=1", id="n%C3%A4h%20e", subject='"a b"', comexample="5")
    answer = await post(hub, b"\x00\xff", headers)
    assert (answer.status, answer.json["id"]) == (201, "näh e")
    raw = await stored(hub, answer.json["seq"])
    assert raw.data == b"\x00\xff"
    assert {k: v for k, v in raw.headers.items() if k.startswith("ce-") or k == "Content-Type"} == {
        "ce-specversion": "1.0", "ce-id": "n%C3%A4h%20e", "ce-source": "/test", "ce-type": name, "ce-subject": "a%20b",
        "ce-comexample": "5", "Content-Type": "image/png; x=1", "ce-datacontenttype": "image/png;%20x=1",
    }  # fmt: skip
    shown = (await hub.admin("GET", f"events/{answer.json['seq']}")).json
    assert shown["event"] == event(name, id="näh e", subject="a b", comexample="5", datacontenttype="image/png; x=1", data_base64="AP8=")  # fmt: skip
    page = (await hub.admin("GET", "events", params={"type": name})).json
    assert [item["event"] for item in page["items"]] == [shown["event"]]


async def test_json_in_binary_mode_is_shown_as_json(hub, name):
    answer = await post(hub, b'{"n": 1.50}', ce_headers(name, "application/json"))
    shown = (await hub.admin("GET", f"events/{answer.json['seq']}")).json["event"]
    assert shown == event(name, datacontenttype="application/json", data={"n": 1.5})


async def test_a_binary_event_without_data_or_type_stays_so(hub, name):
    answer = await hub.admin("POST", "events", headers=ce_headers(name), skip_auto_headers=["Content-Type"])
    path = f"events/{answer.json['seq']}"
    assert (await hub.admin("GET", path)).json["event"] == event(name)
    back = await hub.admin("GET", path, params={"mode": "binary"})
    assert (back.status, back.body, "Content-Type" in back.headers) == (200, b"", False)


async def test_a_structured_event_is_read_back_as_the_very_bytes(hub, name):
    raw = (
        b' {"type":"%s", "specversion":"1.0","source":"/s","id":"1","ext":5,"flag":true,"data":{"n":1.50, "m":1e2}} '
        % name.encode()
    )
    answer = await post(hub, raw, {"Content-Type": f"{STRUCTURED}; charset=UTF-8"})
    path = f"events/{answer.json['seq']}"
    back = await hub.admin("GET", path, headers={"Accept": STRUCTURED})
    assert (back.body, back.headers["Content-Type"]) == (raw, STRUCTURED)
    shown = (await hub.admin("GET", path)).json["event"]
    assert (shown["ext"], shown["flag"]) == (5, True)
    assert "time" not in shown

    back = await hub.admin("GET", path, params={"mode": "binary"})
    assert back.body == b'{"n":1.50, "m":1e2}'
    sent = {k.lower(): v for k, v in back.headers.items()}
    assert (sent["content-type"], sent["ce-ext"], sent["ce-flag"], sent["ce-type"]) == (
        "application/json",
        "5",
        "true",
        name,
    )
    assert "ce-time" not in sent


async def test_a_binary_event_is_read_back_in_every_mode(hub, name):
    answer = await post(hub, "grüß".encode(), ce_headers(name, "text/plain", subject="%C3%A4"))
    path = f"events/{answer.json['seq']}"
    back = await hub.admin("GET", path, params={"mode": "binary"})
    assert (back.body, back.headers["Content-Type"], back.headers["ce-subject"]) == (
        "grüß".encode(),
        "text/plain",
        "%C3%A4",
    )
    back = await hub.admin("GET", path, headers={"Accept": STRUCTURED})
    assert back.json == event(name, subject="ä", datacontenttype="text/plain", data_base64="Z3LDvMOf")
    assert set((await hub.admin("GET", path, headers={"Accept": "*/*"})).json) == {
        "seq",
        "sender",
        "stored_at",
        "event",
    }


async def test_bytes_of_a_senders_choice_are_not_run_by_a_browser(sqlite_hub, name):
    answer = await post(sqlite_hub, b"<script>", ce_headers(name, "text/html"))
    back = await sqlite_hub.admin("GET", f"events/{answer.json['seq']}", params={"mode": "binary"})
    assert back.headers["Content-Type"] == "text/html"
    assert back.headers["Content-Disposition"] == "attachment"
    assert back.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in back.headers["Content-Security-Policy"]


@pytest.mark.parametrize("seq", ["0", "999999999", "nobody", "-1", "9" * 30, "1.5"])
async def test_an_event_that_is_not_there_is_told_as_such(sqlite_hub, seq):
    answer = await sqlite_hub.admin("GET", f"events/{seq}")
    assert (answer.status, answer.code) == (404, "event.unknown")


async def test_what_is_no_event_is_shown_but_not_passed_off_as_one(sqlite_hub, name):
    token = await sqlite_hub.token("events:publish", principal=name)
    async with sqlite_hub.connected(token) as client:
        ack = await client.store("EVENTS_default", subjects.event("default", name, name), b"junk", msg_id=name)
    assert (await sqlite_hub.admin("GET", f"events/{ack.seq}")).json["event"]["data"] == "junk"
    for options in ({"headers": {"Accept": STRUCTURED}}, {"params": {"mode": "binary"}}):
        answer = await sqlite_hub.admin("GET", f"events/{ack.seq}", **options)
        assert (answer.status, answer.code) == (422, "message.envelope_invalid")


@pytest.mark.parametrize(
    ("headers", "pointers"),
    [({"ce-specversion": "0.3"}, ["/specversion"]), ({"ce-source": "a b"}, ["/source"]), ({"ce-time": "x"}, ["/time"]), ({"ce-my-ext": "1"}, ["/my-ext"]), ({"ce-data": "1"}, ["/data"]),
     ({"ce-subject": "%C0%A0"}, ["/subject"]), ({"ce-id": ""}, ["/id"]), ({"Content-Type": "nonsense"}, ["/datacontenttype"]), ({"ce-ext": "a%00b"}, ["/ext"])],
)  # fmt: skip
async def test_a_wrong_header_is_pointed_at(sqlite_hub, name, headers, pointers):
    answer = await post(sqlite_hub, b"{}", ce_headers(name, "application/json") | headers)
    assert (answer.status, answer.code, answer.pointers) == (422, "message.envelope_invalid", pointers)


async def test_a_missing_header_is_pointed_at(sqlite_hub):
    answer = await post(sqlite_hub, b"{}", {"ce-id": "1", "ce-specversion": "1.0"})
    assert set(answer.pointers) == {"/source", "/type"}


async def test_a_header_cannot_become_another_of_the_brokers(sqlite_hub, name):
    headers = ce_headers(name, "text/plain", subject="a%0D%0ANats-Rollup:%20all") | {
        "Nats-Rollup": "all",
        "Tl-Redrive-Of": "x",
    }
    answer = await post(sqlite_hub, b"x", headers)
    assert (answer.status, answer.pointers) == (422, ["/subject"])
    answer = await post(sqlite_hub, b"x", {**headers, "ce-subject": "s"})
    assert set((await stored(sqlite_hub, answer.json["seq"])).headers) == {
        "Nats-Msg-Id", "Content-Type", "ce-specversion", "ce-id", "ce-source", "ce-type", "ce-subject", "ce-datacontenttype",
    }  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["application/cloudevents+avro", "text/plain", "application/msgpack", "application/cloudevents"]
)
async def test_what_declares_to_be_no_event_is_refused(sqlite_hub, kind):
    answer = await post(sqlite_hub, b"{}", {"Content-Type": kind})
    assert (answer.status, answer.code) == (415, "request.media_type_unsupported")


# --- batch ---------------------------------------------------------------------------------------


async def test_a_batch_is_stored_in_order_and_answered_item_by_item(hub, name):
    events = [event(name, id=f"b{n}", data=n) for n in range(5)]
    answer = await post(hub, json.dumps(events).encode(), {"Content-Type": BATCH})
    assert (answer.status, answer.json["stored"], answer.json["failed"]) == (201, 5, 0)
    acks = [item["ack"] for item in answer.json["items"]]
    assert [ack["id"] for ack in acks] == [f"b{n}" for n in range(5)]
    assert [ack["seq"] for ack in acks] == sorted(ack["seq"] for ack in acks)
    page = (await hub.admin("GET", "events", params={"type": name})).json["items"]
    assert [item["event"]["data"] for item in page] == list(range(5))


async def test_one_bad_event_does_not_fail_the_others(hub, name):
    bad = event(name, id="", time="x")
    items = [event(name, id="a"), bad, 7, event(name, id="a"), event(f"{name} x"), event(name, id="b")]
    answer = await post(hub, json.dumps(items).encode(), {"Content-Type": BATCH})
    assert (answer.status, answer.json["stored"], answer.json["failed"]) == (207, 3, 3)
    results = answer.json["items"]
    assert ["ack" in item for item in results] == [True, False, False, True, False, True]
    assert (results[0]["ack"]["duplicate"], results[3]["ack"]["duplicate"]) == (False, True)
    assert results[3]["ack"]["seq"] == results[0]["ack"]["seq"]
    assert {e["pointer"] for e in results[1]["problem"]["errors"]} == {"/id", "/time"}
    assert [results[n]["problem"]["code"] for n in (1, 2, 4)] == ["message.envelope_invalid"] * 2 + ["request.invalid"]
    assert len((await hub.admin("GET", "events", params={"type": name})).json["items"]) == 2


async def test_an_item_too_large_for_the_broker_fails_alone(sqlite_hub, name):
    huge = event(name, id="huge", data="x" * (8 * 2**20 - 600))
    answer = await post(sqlite_hub, json.dumps([event(name, id="a"), huge]).encode(), {"Content-Type": BATCH})
    assert answer.status == 207 or answer.code == "request.too_large"


async def test_an_empty_batch_is_fine(sqlite_hub):
    answer = await post(sqlite_hub, b"[]", {"Content-Type": BATCH})
    assert (answer.status, answer.json) == (201, {"items": [], "stored": 0, "failed": 0})


async def test_a_batch_that_is_none_or_too_long_is_refused_whole(sqlite_hub, name):
    for raw in (b"{}", b"[", b"", b"null", b"\xff"):
        answer = await post(sqlite_hub, raw, {"Content-Type": BATCH})
        assert (answer.status, answer.code) == (400, "request.malformed")
    answer = await post(sqlite_hub, json.dumps([event(name)] * 1001).encode(), {"Content-Type": BATCH})
    assert (answer.status, answer.code) == (422, "request.invalid")
    assert (await sqlite_hub.admin("GET", "events", params={"type": name})).json["items"] == []


# --- work ----------------------------------------------------------------------------------------


async def test_work_is_given_as_an_event_in_either_mode_too(hub, name):
    got: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(data: bytes, ctx: tl.Context) -> None:
        got.put_nowait((ctx.id, ctx.message.type, ctx.message.time, ctx.message.datacontenttype, data, ctx.extensions))

    path = f"queues/{name}/messages"
    async with hub.serving(agent):
        raw = json.dumps(event("my.type", id="s", ext=5, data={"a": 1})).encode()
        assert (await post(hub, raw, {"Content-Type": STRUCTURED}, path)).status == 201
        assert await asyncio.wait_for(got.get(), 10) == ("s", "my.type", None, None, b'{"a": 1}', {"ext": 5})
        assert (await post(hub, b"\x00\xff", ce_headers("my.type", "image/png", id="b", ext="5"), path)).status == 201
        assert await asyncio.wait_for(got.get(), 10) == ("b", "my.type", None, "image/png", b"\x00\xff", {"ext": "5"})
        assert (
            await post(hub, b'{"data": {"a": 1}, "id": "j"}', {"Content-Type": "application/json"}, path)
        ).status == 201
        assert (await asyncio.wait_for(got.get(), 10))[:2] == ("j", f"task.{name}")
        packed = msgspec.msgpack.encode({"data": {"a": [1, None]}, "id": "m"})
        assert (await post(hub, packed, {"Content-Type": MSGPACK}, path)).status == 201
        assert (await asyncio.wait_for(got.get(), 10))[4] == b'{"a":[1,null]}'


async def test_work_for_a_queue_that_is_not_there_is_refused_in_every_form(sqlite_hub, name):
    path = f"queues/{name}/messages"
    for raw, headers in ((b"{}", {"Content-Type": "application/json"}), (b"x", ce_headers(name, "text/plain")), (json.dumps(event(name)).encode(), {"Content-Type": STRUCTURED})):  # fmt: skip
        answer = await post(sqlite_hub, raw, headers, path)
        assert (answer.status, answer.code) == (404, "queue.unknown")


@pytest.mark.parametrize(
    ("raw", "kind", "status", "pointers"),
    [(b'{"id": 7}', "application/json", 422, ["/id"]), (b"{", "application/json", 400, []), (b"", "application/json", 400, []), (b"[]", "application/json", 422, [""]),
     (b"\xc1", MSGPACK, 400, []), (b"", MSGPACK, 400, []), (msgspec.msgpack.encode({"id": 7}), MSGPACK, 422, ["/id"]), (b'{"id": ""}', STRUCTURED, 422, ["/id", "/source", "/specversion", "/type"])],
)  # fmt: skip
async def test_a_wrong_request_for_work_is_pointed_at(sqlite_hub, name, raw, kind, status, pointers):
    await sqlite_hub.admin("PUT", f"queues/{name}", raw=b"{}")
    answer = await post(sqlite_hub, raw, {"Content-Type": kind}, f"queues/{name}/messages")
    assert answer.status == status, answer.body
    if kind != STRUCTURED:
        assert answer.pointers == pointers


# --- MessagePack ---------------------------------------------------------------------------------


async def test_resources_come_as_messagepack_where_that_is_asked_for(hub, name):
    await hub.admin("PUT", f"queues/{name}", raw=b"{}")
    as_json = await hub.admin("GET", f"queues/{name}")
    packed = await hub.admin("GET", f"queues/{name}", headers={"Accept": f"{MSGPACK}, application/json;q=0.5"})
    assert packed.headers["Content-Type"] == MSGPACK
    assert msgspec.msgpack.decode(packed.body) == as_json.json
    for accept in ("*/*", "application/json", "text/html", f"application/json, {MSGPACK};q=0.5"):
        answer = await hub.admin("GET", f"queues/{name}", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "application/json"
    events = await hub.admin("GET", "events", headers={"Accept": MSGPACK})
    assert set(msgspec.msgpack.decode(events.body)) >= {"items", "next"}


async def test_bodies_are_taken_as_messagepack(hub, name):
    wanted = msgspec.msgpack.encode(QueueDeclaration(max_in_flight=7))
    answer = await hub.admin("PUT", f"queues/{name}", raw=wanted, headers={"Content-Type": MSGPACK})
    assert (answer.status, answer.json["max_in_flight"]) == (200, 7)


async def test_problems_stay_json(sqlite_hub, name):
    answer = await sqlite_hub.admin("GET", f"queues/{name}", headers={"Accept": MSGPACK})
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "raw", [b"\xc1", b"\x81", b"\x81\x91\x01\x01", b"\xd4\x05\x00", b"\xdf\xff\xff\xff\xff", b"\x91" * 100_000, b"\xa1\xff", b"\xcb\x7f\xf0" + bytes(6)]
)  # fmt: skip
async def test_hostile_messagepack_is_the_senders_fault(sqlite_hub, name, raw):
    for method, path in (("PUT", f"queues/{name}"), ("POST", f"queues/{name}/messages"), ("POST", "tokens")):
        answer = await sqlite_hub.admin(method, path, raw=raw, headers={"Content-Type": MSGPACK})
        assert 400 <= answer.status < 500, answer.body
