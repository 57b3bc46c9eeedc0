"""Tokens, sign-in links, sessions over HTTP."""

import json

import pytest
from trunkline.protocol.errors import CATALOGUE
from trunkline_hub.core.clock import SystemClock
from trunkline_hub.db import Database
from trunkline_hub.security import store
from trunkline_hub.security.model import Key, KnownKeys

from support.hub import FakeClock, eventually

CODES = {error.code: error.status for error in CATALOGUE}


def body(**fields) -> bytes:
    return json.dumps({"name": "t", "scopes": []} | fields).encode()


async def test_a_token_can_do_no_more_than_its_maker(hub, name):
    maker = await hub.token("tokens:*", "events:read", principal=name)
    refused = await hub.http(
        "POST", "tokens", token=maker, raw=body(scopes=["events:read", "events:publish", "*", "events:*"])
    )
    assert (refused.status, refused.pointers) == (422, ["/scopes/1", "/scopes/2", "/scopes/3"])
    made = await hub.http("POST", "tokens", token=maker, raw=body(scopes=["events:read"]))
    assert made.status == 201
    assert made.json["token"]["principal"] == name
    assert (await hub.http("GET", "events", token=made.json["secret"])).status == 200


async def test_scopes_that_do_not_exist_are_named(sqlite_hub):
    refused = await sqlite_hub.admin("POST", "tokens", raw=body(scopes=["events:read", "x:y", "events:", "*:read"]))
    assert refused.pointers == ["/scopes/1", "/scopes/2", "/scopes/3"]


async def test_a_token_above_workspaces_is_not_made_for_a_principal_inside_one(sqlite_hub, name):
    """Nobody in a workspace can make a token for the administrator, or for the hub itself."""
    maker = await sqlite_hub.token("*", principal=name)
    for victim in ("admin", "hub"):
        answer = await sqlite_hub.http(
            "POST", "tokens", token=maker, raw=body(principal=victim, scopes=["events:publish"])
        )
        assert (answer.status, answer.pointers) == (422, ["/principal"])
    answer = await sqlite_hub.admin("POST", "tokens", raw=body(principal="hub"))
    assert answer.pointers == ["/principal"]


async def test_a_principal_of_another_workspace_is_refused(sqlite_hub, name):
    await sqlite_hub.token(principal=name, workspace="other")
    answer = await sqlite_hub.admin("POST", "tokens", raw=body(principal=name))
    assert (answer.status, answer.pointers) == (422, ["/principal"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("expires_in_s", 0), ("expires_in_s", -1), ("expires_in_s", 10**15), ("expires_in_s", 10**30), ("name", ""),
     ("name", "x" * 128), ("name", "a\x00b"), ("principal", "a b"), ("principal", "x" * 128), ("principal", "\x00"), ("principal", "*")],
)  # fmt: skip
async def test_what_cannot_be_stored_is_refused_before(hub, field, value):
    answer = await hub.admin("POST", "tokens", raw=body(**{field: value}))
    assert (answer.status, answer.pointers or [f"/{field}"]) == (422, [f"/{field}"])


async def test_a_secret_is_shown_once_and_never_listed(hub, name):
    made = await hub.admin("POST", "tokens", raw=body(principal=name))
    listed = await hub.admin("GET", "tokens", params={"limit": 500})
    assert made.json["token"]["id"] in [token["id"] for token in listed.json["items"]]
    assert made.json["secret"].encode() not in listed.body
    assert made.json["secret"].rsplit("_", 1)[1].encode() not in listed.body


async def test_a_revoked_token_opens_nothing_from_then_on(hub, name):
    token = await hub.token("events:read", principal=name)
    assert (await hub.http("GET", "events", token=token)).status == 200
    assert (await hub.admin("DELETE", f"tokens/{token.split('_')[1]}")).status == 204
    again = await hub.http("GET", "events", token=token)
    assert (again.status, again.code) == (401, "access.token_invalid")
    assert (await hub.admin("DELETE", f"tokens/{token.split('_')[1]}")).code == "token.unknown"


async def test_a_token_of_another_workspace_cannot_be_revoked_from_here(sqlite_hub):
    token = await sqlite_hub.token("events:read", workspace="other")
    maker = await sqlite_hub.token("tokens:*")
    assert (await sqlite_hub.http("DELETE", f"tokens/{token.split('_')[1]}", token=maker)).code == "token.unknown"
    admins = sqlite_hub.admin_token.split("_")[1]
    assert (await sqlite_hub.http("DELETE", f"tokens/{admins}", token=maker)).code == "token.unknown"
    assert (await sqlite_hub.http("GET", "/api/v1/w/other/events", token=token)).status == 200


async def test_a_foreign_workspace_does_not_exist_for_a_token(hub):
    token = await hub.token("*", workspace="other")
    assert (await hub.http("GET", "/api/v1/w/other/events", token=token)).status == 200
    for path in ("events", "agents", "queues", "dead-letters", "audit", "tokens", "overview", "connection"):
        answer = await hub.http("GET", path, token=token)
        assert (answer.status, answer.code) == (404, "workspace.unknown")


