"""Rules at work: refused at the hub, refused in the SDK, quarantined when past both, dead-lettered by readers."""

import asyncio

import msgspec
import pytest
import trunkline as tl
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import EventTypeUnknownError, PayloadInvalidError
from trunkline.protocol.resources import EventTypeDeclaration, NewEventTypeVersion

from support.hub import eventually
from support.letters import dead_letters, history, raw_client

ORDER = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
TEXT_ID = {**ORDER, "properties": {"id": {"type": "string"}}}


@pytest.fixture
def kind(name):
    return f"order.{name}"


async def declare(hub, kind, **declaration):
    raw = msgspec.json.encode({"schema": ORDER, "policy": "enforce"} | declaration)
    made = await hub.admin("PUT", f"event-types/{kind}", raw=raw)
    assert made.status == 200, made.body


async def post_event(hub, kind, data, *, token=None, **attributes):
    event = {"specversion": "1.0", "id": f"e-{id(data)}", "source": "/test", "type": kind, "data": data, **attributes}
    raw = msgspec.json.encode(event)
    headers = {"Content-Type": "application/cloudevents+json"}
    return await hub.http("POST", "events", token=token or hub.admin_token, raw=raw, headers=headers)


async def in_log(hub, kind):
    return (await hub.admin("GET", "events", params={"type": kind})).json["items"]


async def raw_publish(hub, kind, *payloads, principal="sneak"):
    """Send past the SDK, as any NATS client may."""
    token = await hub.token("events:publish", principal=principal)
    async with raw_client(hub, token) as nats:
        for payload in payloads:
            await nats.publish(subjects.event("default", principal, kind), payload)
        await nats.flush()


def event_bytes(kind, data, event_id="e1"):
    return ce.encode(ce.new_envelope(type=kind, source="/raw", data=msgspec.json.encode(data), id=event_id))


async def quarantined(hub, kind, count=1):
    async def enough():
        found = (await hub.admin("GET", "quarantine", params={"type": kind})).json["items"]
        return found if len(found) >= count else None

    return await eventually(enough)


async def test_the_hub_refuses_before_it_stores(hub, kind):
    await declare(hub, kind)
    refused = await post_event(hub, kind, {"id": "seven"})
    assert (refused.status, refused.code) == (422, "message.payload_invalid")
    assert refused.json["errors"] == [{"pointer": "/data/id", "detail": '"seven" is not of type "integer"'}]
    assert await in_log(hub, kind) == []
    assert (await post_event(hub, kind, {"id": 7})).status == 201
    assert len(await in_log(hub, kind)) == 1


async def test_a_payload_that_is_no_json_does_not_fit_a_schema(hub, kind):
    await declare(hub, kind)
    for attributes in ({"data_base64": "AAEC"}, {}):
        event = {"specversion": "1.0", "id": "1", "source": "/t", "type": kind, **attributes}
        refused = await hub.admin("POST", "events", raw=msgspec.json.encode(event), headers={"Content-Type": "application/cloudevents+json"})  # fmt: skip
        assert (refused.status, refused.code) == (422, "message.payload_invalid")
        assert refused.json["errors"][0]["pointer"] == "/data"


async def test_dataschema_names_the_version_to_hold_it_against(hub, kind):
    await declare(hub, kind, compatibility="none")
    await hub.admin("POST", f"event-types/{kind}/versions", raw=msgspec.json.encode({"schema": TEXT_ID}))
    urn = f"urn:trunkline:schema:default:{kind}:"
    url = f"{hub.url}/api/v1/w/default/event-types/{kind}/versions/1/schema"
    assert (await post_event(hub, kind, {"id": 1})).status == 201, "any live version will do"
    assert (await post_event(hub, kind, {"id": "x"})).status == 201
    assert (await post_event(hub, kind, {"id": 1}, dataschema=urn + "1")).status == 201
    assert (await post_event(hub, kind, {"id": 1}, dataschema=url)).status == 201
    assert (await post_event(hub, kind, {"id": 1}, dataschema=urn + "2")).json["errors"][0]["pointer"] == "/data/id"
    assert (await post_event(hub, kind, {"id": 1}, dataschema=urn + "3")).json["errors"][0]["pointer"] == "/dataschema"
    await hub.admin("PUT", f"event-types/{kind}/versions/1", raw=b'{"deprecated": true}')
    assert (await post_event(hub, kind, {"id": 1}, dataschema=urn + "1")).json["errors"][0]["pointer"] == "/dataschema"
    assert (await post_event(hub, kind, {"id": 1})).status == 422
    elsewhere = "https://schemas.example/order.json"
    assert (await post_event(hub, kind, {"id": "x"}, dataschema=elsewhere)).status == 201


async def test_lenient_types_do_not_mind_undeclared_properties_strict_ones_do(hub, kind):
    closed = {**ORDER, "additionalProperties": False}
    await declare(hub, kind, schema=closed)
    assert (await post_event(hub, kind, {"id": 1, "more": 2})).status == 201
    await declare(hub, kind, schema=closed, reading="strict")
    assert (await post_event(hub, kind, {"id": 1, "more": 2})).status == 422


