"""Exchange with the official SDKs of CloudEvents, for Python and JavaScript: both ways, each mode, HTTP and NATS."""

import asyncio
import base64
import json
from datetime import UTC, datetime

import pytest
import trunkline as tl
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent
from trunkline.protocol import subjects

from support.letters import raw_client

MODES = ["binary", "structured"]
SUBJECT = 'a "b" % größe 😀'
ASCII = "a/b"
"""The JavaScript SDK neither escapes nor unescapes header values: in binary mode it is given none that need it."""
BATCH = "application/cloudevents-batch+json"

CASES = {
    "json": ("application/json", {"n": 1, "t": "grüß"}),
    "text": ("text/plain", "grüß 😀"),
    "xml": ("application/xml", '<a b="1"/>'),
    "bytes": ("application/octet-stream", bytes(range(256))),
}


def attributes(name: str, kind: str) -> dict:
    return {
        "specversion": "1.0", "id": f"{name}-ü 1", "source": "https://example.org/a?b=%20", "type": name, "subject": SUBJECT,
        "dataschema": "https://example.org/schema", "datacontenttype": kind, "comexample": "x y", "flagtext": "true",
    }  # fmt: skip


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


class Listener:
    """An agent of ours that hears one type."""

    def __init__(self, name: str) -> None:
        self.heard: asyncio.Queue = asyncio.Queue()
        self.agent = tl.Agent(name)

        @self.agent.on(name)
        async def follow(data: bytes, ctx: tl.Context) -> None:
            self.heard.put_nowait((ctx.message, ctx.extensions, data))

    async def check(self, given: dict, kind: str, data) -> None:
        message, extensions, raw = await asyncio.wait_for(self.heard.get(), 15)
        named = {n: v for n in given if (v := getattr(message, n, None)) is not None}
        assert named | extensions == given
        assert (json.loads(raw) if kind == "application/json" else raw) == (
            data.encode() if isinstance(data, str) else data
        )


async def publish_raw_event(hub, name: str, payload: bytes, headers: dict[str, str]) -> None:
    token = await hub.token("events:publish", principal=name)
    async with raw_client(hub, token) as client:
        await client.publish(subjects.event("default", name, name), payload, headers=headers)
        await client.flush()


async def ours(hub, name: str, kind: str, data, subject: str = SUBJECT) -> int:
    """An event as our SDK sends it; returns its place in the log."""
    async with hub.connected() as client:
        ack = await client.publish(name, data, subject=subject, key="k", content_type=kind)
    return ack.seq


# --- Python ----------------------------------------------------------------------------------------