@pytest.mark.parametrize("tamper", [lambda t: t[:-1] + ("0" if t[-1] != "0" else "1"), lambda t: t[:-1], lambda t: t + "0",
                                    lambda t: t.upper(), lambda t: "tl_" + "0" * 16 + t[19:], lambda t: "", lambda t: "x",
                                    lambda t: t.split("_")[2], lambda t: t + "é", lambda t: "tl_" + "é" * 16 + "_" + "e" * 48])  # fmt: skip
async def test_a_tampered_token_is_refused(sqlite_hub, tamper):
    answer = await sqlite_hub.http("GET", "events", token=tamper(sqlite_hub.admin_token))
    assert answer.status == 401
    assert answer.code in {"access.token_invalid", "access.token_missing"}
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_tokens_and_what_stands_on_them_expire(own_hub, clock: FakeClock):
    """An expired token opens nothing, and neither does a session that was begun with it."""
    hub = await own_hub(clock=clock)
    token = await hub.token("events:read", "signin:write", expires_in_s=60)
    link = await hub.http("POST", "/api/v1/signin-links", token=token)
    late = await hub.http("POST", "/api/v1/signin-links", token=token)
    session = await hub.http("POST", "/api/v1/session", raw=secret_of(link))
    cookie = session.headers["Set-Cookie"].split(";")[0]
    clock.forward(59)
    assert (await hub.http("GET", "events", token=token)).status == 200
    assert (await hub.http("GET", "events", headers={"Cookie": cookie})).status == 200
    clock.forward(2)
    answer = await hub.http("GET", "events", token=token)
    assert (answer.status, answer.code) == (401, "access.token_expired")
    assert (await hub.http("GET", "events", headers={"Cookie": cookie})).status == 401
    assert (await hub.http("POST", "/api/v1/session", raw=secret_of(late))).code == "access.signin_link_invalid"


def secret_of(link) -> bytes:
    return json.dumps({"secret": link.json["url"].split("#")[1]}).encode()


async def test_a_sign_in_link_works_once(hub, name):
    token = await hub.token("signin:write", "events:read", principal=name)
    link = await hub.http("POST", "/api/v1/signin-links", token=token)
    assert link.json["url"].startswith(hub.url)
    first = await hub.http("POST", "/api/v1/session", raw=secret_of(link))
    assert (first.status, first.json["principal"]) == (201, name)
    assert {"httponly", "samesite=strict"} <= {part.strip().lower() for part in first.headers["Set-Cookie"].split(";")}
    second = await hub.http("POST", "/api/v1/session", raw=secret_of(link))
    assert (second.status, second.code) == (401, "access.signin_link_invalid")
    assert (await hub.http("POST", "/api/v1/session", raw=b'{"secret":"made up"}')).status == 401


async def test_a_browser_session_changes_nothing_without_the_csrf_header(hub, name):
    link = await hub.admin("POST", "/api/v1/signin-links")
    session = await hub.http("POST", "/api/v1/session", raw=secret_of(link))
    cookie = {"Cookie": session.headers["Set-Cookie"].split(";")[0]}
    assert (await hub.http("GET", "/api/v1/session", headers=cookie)).json["principal"] == "admin"
    refused = await hub.http("PUT", f"queues/{name}", headers=cookie, raw=b"{}")
    assert (refused.status, refused.code) == (403, "access.cross_site")
    assert (await hub.admin("GET", f"queues/{name}")).status == 404
    mine = cookie | {"X-Trunkline-Session": "1"}
    assert (await hub.http("PUT", f"queues/{name}", headers=mine, raw=b"{}")).status == 200
    assert (await hub.http("DELETE", "/api/v1/session", headers=mine)).status == 204
    assert (await hub.http("GET", "/api/v1/session", headers=cookie)).status == 401


async def test_a_session_ends_with_its_token(hub, name):
    token = await hub.token("signin:write", principal=name)
    link = await hub.http("POST", "/api/v1/signin-links", token=token)
    session = await hub.http("POST", "/api/v1/session", raw=secret_of(link))
    cookie = {"Cookie": session.headers["Set-Cookie"].split(";")[0]}
    assert (await hub.http("GET", "/api/v1/session", headers=cookie)).status == 200
    await hub.admin("DELETE", f"tokens/{token.split('_')[1]}")
    assert (await hub.http("GET", "/api/v1/session", headers=cookie)).status == 401