async def test_open_and_warned_types_pass_the_hub(hub, kind):
    await declare(hub, kind, policy="open")
    assert (await post_event(hub, kind, {"id": "x"})).status == 201
    await declare(hub, kind, policy="warn")
    await eventually(lambda: _is_read(hub, kind))
    warned = await post_event(hub, kind, {"id": "y"})
    assert warned.status == 201

    async def told():
        listed = await quarantined(hub, kind)  # the first one, too, where the reader had not come by it yet
        return [found for found in listed if found["message_id"] == warned.json["id"]]

    (found,) = await eventually(told)
    assert (found["policy"], found["sender"]) == ("warn", "admin")


async def test_unknown_types_are_refused_where_the_workspace_says_so(own_hub):
    hub = await own_hub()
    assert (await post_event(hub, "never.heard", {})).status == 201
    changed = await hub.admin("PUT", "event-type-rules", raw=b'{"unknown": "refuse"}')
    assert changed.json["unknown"] == "refuse"
    refused = await post_event(hub, "never.heard", {})
    assert (refused.status, refused.code) == (404, "event_type.unknown")
    await declare(hub, "now.heard", policy="open")
    assert (await post_event(hub, "now.heard", {"id": "whatever"})).status == 201
    async with hub.client() as client:
        with pytest.raises(EventTypeUnknownError):
            await client.event_types.get("not.even.this")
    await hub.admin("PUT", "event-type-rules", raw=b'{"unknown": "allow"}')
    assert (await post_event(hub, "never.heard", {})).status == 201


async def test_the_sdk_refuses_before_it_sends_and_names_the_version_it_fits(hub, kind):
    await declare(hub, kind)
    async with hub.connected(await hub.token("events:publish")) as client:
        with pytest.raises(PayloadInvalidError) as caught:
            await client.publish(kind, {"id": "seven"})
        assert [(e.pointer, e.detail) for e in caught.value.errors] == [
            ("/data/id", '"seven" is not of type "integer"')
        ]
        await client.publish(kind, {"id": 7})
        await client.publish(f"{kind}.other", {"id": "seven"})
    (stored,) = await in_log(hub, kind)
    assert stored["event"]["dataschema"] == f"urn:trunkline:schema:default:{kind}:1"


async def test_clients_learn_of_changes_while_they_run(hub, kind):
    async with hub.connected(await hub.token("events:publish", "event_types:write", "event_types:read")) as client:
        await client.publish(kind, {"id": "anything goes"})
        await client.event_types.declare(
            kind, EventTypeDeclaration(schema=ORDER, policy="enforce", compatibility="none")
        )

        async def refused():
            try:
                await client.publish(kind, {"id": "seven"})
            except PayloadInvalidError:
                return True
            return False

        await eventually(refused, timeout_s=5)
        await client.event_types.add_version(kind, NewEventTypeVersion(schema=TEXT_ID))
        await eventually(lambda: _accepted(client, kind), timeout_s=5)
        await client.event_types.declare(kind, EventTypeDeclaration(policy="open"))
        await eventually(lambda: _accepted(client, kind, {"no": "id"}), timeout_s=5)


async def _accepted(client, kind, data=None):
    try:
        await client.publish(kind, data or {"id": "seven"})
    except PayloadInvalidError:
        return False
    return True


async def test_what_slips_past_the_sdk_is_quarantined_counted_and_told(hub, kind):
    await declare(hub, kind)
    await eventually(lambda: _is_read(hub, kind))
    await raw_publish(
        hub, kind, event_bytes(kind, {"id": 1}), event_bytes(kind, {"id": "x"}, "bad-1"), b"not even an event",
        event_bytes("another.type", {"id": 1}, "bad-2"), principal=f"s-{kind}",
    )  # fmt: skip
    found = await quarantined(hub, kind, 3)
    assert [(f["message_id"], f["sender"], [r["pointer"] for r in f["reasons"]]) for f in reversed(found)] == [
        ("bad-1", f"s-{kind}", ["/data/id"]), ("", f"s-{kind}", [""]), ("bad-2", f"s-{kind}", ["/type"]),
    ]  # fmt: skip
    assert (await hub.admin("GET", f"event-types/{kind}")).json["type"]["quarantined"] == 3
    assert (await hub.admin("GET", "quarantine", params={"sender": f"s-{kind}", "limit": 2})).json["next"]

    async def told():
        page = await hub.admin("GET", "events", params={"type": "trunkline.event.quarantined", "subject": kind})
        facts = [item["event"]["data"] for item in page.json["items"]]
        return sum(fact["count"] for fact in facts) == 3 and facts

    (fact, *_more) = await eventually(told)
    assert (fact["sender"], fact["policy"], fact["first_seq"]) == (f"s-{kind}", "enforce", found[-1]["seq"])


