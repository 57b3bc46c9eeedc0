"""HTTP as it should not be: every answer is an error of the catalogue, none is a 500."""

import asyncio
import json

import pytest
from trunkline.protocol.errors import CATALOGUE

CODES = {error.code: error.status for error in CATALOGUE}
BODIES = {
    "empty": b"", "broken": b"{", "text": b"hello", "array": b"[]", "null": b"null", "number": b"7", "latin": b'{"name":"\xff"}',
    "nul": b'{"name":"\\u0000","scopes":["\\u0000"],"secret":"\\u0000"}', "surrogate": b'{"name":"\\ud800"}', "binary": bytes(range(256)),
    "deep": b"[" * 100_000, "deep value": b'{"data":' + b"[" * 50_000 + b"]" * 50_000 + b',"name":"x","scopes":[]}', "twice": b"{}{}",
    "huge number": b'{"expires_in_s":1' + b"0" * 400 + b',"ack_wait_s":1e999,"timeout_s":1e999,"name":"x","scopes":[]}',
    "services": b'{"agents":{},"a2a":[],"queues":7,"handlers":"x","routes":{},"events":[[]],"index":{},"jobs":0,"tasks":{}}',
    "huge revision": b'{"revision":99999999999999999999,"seq":99999999999999999999,"limit":99999999999999999999,"note":"x"}',
    "wrong types": b'{"name":{},"scopes":7,"secret":[],"retry":[],"skills":{},"readers":"x","types":1,"timeout_s":"x","version":[]}',
}  # fmt: skip


def fine(answer) -> None:
    assert answer.status < 500, answer.body[:500]
    if answer.status >= 400:  # a list that was found tells what others wrote, whatever that is
        assert b"Traceback" not in answer.body
        assert b"site-packages" not in answer.body
        assert b".py" not in answer.body
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert CODES[answer.code] == answer.status
        assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def writes(hub):
    """(method, path) of every operation that takes a body; protocols of others answer in their own way."""
    for route in hub.app.routes:
        for handler in route.route_handlers:
            for method in handler.http_methods & {"POST", "PUT"}:
                path = route.path_format.replace("{workspace}", "default")
                while "{" in path:
                    path = path[: path.index("{")] + "abused" + path[path.index("}") + 1 :]
                if path != "/api/v1/signin-links" and path.startswith("/api/"):
                    yield method, path


@pytest.mark.parametrize("body", BODIES, ids=BODIES)
async def test_a_wrong_body_is_the_senders_fault_everywhere(hub, body):
    for method, path in writes(hub):
        answer = await _answered(hub, method, path, BODIES[body])
        try:
            fine(answer)
        except AssertionError as error:
            raise AssertionError(f"{method} {path}: {error}") from error
    assert (await hub.admin("GET", "/health")).json["ok"]


async def _answered(hub, method, path, raw):
    """Ask again where the broker was too slow: that is an answer too, but to another question."""
    for _ in range(3):
        answer = await hub.admin(method, path, raw=raw)
        if answer.status != 503 or answer.code != "bus.unavailable":
            break
    return answer


@pytest.mark.parametrize("path", ["events", "queues/abused/messages", "tokens", "/api/v1/session"])
async def test_a_body_over_the_limit_is_refused(sqlite_hub, path):
    answer = await sqlite_hub.admin("POST", path, raw=b'{"data":"' + b"x" * 10 * 2**20 + b'"}')
    assert (answer.status, answer.code) == (413, "request.too_large")
    fine(answer)


async def test_a_body_over_the_limit_is_refused_when_its_size_is_not_told(sqlite_hub):
    async def chunks():
        for _ in range(12):
            yield b"x" * 2**20

    answer = await sqlite_hub.admin("POST", "events", data=chunks())
    assert answer.status == 413


async def test_a_message_that_fits_http_but_not_the_broker_is_refused(sqlite_hub, name):
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": name, "data": "x" * (8 * 2**20 - 600)}
    answer = await sqlite_hub.admin("POST", "events", raw=json.dumps(event).encode())
    assert answer.status in {201, 413}
    fine(answer)


@pytest.mark.parametrize("path", ["/api/v1/nowhere", "/api/v1/w/default/nowhere", "/api/v1/w", "/api/v2", "/api", "/a2a/x", "/x.png",
                                  "/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/../../app.py", "/%00", "/api/v1/w/%00/events",
                                  "/api/v1/w/default/queues/%00", "/api/v1/w/default/events?type=%00", "/api/v1/w/" + "x" * 3000 + "/events",
                                  "/api/v1/w/default/queues/" + "%F0%9F%9A%80", "/api/v1/w/default/queues/%ff%fe", "//", "/api//v1"])  # fmt: skip
