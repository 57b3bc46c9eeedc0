"""A POST with an Idempotency-Key is done once, however often it is sent, to whichever hub."""

import asyncio
import json

import pytest
import trunkline as tl
from trunkline.protocol.ids import new_id
from trunkline_hub.web.idempotency import Claim

KEY = "Idempotency-Key"


def key(given=None):
    return {KEY: f'"{given or new_id()}"'}


async def _tokens(hub, name):
    listed = (await hub.admin("GET", "tokens", params={"limit": 500})).json["items"]
    return [one for one in listed if one["name"] == name]


async def test_the_same_request_is_answered_the_same_and_done_once(hub, name):
    body, once = {"name": name, "scopes": ["events:read"]}, key()
    first = await hub.admin("POST", "tokens", json=body, headers=once)
    again = await hub.admin("POST", "tokens", json=body, headers=once)
    bare = await hub.admin("POST", "tokens", json=body, headers={KEY: once[KEY].strip('"')})
    assert first.status == again.status == bare.status == 201
    assert first.body == again.body == bare.body
    assert again.headers["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first.headers
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert len(await _tokens(hub, name)) == 1
    await hub.admin("POST", "tokens", json=body, headers=key())
    assert len(await _tokens(hub, name)) == 2


async def test_the_answer_cannot_be_read_without_the_key(own_hub, tmp_path, name):
    hub = await own_hub()
    made = await hub.admin("POST", "tokens", json={"name": name, "scopes": ["events:read"]}, headers=key("opener"))
    await hub.stop()
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("hub.db*"))
    assert made.json["token"]["id"].encode() in stored, "the database was looked into"
    assert made.json["secret"].encode() not in stored and b"opener" not in stored


async def test_a_key_stands_for_one_request_of_one_principal(hub, name):
    once = key()
    await hub.admin("POST", "tokens", json={"name": name, "scopes": ["events:read"]}, headers=once)
    other_body = await hub.admin("POST", "tokens", json={"name": name, "scopes": []}, headers=once)
    assert (other_body.status, other_body.code) == (422, "idempotency.key_reused")
    other_path = await hub.admin("POST", f"queues/{name}/messages", json={"data": 1}, headers=once)
    assert (other_path.status, other_path.code) == (422, "idempotency.key_reused")
    somebody = await hub.token("tokens:write", "events:read")
    answer = await hub.http(
        "POST", "tokens", token=somebody, json={"name": name, "scopes": ["events:read"]}, headers=once
    )
    assert answer.status == 201 and "Idempotent-Replayed" not in answer.headers


@pytest.mark.parametrize("given", ["", '""', "é", "a" * 256, '"' + "a" * 256 + '"', "a\tb"])
async def test_what_is_no_key_is_refused(hub, given):
    answer = await hub.admin("POST", "tokens", json={"name": "x", "scopes": []}, headers={KEY: given})
    assert (answer.status, answer.code) == (400, "idempotency.key_invalid")


async def test_other_methods_and_unknown_callers_have_no_keys(hub, name):
    assert (await hub.admin("GET", "queues", headers={KEY: ""})).status == 200
    put = await hub.admin("PUT", f"queues/{name}", json={}, headers={KEY: ""})
    assert put.status == 200
    nobody = await hub.http("POST", "tokens", token="tlk_nobody", json={}, headers=key())
    assert nobody.status == 401


async def test_while_the_first_is_at_work_the_second_is_told_to_wait(hub, name):
    agent, going, calls = tl.Agent(name), asyncio.Event(), []

    @agent.skill(name)
    async def think(n: int) -> int:
        calls.append(n)
        await going.wait()
        return n + 1

    async with hub.serving(agent):
        once = key()
        ask = lambda: hub.admin("POST", f"skills/{name}/call", json={"input": 1}, headers=once)
        first = asyncio.ensure_future(ask())
        while not calls:
            await asyncio.sleep(0.01)
        second = await ask()
        assert (second.status, second.code) == (409, "idempotency.in_progress")
        assert second.headers["Retry-After"] == "1"
        going.set()
        done = await first
        assert done.json["output"] == 2
        assert (await ask()).body == done.body
        assert calls == [1]


async def test_of_many_at_once_one_is_done(hub, name):
    body, once = {"name": name, "scopes": ["events:read"]}, key()
    answers = await asyncio.gather(*(hub.admin("POST", "tokens", json=body, headers=once) for _ in range(20)))
    assert {one.status for one in answers} <= {201, 409}
    assert len({one.body for one in answers if one.status == 201}) == 1
    assert len(await _tokens(hub, name)) == 1


async def test_what_failed_in_the_hub_may_be_sent_again(hub, name):
    once = key()
    ask = lambda: hub.admin("POST", f"skills/{name}/call", json={"input": None}, headers=once)
    agent = tl.Agent(name)

    @agent.skill(name)
    def answer() -> str:
        return "here"

    async with hub.serving(agent):
        pass
    offline = await ask()
    assert offline.status == 503, offline.body
    async with hub.serving(agent):
        assert (await ask()).json["output"] == "here"


