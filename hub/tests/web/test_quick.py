"""The lane past the framework: what it answers, the usual way would have answered the same."""

import asyncio
import json

import pytest
from trunkline.protocol.ids import new_id

PATH = "/api/v1/w/default/events"
SLOW = {"Origin": "http://127.0.0.1"}
"""What no plain request has: it goes the usual way."""
BINARY = {"ce-specversion": "1.0", "ce-source": "/t", "Content-Type": "application/json"}


def structured(name, **more):
    event = {"specversion": "1.0", "type": f"{name}.made", "source": "/t", "id": new_id(), "data": {"n": 1}, **more}
    return {"Content-Type": "application/cloudevents+json"}, json.dumps(event).encode()


def binary(name, body=b'{"n":1}', **more):
    return {**BINARY, "ce-type": f"{name}.made", "ce-id": new_id(), **more}, body


REQUESTS = {
    "structured": lambda name: structured(name),
    "binary": lambda name: binary(name),
    "binary of another kind": lambda name: binary(name, b"\x00\xff", **{"Content-Type": "image/png"}),
    "with extensions": lambda name: structured(name, correlationid="c1", partitionkey="k", expirytime="2031-01-01T00:00:00Z"),
    "percent-encoded": lambda name: binary(name, **{"ce-subject": "Euro%20%E2%82%AC"}),
    "plain json": lambda name: ({"Content-Type": "application/json"}, structured(name)[1]),
    "no type": lambda name: structured(name, type=None),
    "a reserved type": lambda name: structured(name, type="trunkline.mine"),
    "not an event": lambda name: ({"Content-Type": "application/cloudevents+json"}, b'{"a":1}'),
    "not JSON": lambda name: ({"Content-Type": "application/cloudevents+json"}, b"{"),
    "not UTF-8": lambda name: binary(name, **{"ce-subject": "%FF"}),
    "a batch": lambda name: (
        {"Content-Type": "application/cloudevents-batch+json"}, b"[" + structured(name)[1] + b"]",
    ),
    "another media type": lambda name: ({"Content-Type": "text/plain"}, b"hello"),
}  # fmt: skip


def _same(answer):
    kept = {key: value for key, value in answer.headers.items() if key.lower() in {"content-type", "retry-after"}}
    shown = answer.json
    for moving in ("id", "seq", "request_id", "stored_at", "items"):
        shown.pop(moving, None)
    return answer.status, kept, shown


@pytest.mark.parametrize("kind", REQUESTS)
async def test_both_ways_answer_the_same(hub, name, kind):
    found = []
    for more in ({}, SLOW):
        headers, body = REQUESTS[kind](name)
        answer = await hub.admin("POST", PATH, raw=body, headers={**headers, **more})
        assert len(answer.headers["X-Request-Id"]) == 36 and "RateLimit" in answer.headers
        found.append(_same(answer))
    assert found[0] == found[1]


async def test_plain_requests_take_it_and_no_others(hub, name):
    lane, usual = hub.app.asgi_handler, []
    inner = lane._inner

    async def noted(scope, receive, send):
        usual.append(scope["path"])
        await inner(scope, receive, send)

    lane._inner = noted
    try:
        for kind in ("structured", "binary"):
            headers, body = REQUESTS[kind](name)
            assert (await hub.admin("POST", PATH, raw=body, headers=headers)).status == 201
        assert usual == []
        for more in (SLOW, {"Idempotency-Key": '"k"'}, {"Accept": "application/msgpack"}):
            headers, body = structured(name)
            assert (await hub.admin("POST", PATH, raw=body, headers={**headers, **more})).status == 201
        assert usual == [PATH] * 3
    finally:
        lane._inner = inner


async def test_what_was_sent_either_way_is_the_same_in_the_log(hub, name):
    for more in ({}, SLOW):
        for kind in ("structured", "binary", "with extensions", "percent-encoded"):
            headers, body = REQUESTS[kind](name)
            assert (await hub.admin("POST", PATH, raw=body, headers={**headers, **more})).status == 201
    items = (await hub.admin("GET", "events", params={"type": f"{name}.made"})).json["items"]
    events = [{key: value for key, value in one["event"].items() if key != "id"} for one in items]
    assert len(events) == 8 and events[:4] == events[4:]
    assert {one["sender"] for one in items} == {"admin"}