async def test_unknown_places_are_told_as_such(hub, path):
    import yarl

    assert hub._session is not None
    url = yarl.URL(hub.url + path, encoded=True)
    headers = {"Authorization": f"Bearer {hub.admin_token}"}
    async with hub._session.get(url, headers=headers) as response:
        body = await response.read()
        assert response.status in {200, 400, 404, 405}, body
        assert b"root:" not in body
        assert b"Traceback" not in body
        if response.status >= 400:
            assert json.loads(body)["code"] in CODES


async def test_an_address_of_the_dashboard_may_end_in_a_dotted_name(sqlite_hub):
    named, plain = [await sqlite_hub.admin("GET", path) for path in ("/types/order.created", "/types")]
    assert (named.status, named.headers["Content-Type"]) == (plain.status, plain.headers["Content-Type"])
    for missing in ("/nope.png", "/assets/nope.js"):
        answer = await sqlite_hub.admin("GET", missing)
        assert (answer.status, answer.json["code"]) == (404, "not_found.route")
        assert missing in answer.json["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "events"), ("PATCH", "queues/x"), ("POST", "queues"), ("PUT", "/livez"), ("POST", "/")],
)
async def test_a_wrong_method_names_those_that_work(sqlite_hub, method, path):
    answer = await sqlite_hub.admin(method, path)
    fine(answer)
    assert (answer.status, answer.code) == (405, "request.method_not_allowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded", "nonsense", "",
                                  "application/json; charset=utf-16"])  # fmt: skip
@pytest.mark.parametrize("path", ["tokens", "events", "events/subscriptions", "skills/x/call"])
async def test_a_wrong_media_type_does_no_harm(sqlite_hub, kind, path):
    fine(await sqlite_hub.admin("POST", path, data=b"a=b", headers={"Content-Type": kind}))


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=-1", "limit=x", "limit=1e9", "limit=", "limit=1&limit=2", "cursor=%F0%9F",
                                   "cursor=" + "A" * 2000, "cursor=AA", "cursor==", "cursor=ZGVhZA", "cursor=ADAA", "unknown=1",
                                   "waiting=perhaps", "lane=x", "state=x&skill=%27%3B--", "newest=7", "since=%00"])  # fmt: skip
async def test_wrong_query_parameters_are_refused_or_ignored(hub, query):
    for path in ("events", "queues", "agents", "dead-letters", "tokens", "audit"):
        answer = await hub.admin("GET", f"{path}?{query}")
        try:
            fine(answer)
        except AssertionError as error:
            raise AssertionError(f"{path}: {error}") from error
        if query in {"limit=0", "limit=501", "limit=-1", "limit=x"}:
            assert answer.status == 422 or answer.status == 400


async def test_quotes_in_names_are_only_letters(hub):
    for evil in ("x' OR '1'='1", 'x"; DROP TABLE agents; --', "%27", "x\\"):
        for path in ("agents", "queues", "dead-letters"):
            fine(await hub.admin("GET", f"{path}/{evil}"))
        found = await hub.admin("GET", "agents", params={"skill": evil})
        assert found.json["items"] == []


@pytest.mark.parametrize("traceparent", ["x", "00-" + "0" * 32 + "-" + "0" * 16 + "-00", "\u00ff", "a" * 5000])
async def test_a_wrong_traceparent_is_replaced(sqlite_hub, name, traceparent):
    await sqlite_hub.admin("PUT", f"queues/{name}", raw=b"{}")
    answer = await sqlite_hub.admin("POST", f"queues/{name}/messages", raw=b"{}", headers={"traceparent": traceparent})
    assert answer.status == 201


@pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100, b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                                 b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
                                 b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n", b"A" * 70_000])  # fmt: skip
async def test_what_is_no_http_ends_the_connection_and_nothing_else(sqlite_hub, raw):
    reader, writer = await asyncio.open_connection(*sqlite_hub.socket.getsockname())
    writer.write(raw)
    writer.write_eof()
    try:
        async with asyncio.timeout(10):
            await reader.read()
    except ConnectionError:
        pass
    writer.close()
    assert (await sqlite_hub.http("GET", "/livez")).status == 200


async def test_health_and_metrics_tell_what_runs(sqlite_hub):
    health = (await sqlite_hub.admin("GET", "/health")).json
    assert health["ok"]
    assert {"bus", "reconciler", "auth-callout", "outbox-relay", "backstop", "orphan-scan", "presence"} <= {
        c["name"] for c in health["components"]
    }
    metrics = (await sqlite_hub.admin("GET", "/metrics")).body.decode()
    assert 'trunkline_http_requests_total{method="GET",route="/readyz",status="200"}' in metrics
    assert "/api/v1/w/default" not in metrics, "routes, not paths: their number stays small"
    assert 'trunkline_bus_up{workspace="default"} 1.0' in metrics
