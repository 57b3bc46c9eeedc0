"""Pages of other origins: in where settings name them, with a token and never with a cookie."""

PAGE = "https://app.example"
ASKING = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, idempotency-key",
}


async def test_nobody_is_let_in_by_default(hub):
    preflight = await hub.http("OPTIONS", "queues", headers=ASKING)
    answer = await hub.admin("GET", "queues", headers={"Origin": PAGE})
    assert not [
        name for one in (preflight, answer) for name in one.headers if name.lower().startswith("access-control")
    ]


async def test_a_named_origin_may_call_with_a_token(own_hub):
    hub = await own_hub(web={"cors_origins": [PAGE]})
    preflight = await hub.http("OPTIONS", "tokens", headers=ASKING)
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == PAGE
    assert "idempotency-key" in preflight.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    answer = await hub.admin("GET", "queues", headers={"Origin": PAGE})
    assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "RateLimit" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    refused = await hub.http("GET", "queues", headers={"Origin": PAGE})
    assert refused.status == 401 and refused.headers["Access-Control-Allow-Origin"] == PAGE, "its page may read why"


async def test_other_origins_are_not(own_hub):
    hub = await own_hub(web={"cors_origins": [PAGE]})
    stranger = ASKING | {"Origin": "https://evil.example"}
    preflight = await hub.http("OPTIONS", "tokens", headers=stranger)
    assert preflight.status == 400 or "Access-Control-Allow-Origin" not in preflight.headers
    answer = await hub.admin("GET", "queues", headers={"Origin": "https://evil.example"})
    assert answer.headers.get("Access-Control-Allow-Origin") in {None, PAGE}
