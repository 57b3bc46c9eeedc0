"""The eight v1 events that the official conformance tool sends: the same over HTTP and NATS, in and out.

`conformance.json` says the same events in our own words. The tool trims
values, leaves out what is empty and percent-encodes nothing; so does this.
"""

import asyncio
import json
from pathlib import Path

import pytest
import trunkline as tl
from trunkline.protocol import binary, modes, subjects

from support.letters import raw_client

EVENTS = json.loads((Path(__file__).parent / "conformance.json").read_text())
STRUCTURED = "application/cloudevents+json; charset=UTF-8"
WAYS_IN = ["http", "nats", "http structured", "nats structured", "http batch", "nats escaped"]


def is_json(event: dict) -> bool:
    return "json" in event["attributes"].get("datacontenttype", "application/json")


def in_headers(event: dict) -> tuple[bytes, dict[str, str]]:
    attributes = dict(event["attributes"])
    content_type = attributes.pop("datacontenttype", None)
    headers = {f"ce-{name}": value for name, value in attributes.items()}
    return event["data"].encode(), headers | ({"Content-Type": content_type} if content_type else {})


def in_one(event: dict) -> bytes:
    data = json.loads(event["data"]) if is_json(event) else event["data"]
    return json.dumps(event["attributes"] | {"data": data}).encode()


def same(event: dict, attributes: dict, data: bytes, *, exactly: bool) -> None:
    """What came out is what went in; JSON that went through an envelope may differ in white space."""
    expected = dict(event["attributes"])
    if not exactly and is_json(event):  # in an envelope, no type means JSON
        expected.setdefault("datacontenttype", "application/json")
    assert attributes == expected
    if exactly or not is_json(event):
        assert data == event["data"].encode()
    else:
        assert json.loads(data) == json.loads(event["data"])


async def send(hub, event: dict, way: str, principal: str) -> None:
    token = await hub.token("events:publish", "queues:enqueue", principal=principal)
    payload, headers = in_headers(event)
    if way == "http":
        automatic = [] if "Content-Type" in headers else ["Content-Type"]
        answer = await hub.http(
            "POST", "events", token=token, data=payload, headers=headers, skip_auto_headers=automatic
        )
        assert answer.status == 201, answer.body
        return
    if way == "http structured":
        answer = await hub.http("POST", "events", token=token, raw=in_one(event), headers={"Content-Type": STRUCTURED})
        assert answer.status == 201, answer.body
        return
    if way == "http batch":
        kind = {"Content-Type": "application/cloudevents-batch+json; charset=UTF-8"}
        answer = await hub.http("POST", "events", token=token, raw=b"[" + in_one(event) + b"]", headers=kind)
        assert answer.status == 201, answer.body
        return
    if way == "nats structured":
        payload, headers = in_one(event), {"Content-Type": STRUCTURED}
    elif way == "nats escaped":
        headers = {name: binary.quote(value) if name != "Content-Type" else value for name, value in headers.items()}
    async with raw_client(hub, token) as client:
        await client.publish(
            subjects.event("default", principal, event["attributes"]["type"]), payload, headers=headers
        )
        await client.flush()


async def over_http_binary(hub, seq: int) -> tuple[dict, bytes]:
    answer = await hub.admin("GET", f"events/{seq}", params={"mode": "binary"})
    attributes = {
        name[3:].lower(): binary.unquote(value)
        for name, value in answer.headers.items()
        if name.lower().startswith("ce-")
    }
    if "Content-Type" in answer.headers:
        attributes["datacontenttype"] = answer.headers["Content-Type"]
    return attributes, answer.body


async def over_http_structured(hub, seq: int) -> tuple[dict, bytes]:
    answer = await hub.admin("GET", f"events/{seq}", headers={"Accept": "application/cloudevents+json"})
    return modes.split(answer.body, None)


def test_there_are_eight():
    assert len(EVENTS) == 8


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize("number", range(8))
async def test_an_event_is_the_same_wherever_it_goes_in_and_comes_out(sqlite_hub, name, number, way):
    event = EVENTS[number]
    principal = f"{name}-c"
    async with sqlite_hub.connected() as client, client.subscribe(event["attributes"]["type"]) as events:
        await send(sqlite_hub, event, way, principal)
        received = await asyncio.wait_for(anext(events), 10)
    exactly = way not in {"http structured", "nats structured", "http batch"}
    assert received.sender == principal
    seq, message = received.seq, received.message
    named = {
        n: v
        for n in ("specversion", "id", "source", "type", "subject", "time", "datacontenttype")
        if (v := getattr(message, n))
    }
    expected = {n: v for n, v in event["attributes"].items() if not n.startswith("comexample")}
    assert named == expected, "nothing is added, nothing is lost"
    same(event, *await over_http_binary(sqlite_hub, seq), exactly=exactly)
    attributes, data = await over_http_structured(sqlite_hub, seq)
    declared_json = is_json(event) and "datacontenttype" in event["attributes"]  # it becomes a value of the envelope
    same(event, attributes, data, exactly=exactly and not declared_json)


@pytest.mark.parametrize("number", range(8))
async def test_an_event_is_the_same_as_work(sqlite_hub, name, number):
    event = EVENTS[number]
    got: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(data: bytes, ctx: tl.Context) -> None:
        got.put_nowait((ctx.message, ctx.extensions, data))

    payload, headers = in_headers(event)
    automatic = [] if "Content-Type" in headers else ["Content-Type"]
    async with sqlite_hub.serving(agent):
        path = f"queues/{name}/messages"
        token = await sqlite_hub.token("queues:enqueue")
        answer = await sqlite_hub.http(
            "POST", path, token=token, data=payload, headers=headers, skip_auto_headers=automatic
        )
        assert answer.status == 201
        message, extensions, data = await asyncio.wait_for(got.get(), 10)
    named = {
        n: v for n in ("specversion", "id", "source", "type", "time", "datacontenttype") if (v := getattr(message, n))
    }
    assert named | extensions == event["attributes"]
    assert data == payload