async def test_what_was_wrong_stays_wrong(hub):
    once = key()
    first = await hub.admin("POST", "tokens", json={"name": "x"}, headers=once)
    again = await hub.admin("POST", "tokens", json={"name": "x"}, headers=once)
    assert first.status == again.status >= 400
    assert first.body == again.body and again.headers["Idempotent-Replayed"] == "true"


async def test_a_message_without_an_id_is_in_the_queue_once(hub, name):
    await hub.admin("PUT", f"queues/{name}", json={})
    once = key()
    answers = [await hub.admin("POST", f"queues/{name}/messages", json={"data": 1}, headers=once) for _ in range(3)]
    assert {one.status for one in answers} == {201} and len({one.body for one in answers}) == 1
    assert (await hub.admin("GET", f"queues/{name}")).json["depth"] == 1


async def test_a_stream_is_kept_by_its_answer(hub):
    once = key() | {"Content-Type": "application/x-of-mine"}
    first = await hub.admin("POST", "blobs", raw=b"x" * 300_000, headers=once)
    again = await hub.admin("POST", "blobs", raw=b"x" * 300_000, headers=once)
    assert first.status == again.status == 201 and first.json["id"] == again.json["id"]


async def test_any_hub_answers(own_hub, postgres, name):
    url = await postgres.fresh()
    one, other = await own_hub(url=url, hub_id="hub-a"), await own_hub(url=url, hub_id="hub-b")
    body, once = {"name": name, "scopes": ["events:read"]}, key()
    answers = await asyncio.gather(
        *(hub.admin("POST", "tokens", json=body, headers=once) for hub in (one, other) for _ in range(10))
    )
    assert len({one.body for one in answers if one.status == 201}) == 1
    assert {one.status for one in answers} <= {201, 409}
    again = await other.admin("POST", "tokens", json=body, headers=once)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(await _tokens(one, name)) == 1


async def test_a_hub_that_died_before_it_answered_is_not_waited_for_for_ever(own_hub, clock, name):
    hub = await own_hub(clock=clock)
    claims, principal = hub.app.state.claims, "admin"
    body, unbegun, done = {"name": name, "scopes": ["events:read"]}, new_id(), new_id()
    prints = {}
    begin = claims.begin

    async def seen(who, given, fingerprint):
        prints[given] = (who, fingerprint)
        return await begin(who, given, fingerprint)

    claims.begin = seen
    for one in (unbegun, done):  # what the fingerprint of the request is
        await hub.admin("POST", "tokens", json=body, headers=key(f"probe-{one}"))
    who, fingerprint = prints[f"probe-{done}"]
    claims.begin = begin
    assert isinstance(await claims.begin(who, unbegun, fingerprint), Claim)
    claim = await claims.begin(who, done, fingerprint)
    async with claims._db.write() as tx:
        await claims.carried_out(tx, claim)

    for one in (unbegun, done):
        answer = await hub.admin("POST", "tokens", json=body, headers=key(one))
        assert answer.code == "idempotency.in_progress"
    clock.forward(331)
    answer = await hub.admin("POST", "tokens", json=body, headers=key(unbegun))
    assert answer.status == 201
    answer = await hub.admin("POST", "tokens", json=body, headers=key(done))
    assert (answer.status, answer.code) == (409, "idempotency.outcome_lost")


async def test_a_hub_started_again_gives_back_what_it_had_not_done(own_hub, name):
    hub = await own_hub()
    body, once = {"name": name, "scopes": ["events:read"]}, new_id()
    claims, seen = hub.app.state.claims, []
    begin = claims.begin

    async def died(*given):
        seen.append(await begin(*given))
        raise SystemError("as if it died here")

    claims.begin = died
    await hub.admin("POST", "tokens", json=body, headers=key(once))
    assert isinstance(seen[0], Claim)
    await hub.stop()
    hub = await own_hub()
    answer = await hub.admin("POST", "tokens", json=body, headers=key(once))
    assert answer.status == 201 and "Idempotent-Replayed" not in answer.headers


async def test_answers_too_large_to_keep_and_old_ones_are_told_of_or_forgotten(own_hub, clock, name):
    hub = await own_hub(clock=clock, idempotency={"max_answer_bytes": 10, "keep_s": 60})
    body, once = {"name": name, "scopes": ["events:read"]}, key()
    assert (await hub.admin("POST", "tokens", json=body, headers=once)).status == 201
    answer = await hub.admin("POST", "tokens", json=body, headers=once)
    assert (answer.status, answer.code) == (409, "idempotency.outcome_lost")
    clock.forward(61)
    await hub.app.state.claims.prune()
    assert (await hub.admin("POST", "tokens", json=body, headers=once)).status == 201
    assert len(await _tokens(hub, name)) == 2