async def test_a_flood_of_invalid_events_is_one_fact_a_batch_and_the_list_stays_bounded(own_hub):
    hub = await own_hub(schemas={"quarantine_max": 50})
    await declare(hub, "order.flood")
    await eventually(lambda: _is_read(hub, "order.flood"))
    await raw_publish(hub, "order.flood", *(event_bytes("order.flood", {}, f"e{i}") for i in range(600)))

    async def all_told():
        page = await hub.admin("GET", "events", params={"type": "trunkline.event.quarantined", "limit": 500})
        facts = [item["event"]["data"] for item in page.json["items"]]
        return facts if sum(fact["count"] for fact in facts) == 600 else None

    facts = await eventually(all_told)
    assert len(facts) < 200
    listed = (await hub.admin("GET", "quarantine", params={"limit": 500})).json["items"]
    assert len(listed) == 50
    assert max(item["seq"] for item in listed) == max(fact["last_seq"] for fact in facts)


async def test_group_readers_dead_letter_what_does_not_fit(hub, kind, name):
    handled: list[dict] = []
    reader = tl.Agent(f"r-{name}")

    @reader.on(kind, group=name)
    async def note(event: dict) -> None:
        handled.append(event)

    await declare(hub, kind, compatibility="none")
    await hub.admin("POST", f"event-types/{kind}/versions", raw=msgspec.json.encode({"schema": TEXT_ID}))
    await hub.admin("PUT", f"event-types/{kind}/versions/1", raw=b'{"deprecated": true}')
    async with hub.serving(reader):
        await raw_publish(hub, kind, event_bytes(kind, {"id": None}, "bad"), event_bytes(kind, {"id": 1}, "old"), event_bytes(kind, {"id": "x"}, "new"))  # fmt: skip
        (letter,) = await dead_letters(hub, name)
        assert (letter["reason"], letter["message_id"]) == ("invalid", "bad")
        detail = await history(hub, letter["id"], 1)
        assert detail["history"][0]["error"]["errors"][0]["pointer"] == "/data/id"
        assert detail["history"][0]["number"] == 1, "an invalid event is not tried again"
        await eventually(lambda: len(handled) == 2)
    assert handled == [{"id": 1}, {"id": "x"}], "readers still take deprecated versions"


async def test_group_readers_dead_letter_what_comes_as_another_type(hub, kind, name):
    handled: list[dict] = []
    reader = tl.Agent(f"r-{name}")

    @reader.on(f"{kind}.*", group=name)
    async def note(event: dict) -> None:
        handled.append(event)

    await declare(hub, f"{kind}.checked")
    async with hub.serving(reader):
        unfit = ce.new_envelope(type=f"{kind}.open", source="/raw", data=b'{"id": "no number"}', id="disguised")
        await raw_publish(hub, f"{kind}.checked", ce.encode(unfit), event_bytes(f"{kind}.checked", {"id": 1}, "honest"))
        (letter,) = await dead_letters(hub, name)
        assert (letter["reason"], letter["message_id"]) == ("invalid", "disguised")
        detail = await history(hub, letter["id"], 1)
        assert detail["history"][0]["error"]["errors"][0]["pointer"] == "/type"
        await eventually(lambda: handled == [{"id": 1}])


async def test_rules_survive_a_restart_and_reach_the_other_hub(own_hub, tmp_path):
    first = await own_hub(hub_id="hub-1")
    second = await own_hub(hub_id="hub-2")
    assert (await post_event(second, "order.two", {"id": "x"})).status == 201
    await declare(first, "order.two")

    async def refused():
        return (await post_event(second, "order.two", {"id": "x"})).status == 422

    await eventually(refused, timeout_s=5)
    await first.stop()
    again = await own_hub(hub_id="hub-1")
    assert (await post_event(again, "order.two", {"id": "x"})).status == 422


async def test_a_client_works_where_no_rules_can_be_had(own_hub, broker, monkeypatch):
    """Rules are a courtesy to the sender: without them it still sends, and the hub still sees."""
    hub = await own_hub()
    await declare(hub, "order.alone")
    async with hub.connected(await hub.token("events:publish")) as client:
        with pytest.raises(PayloadInvalidError):
            await client.publish("order.alone", {})
        await hub.stop()
        with pytest.raises(PayloadInvalidError):
            await client.publish("order.alone", {})
        await client.publish("order.alone", {"id": 1})


async def _is_read(hub, kind):
    """Whether the quarantine's consumer reads this type already."""
    js = hub.component("bus").js()
    info = await js.consumer_info(subjects.events_stream("default"), "hub_event_quarantine")
    config = info.config
    return subjects.event_filter("default", kind) in (config.filter_subjects or [config.filter_subject])


async def test_a_client_may_hear_of_changes_and_of_nothing_else(sqlite_hub):
    token = await sqlite_hub.token("events:publish")
    denied: list[str] = []
    async with sqlite_hub.connected(token) as client:
        client.bus.on_denied.append(lambda kind, subject: denied.append(subject))
        await client.bus.subscribe(subjects.event("default", subjects.HUB, "trunkline.agent.registered"), asyncio.sleep)
        await client.bus.flush()
        await eventually(lambda: denied)
    assert denied == [subjects.event("default", subjects.HUB, "trunkline.agent.registered")]