async def test_the_same_id_is_stored_once_whichever_way_it_comes(hub, name):
    headers, body = structured(name)
    first = await hub.admin("POST", PATH, raw=body, headers=headers)
    again = await hub.admin("POST", PATH, raw=body, headers={**headers, **SLOW})
    assert (first.json["duplicate"], again.json["duplicate"]) == (False, True)
    assert first.json["seq"] == again.json["seq"]


@pytest.mark.parametrize("more", [{}, SLOW], ids=["quick", "slow"])
async def test_who_may_not_is_refused(hub, name, more):
    headers, body = structured(name)
    reader = await hub.token("events:read")
    for token, status, code in ((None, 401, "token.missing"), ("tl_x_y", 401, "token.invalid"), (reader, 403, None)):
        answer = await hub.http("POST", PATH, token=token, raw=body, headers={**headers, **more})
        assert answer.status == status and (code is None or answer.code.endswith(code.split(".")[1]))
    elsewhere = await hub.admin("POST", "/api/v1/w/nowhere/events", raw=body, headers={**headers, **more})
    assert elsewhere.status == 404
    found = (await hub.admin("GET", "events", params={"type": f"{name}.made"})).json["items"]
    assert found == []


async def test_a_token_that_was_revoked_opens_neither(hub, name):
    made = (await hub.admin("POST", "tokens", json={"name": name, "scopes": ["events:publish"]})).json
    headers, body = structured(name)
    assert (await hub.http("POST", PATH, token=made["secret"], raw=body, headers=headers)).status == 201
    await hub.admin("DELETE", f"tokens/{made['token']['id']}")
    assert (await hub.http("POST", PATH, token=made["secret"], raw=body, headers=headers)).status == 401


async def test_both_ways_spend_one_budget_once(own_hub, name):
    hub = await own_hub(limits={"operations": {"POST /api/v1/w/{workspace}/events": "4/60"}})
    answers = []
    for more in ({}, SLOW, {}, SLOW):
        headers, body = structured(name)
        answers.append(await hub.admin("POST", PATH, raw=body, headers={**headers, **more}))
    left = [one.headers["RateLimit"].split(";")[1] for one in answers]
    assert left == ["r=3", "r=2", "r=1", "r=0"]
    for more in ({}, SLOW):
        headers, body = structured(name)
        answer = await hub.admin("POST", PATH, raw=body, headers={**headers, **more})
        assert (answer.status, answer.code) == (429, "request.rate_limited")
    wrong = await own_hub(limits={"operations": {"POST /api/v1/w/{workspace}/events": "4/60"}})
    headers, _body = structured(name)
    answer = await wrong.admin("POST", PATH, raw=b"{", headers=headers)
    assert answer.status >= 400 and "r=3" in answer.headers["RateLimit"], "the second way spends nothing more"


async def test_one_connection_carries_many_of_all_kinds(hub, name):
    """What one request left unread would be taken for the next one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(hub.url.rsplit(":", 1)[1]))
    for kind in ("structured", "not JSON", "binary", "a batch", "structured"):
        headers, body = REQUESTS[kind](name)
        head = {
            "Host": "127.0.0.1",
            "Authorization": f"Bearer {hub.admin_token}",
            "Content-Length": len(body),
            **headers,
        }
        lines = "".join(f"{key}: {value}\r\n" for key, value in head.items())
        raw = f"POST {PATH} HTTP/1.1\r\n{lines}\r\n".encode() + body
        writer.write(raw[: len(raw) - 3])
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(raw[len(raw) - 3 :])
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answer.split("content-length: ")[1].split("\r\n")[0])
        await reader.readexactly(length)
        assert answer.split(" ", 2)[1] in ({"201"} if kind != "not JSON" else {"400", "422"})
    writer.close()


async def test_requests_are_counted_and_carry_their_trace(hub, name):
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
    headers, body = structured(name)
    await hub.admin("POST", PATH, raw=body, headers={**headers, "traceparent": trace})
    metrics = (await hub.admin("GET", "/metrics")).body.decode()
    assert any('route="/api/v1/w/{workspace}/events"' in one and 'method="POST"' in one for one in metrics.splitlines())