async def test_tokens_are_listed_in_pages(sqlite_hub):
    for _ in range(5):
        await sqlite_hub.token()
    seen, cursor = [], None
    while True:
        page = (
            await sqlite_hub.admin("GET", "tokens", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json
        seen += [token["id"] for token in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) >= 6


@pytest.mark.parametrize("wanted", [None, 3600, 60])
async def test_a_token_never_outlives_its_maker(hub, wanted):
    """A token with an end cannot make one without, nor one that ends later."""
    maker = (await hub.admin("POST", "tokens", raw=body(scopes=["tokens:*"], expires_in_s=600))).json
    made = await hub.http(
        "POST", "tokens", token=maker["secret"], raw=body(scopes=["tokens:read"], expires_in_s=wanted)
    )
    assert made.status == 201
    assert made.json["token"]["expires_at"] <= maker["token"]["expires_at"]


async def test_revoking_a_token_closes_its_open_bus_connection(sqlite_hub, name):
    """Within seconds the connection is gone and may not come back; others of the same principal stay."""
    secret = (await sqlite_hub.admin("POST", "tokens", raw=body(scopes=["events:publish"], principal=name))).json
    other = await sqlite_hub.token("events:publish", principal=name)
    async with sqlite_hub.client(secret["secret"]) as revoked, sqlite_hub.client(other) as spared:
        await revoked.publish(f"{name}.sent", 1)
        await spared.publish(f"{name}.sent", 2)
        assert (await sqlite_hub.admin("DELETE", f"tokens/{secret['token']['id']}")).status == 204

        await eventually(lambda: not revoked.bus.is_up)
        await spared.publish(f"{name}.sent", 3)
        assert spared.bus.reconnects == 0


async def test_a_revocation_is_not_lost_while_the_system_account_is_away(sqlite_hub, name):
    """The hub's own system connection is ended in the moment of the revocation: it does it when it is back."""
    eviction = sqlite_hub.component("eviction")
    secret = (await sqlite_hub.admin("POST", "tokens", raw=body(scopes=["events:publish"], principal=name))).json
    async with sqlite_hub.client(secret["secret"]) as revoked:
        await revoked.publish(f"{name}.sent", 1)
        eviction._bus.client._transport.close()
        assert (await sqlite_hub.admin("DELETE", f"tokens/{secret['token']['id']}")).status == 204
        await eventually(lambda: not revoked.bus.is_up)


async def test_a_revoked_token_is_refused_at_once_here_and_soon_at_other_hubs(own_hub, postgres, name):
    url = await postgres.fresh()
    here, there = await own_hub(url=url, hub_id="here"), await own_hub(url=url, hub_id="there")
    token = await here.token("events:read", principal=name)
    for hub in (here, there):
        assert (await hub.http("GET", "events", token=token)).status == 200
    assert (await here.admin("DELETE", f"tokens/{token.split('_')[1]}")).status == 204
    assert (await here.http("GET", "events", token=token)).code == "access.token_invalid"

    async def is_refused_there():
        return (await there.http("GET", "events", token=token)).code == "access.token_invalid"

    await eventually(is_refused_there, timeout_s=2.0)  # long before what is known would have aged out


async def test_a_hub_that_hears_no_others_trusts_the_database_alone(broker, own_hub, postgres, name):
    url = await postgres.fresh()
    here, deaf = await own_hub(url=url, hub_id="here"), await own_hub(url=url, hub_id="deaf")
    token = await here.token("tokens:*", principal=name)
    assert (await deaf.http("GET", "tokens", token=token)).status == 200
    await broker.kill()
    await eventually(lambda: not deaf.component("hub-news").is_heard())
    assert (await here.admin("DELETE", f"tokens/{token.split('_')[1]}")).status == 204
    assert (await deaf.http("GET", "tokens", token=token)).code == "access.token_invalid"
    await broker.start()


async def test_what_a_hub_still_believes_of_a_token_makes_no_new_rights(sqlite_hub, name):
    """Between a revocation elsewhere and its news, a token may read; it cannot make itself a successor."""
    token = await sqlite_hub.token("tokens:*", "signin:write", principal=name)
    assert (await sqlite_hub.http("GET", "tokens", token=token)).status == 200
    db = Database(sqlite_hub.database_url, SystemClock())
    async with db.write() as tx:
        await store.revoke_key(tx, token.split("_")[1])
    await db.close()
    assert (await sqlite_hub.http("GET", "tokens", token=token)).status == 200
    assert (await sqlite_hub.http("POST", "tokens", token=token, raw=body())).code == "access.token_invalid"
    assert (await sqlite_hub.http("POST", "/api/v1/signin-links", token=token)).code == "access.token_invalid"
    await sqlite_hub.component("hub-news").announce("tokens")
    assert (await sqlite_hub.http("GET", "tokens", token=token)).code == "access.token_invalid"


async def test_what_was_read_before_a_revocation_is_not_kept(name):
    known = KnownKeys()
    key = Key(
        id=name,
        principal=name,
        workspace="default",
        scopes=frozenset(),
        secret_hash="",
        expires_at=None,
        revoked_at=None,
    )
    era = known.era()
    known.forget()
    known.add(key, era, now=0.0)
    assert known.get(name, now=0.0) is None
    known.add(key, known.era(), now=0.0)
    assert known.get(name, now=4.9) is key
    assert known.get(name, now=5.0) is None
