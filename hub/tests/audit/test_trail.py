"""The audit trail: every change leaves a row, a failed one leaves none."""

import json

import pytest


async def entries(hub, action: str | None = None) -> list[dict]:
    found = (await hub.admin("GET", "audit", params={"limit": 500})).json["items"]
    return [entry for entry in found if action in {None, entry["action"]}]


async def count(hub) -> int:
    seen, cursor = 0, None
    while True:
        page = (await hub.admin("GET", "audit", params={"limit": 500} | ({"cursor": cursor} if cursor else {}))).json
        seen += len(page["items"])
        cursor = page["next"]
        if cursor is None:
            return seen


def mutations(name: str):
    """(action, resource, request) of everything that changes state over HTTP, in an order that works."""
    return [
        ("token.created", "token/", ("POST", "tokens", {"name": "t", "scopes": [], "principal": name})),
        ("queue.declared", f"queue/{name}", ("PUT", f"queues/{name}", {"ack_wait_s": 9})),
        ("agent.registered", f"agent/{name}", ("PUT", f"agents/{name}", {"version": "1"})),
        ("agent.removed", f"agent/{name}", ("DELETE", f"agents/{name}", None)),
        ("signin_link.created", "principal/admin", ("POST", "/api/v1/signin-links", None)),
        ("session.ended", "principal/admin", ("DELETE", "/api/v1/session", None)),
    ]


async def test_every_change_leaves_a_row_with_its_request(hub, name):
    for action, resource, (method, path, body) in mutations(name):
        answer = await hub.admin(method, path, raw=None if body is None else json.dumps(body).encode())
        assert answer.status < 300, answer.body
        newest = (await entries(hub))[0]
        assert (newest["action"], newest["principal"]) == (action, "admin")
        assert newest["resource"].startswith(resource)
        assert newest["request_id"] == answer.headers["X-Request-Id"]
        assert hub.admin_token not in json.dumps(newest)


async def test_revoking_is_on_record_and_secrets_are_not(hub, name):
    made = await hub.admin("POST", "tokens", raw=json.dumps({"name": "t", "scopes": [], "principal": name}).encode())
    await hub.admin("DELETE", f"tokens/{made.json['token']['id']}")
    newest = (await entries(hub))[0]
    assert (newest["action"], newest["resource"]) == ("token.revoked", f"token/{made.json['token']['id']}")
    assert made.json["secret"].split("_")[2] not in json.dumps(await entries(hub))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "tokens", b'{"name":"t","scopes":["nonsense"]}'), ("POST", "tokens", b"{"), ("DELETE", "tokens/nobody", None),
     ("PUT", "queues/a b", b"{}"), ("PUT", "queues/q", b'{"ack_wait_s":-1}'), ("PUT", "agents/a b", b"{}"), ("DELETE", "agents/nobody", None),
     ("POST", "dead-letters/nobody/redrive", None), ("POST", "/api/v1/session", b'{"secret":"x"}'),
     ("PUT", "agents/failing", b'{"readers":[{"lane":"queue","name":"failing"},{"lane":"group","name":"g","types":["a b"]}]}')],
)  # fmt: skip
async def test_a_failing_request_leaves_no_row_and_no_other_trace(hub, method, path, body):
    before = await count(hub)
    answer = await hub.admin(method, path, raw=body)
    assert 400 <= answer.status < 500
    assert await count(hub) == before
    assert (await hub.admin("GET", "queues/failing")).status == 404, "what went before the failure is rolled back"


async def test_reading_leaves_no_row(hub):
    before = await count(hub)
    for path in ("tokens", "queues", "agents", "dead-letters", "events", "audit"):
        assert (await hub.admin("GET", path)).status == 200
    assert await count(hub) == before


async def test_the_trail_of_another_workspace_is_its_own(hub, name):
    await hub.token("events:read", principal=name, workspace="other")
    assert not [e for e in await entries(hub, "token.created") if e["detail"].get("principal") == name]
    theirs = (await hub.admin("GET", "/api/v1/w/other/audit")).json["items"]
    assert [e for e in theirs if e["detail"].get("principal") == name]


async def test_pages_are_newest_first_and_complete(hub, name):
    for n in range(5):
        await hub.admin("PUT", f"queues/{name}-{n}", raw=b"{}")
    seen, cursor = [], None
    while len(seen) < 5:
        page = (await hub.admin("GET", "audit", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json
        seen += page["items"]
        cursor = page["next"]
    assert [e["resource"] for e in seen[:5]] == [f"queue/{name}-{n}" for n in (4, 3, 2, 1, 0)]


async def test_declaring_the_same_again_is_no_change(hub, name):
    await hub.admin("PUT", f"queues/{name}", raw=b"{}")
    before = await count(hub)
    assert (await hub.admin("PUT", f"queues/{name}", raw=b"{}")).status == 200
    assert await count(hub) == before