def pythons(name: str, kind: str, data) -> CloudEvent:
    return CloudEvent(attributes(name, kind) | {"time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}, data)


def as_message(event: CloudEvent, mode: str) -> http.HTTPMessage:
    return http.to_binary_event(event) if mode == "binary" else http.to_structured_event(event)


@pytest.mark.parametrize("transport", ["http", "nats"])
@pytest.mark.parametrize("mode", MODES)
async def test_what_the_python_sdk_sends_is_heard(sqlite_hub, name, case, mode, transport):
    kind, data = case
    listener = Listener(name)
    message = as_message(pythons(name, kind, data), mode)
    async with sqlite_hub.serving(listener.agent):
        if transport == "http":
            answer = await sqlite_hub.admin("POST", "events", data=message.body, headers=dict(message.headers))
            assert answer.status == 201, answer.body
        else:
            await publish_raw_event(sqlite_hub, name, message.body, dict(message.headers))
        await listener.check(attributes(name, kind) | {"time": "2026-01-02T03:04:05Z"}, kind, data)


async def test_a_batch_of_the_python_sdks_events_is_heard(sqlite_hub, name):
    kind, data = CASES["json"]
    bodies = [
        http.to_structured_event(CloudEvent(attributes(name, kind) | {"id": f"{name}{n}"}, data)).body for n in range(3)
    ]
    listener = Listener(name)
    async with sqlite_hub.serving(listener.agent):
        answer = await sqlite_hub.admin(
            "POST", "events", raw=b"[" + b",".join(bodies) + b"]", headers={"Content-Type": BATCH}
        )
        assert (answer.status, answer.json["stored"]) == (201, 3)
        heard = [(await asyncio.wait_for(listener.heard.get(), 10))[0].id for _ in range(3)]
    assert heard == [f"{name}{n}" for n in range(3)]


@pytest.mark.parametrize("transport", ["http", "nats"])
@pytest.mark.parametrize("mode", MODES)
async def test_the_python_sdk_reads_what_is_ours(sqlite_hub, name, case, mode, transport):
    kind, data = case
    seq = await ours(sqlite_hub, name, kind, data)
    if transport == "http":
        options = (
            {"params": {"mode": "binary"}}
            if mode == "binary"
            else {"headers": {"Accept": "application/cloudevents+json"}}
        )
        answer = await sqlite_hub.admin("GET", f"events/{seq}", **options)
        message = http.HTTPMessage(headers={k.lower(): v for k, v in answer.headers.items()}, body=answer.body)
    else:
        raw = await sqlite_hub.component("bus").js().get_msg("EVENTS_default", seq)
        headers = {k.lower(): str(v) for k, v in raw.headers.items() if k.lower() != "ce-datacontenttype"}
        message = http.HTTPMessage(headers=headers, body=raw.data)
    event = http.from_http_event(message)
    assert (event.get_type(), event.get_subject(), event.get_source()) == (name, SUBJECT, "/default/admin")
    assert (event.get_datacontenttype(), event.get_extension("partitionkey")) == (kind, "k")
    found = event.get_data()
    if isinstance(data, str) and isinstance(found, bytes):
        found = found.decode()
    assert found == data


# --- JavaScript ------------------------------------------------------------------------------------


def for_node(name: str, kind: str, mode: str) -> dict:
    plain = (
        {"id": name, "subject": ASCII, "comexample": "xy", "source": "https://example.org/a?b=c"}
        if mode == "binary"
        else {}
    )
    return attributes(name, kind) | {"time": "2026-01-02T03:04:05.678Z"} | plain


def nodes(name: str, kind: str, data, mode: str = "structured") -> dict:
    slot = {dict: "data_json", str: "data_text", bytes: "data_bytes"}[type(data)]
    value = base64.b64encode(data).decode() if isinstance(data, bytes) else data
    return for_node(name, kind, mode) | {slot: value}


@pytest.mark.parametrize("mode", MODES)
async def test_what_the_javascript_sdk_sends_over_http_is_heard(sqlite_hub, node, name, case, mode):
    kind, data = case
    listener = Listener(name)
    async with sqlite_hub.serving(listener.agent):
        url = f"{sqlite_hub.url}/api/v1/w/default/events"
        ack = await node(
            command="send", url=url, token=sqlite_hub.admin_token, mode=mode, event=nodes(name, kind, data, mode)
        )
        assert ack["id"] == for_node(name, kind, mode)["id"]
        await listener.check(for_node(name, kind, mode), kind, data)


@pytest.mark.parametrize("mode", MODES)
async def test_what_the_javascript_sdk_writes_is_heard_over_nats(sqlite_hub, node, name, case, mode):
    kind, data = case
    listener = Listener(name)
    message = await node(command="write", mode=mode, event=nodes(name, kind, data, mode))
    async with sqlite_hub.serving(listener.agent):
        await publish_raw_event(sqlite_hub, name, base64.b64decode(message["body"]), message["headers"])
        await listener.check(for_node(name, kind, mode), kind, data)


async def test_a_batch_of_the_javascript_sdks_events_is_heard(sqlite_hub, node, name):
    kind, data = CASES["json"]
    commands = [
        {"command": "write", "mode": "structured", "event": nodes(name, kind, data) | {"id": f"{name}{n}"}}
        for n in range(3)
    ]
    bodies = [base64.b64decode(message["body"]) for message in await node.all(commands)]
    answer = await sqlite_hub.admin(
        "POST", "events", raw=b"[" + b",".join(bodies) + b"]", headers={"Content-Type": BATCH}
    )
    assert (answer.status, answer.json["stored"]) == (201, 3)


# The SDK takes the body of a message as text: bytes make the way to it in structured mode only.
@pytest.mark.parametrize(
    ("case", "mode"), [(c, m) for c in CASES for m in MODES if (c, m) != ("bytes", "binary")], indirect=["case"]
)
async def test_the_javascript_sdk_reads_what_is_ours(sqlite_hub, node, name, case, mode):
    kind, data = case
    subject = ASCII if mode == "binary" else SUBJECT
    seq = await ours(sqlite_hub, name, kind, data, subject)
    url = f"{sqlite_hub.url}/api/v1/w/default/events/{seq}"
    structured = {"accept": "application/cloudevents+json"} if mode == "structured" else {}
    query = "?mode=binary" if mode == "binary" else ""
    commands = [{"command": "fetch", "url": url + query, "token": sqlite_hub.admin_token, **structured}]
    if (kind == "application/json") == (mode == "structured"):  # the mode in which our SDK sends it over NATS
        raw = await sqlite_hub.component("bus").js().get_msg("EVENTS_default", seq)
        headers = {k.lower(): str(v) for k, v in raw.headers.items() if k.lower() != "ce-datacontenttype"}
        commands.append({"command": "read", "headers": headers, "body": base64.b64encode(raw.data).decode()})
    for event in await node.all(commands):
        told = event["attributes"]
        assert [told[n] for n in ("type", "subject", "source", "partitionkey")] == [
            name,
            subject,
            "/default/admin",
            "k",
        ]
        assert told["datacontenttype"] == kind
        found = base64.b64decode(event["bytes"]) if "bytes" in event else event["value"]
        assert (found.decode() if isinstance(data, str) and isinstance(found, bytes) else found) == data
