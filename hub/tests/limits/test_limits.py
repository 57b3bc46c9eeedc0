"""Limits of requests: what passes, what is told, and several hubs as one."""

import asyncio
import time

import pytest
from trunkline.protocol.errors import SettingInvalidError
from trunkline_hub.core.principal import ordered_by
from trunkline_hub.limits.service import TELL_S, RequestBudgets
from trunkline_hub.limits.settings import LimitsSettings

EVENTS = "POST /api/v1/w/{workspace}/events"
QUEUES = "GET /api/v1/w/{workspace}/queues"


class Seconds:
    """Time that tests turn."""

    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        return self.at


def budgets(now, **settings):
    return RequestBudgets(LimitsSettings(**{"operations": {}, **settings}), now)


def who(name, workspace="default"):
    return ordered_by(name, workspace)


def passed(found):
    return found.retry_after_s is None


def test_so_many_at_once_and_so_many_in_every_window():
    now = Seconds()
    one = budgets(now, default="10/5")
    assert [passed(one.spend(who("ada"), "GET /")) for _ in range(12)] == [True] * 10 + [False] * 2
    now.at += 0.5
    assert [passed(one.spend(who("ada"), "GET /")) for _ in range(2)] == [True, False]
    now.at += 5
    assert sum(passed(one.spend(who("ada"), "GET /")) for _ in range(20)) == 10


def test_what_is_left_and_when_is_told():
    now = Seconds()
    one = budgets(now, default="10/5")
    found = one.spend(who("ada"), "GET /")
    assert (found.policy, found.quota, found.window_s, found.remaining, found.reset_s) == ("default", 10, 5.0, 9, 0.5)
    for _ in range(9):
        one.spend(who("ada"), "GET /")
    now.at += 0.2
    refused = one.spend(who("ada"), "GET /")
    assert refused.remaining == 0 and refused.retry_after_s == pytest.approx(0.3)
    headers = dict(refused.headers())
    assert headers[b"ratelimit"] == b'"default";r=0;t=5' and headers[b"retry-after"] == b"1"
    assert headers[b"ratelimit-policy"] == b'"default";q=10;w=5'


def test_each_principal_and_each_named_operation_has_its_own():
    one = budgets(Seconds(), default="1/60", operations={EVENTS: "2/60", QUEUES: ""}, principals={"big": "3/60"})
    assert [passed(one.spend(who("ada"), "GET /")) for _ in range(2)] == [True, False]
    assert passed(one.spend(who("bob"), "GET /"))
    assert passed(one.spend(who("ada", "elsewhere"), "GET /")), "somebody else of that name"
    assert [passed(one.spend(who("ada"), EVENTS)) for _ in range(3)] == [True, True, False]
    assert [passed(one.spend(who("big"), "GET /")) for _ in range(4)] == [True, True, True, False]
    assert all(one.spend(who("ada"), QUEUES) is None for _ in range(100))
    assert budgets(Seconds(), default="").spend(who("ada"), "GET /") is None


@pytest.mark.parametrize("text", ["10", "0/5", "5/0", "a/b", "-1/5", "1/1/1", "1e3/5"])
def test_what_is_no_limit_is_told_at_start(text):
    with pytest.raises(SettingInvalidError, match="limits"):
        budgets(Seconds(), default=text)


def test_what_is_paid_back_is_forgotten():
    now = Seconds()
    one = budgets(now, default="10/5")
    for n in range(1000):
        one.spend(who(f"p{n}"), "GET /")
    one.told()
    assert len(one._buckets) == 1000
    now.at += 5
    one.told()
    assert one._buckets == {}


@pytest.mark.parametrize("loads", [(500,), (500, 500), (500, 500, 500), (900, 10), (200, 0, 90), (60, 60)])
@pytest.mark.parametrize("limit", ["100/1", "100/10", "1000/10"])
def test_several_hubs_let_pass_what_one_would_to_within_a_tenth(loads, limit):
    """Requests arrive at every hub at its own rate; tellings are a tenth of a second late."""
    now, seconds, step = Seconds(), 20.0, 0.005
    hubs = [budgets(now, default=limit) for _ in loads]
    alone = budgets(now, default=limit)
    owed, let_pass, expected, ticks = [0.0] * len(loads), 0, 0, 0
    while now.at < 1000 + seconds:
        now.at += step
        for number, rate in enumerate(loads):
            owed[number] += rate * step
            while owed[number] >= 1:
                owed[number] -= 1
                let_pass += passed(hubs[number].spend(who("ada"), "GET /"))
                expected += passed(alone.spend(who("ada"), "GET /"))
        ticks += 1
        if ticks % round(TELL_S / step) == 0:
            told = [hub.told() for hub in hubs]
            alone.told()
            for number, spent in enumerate(told):
                for other, hub in enumerate(hubs):
                    if other != number and spent:
                        hub.hear(f"hub-{number}", spent)
    assert let_pass == pytest.approx(expected, rel=0.1)


async def test_it_is_told_over_http_and_only_those_who_may_spend(own_hub):
    hub = await own_hub(limits={"default": "5/60", "operations": {}, "principals": {"admin": ""}})
    token, other = await hub.token("queues:read"), await hub.token("queues:read")
    for _ in range(20):
        assert (await hub.http("GET", "queues", token="tlk_nobody")).status == 401
        assert (await hub.http("GET", "tokens", token=token)).status == 403
    answers = [await hub.http("GET", "queues", token=token) for _ in range(6)]
    assert [one.status for one in answers] == [200] * 5 + [429]
    first, last = answers[0], answers[-1]
    assert first.headers["RateLimit-Policy"] == '"default";q=5;w=60'
    assert first.headers["RateLimit"] == '"default";r=4;t=12'
    assert last.code == "request.rate_limited" and last.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(last.headers["Retry-After"]) <= 12 and last.headers["RateLimit"].startswith('"default";r=0;')
    assert (await hub.http("GET", "queues", token=other)).status == 200
    assert "RateLimit" not in (await hub.admin("GET", "queues")).headers
    assert "RateLimit" not in (await hub.http("GET", "/readyz")).headers


async def test_protocols_of_others_are_limited_too(own_hub):
    hub = await own_hub(limits={"default": "2/60", "operations": {}, "principals": {"admin": ""}})
    token = await hub.token("mcp:use")
    statuses = [(await hub.http("POST", "/mcp/w/default", token=token, raw=b"{}")).status for _ in range(3)]
    assert statuses[-1] == 429 and 429 not in statuses[:2]


async def test_an_operation_that_there_is_not_is_told_at_start(own_hub):
    with pytest.raises(SettingInvalidError, match="POST /api/v1/nothing"):
        await own_hub(limits={"operations": {"POST /api/v1/nothing": "1/1"}})


async def test_two_hubs_count_as_one(own_hub):
    limits = {"default": "60/2", "operations": {}, "principals": {"admin": ""}}
    one, other = [await own_hub(limits=limits, hub_id=name) for name in ("hub-a", "hub-b")]
    token = await one.token("queues:read")
    began, until, let_pass, asked = time.monotonic(), time.monotonic() + 4, 0, 0

    async def ask(hub):
        nonlocal let_pass, asked
        while time.monotonic() < until:
            answer = await hub.http("GET", "queues", token=token)
            assert answer.status in {200, 429}, answer
            let_pass += answer.status == 200
            asked += 1

    await asyncio.gather(*(ask(hub) for hub in (one, other) for _ in range(8)))
    allowed = 60 + 30 * (time.monotonic() - began)
    assert asked > 1.3 * allowed, "the hubs were asked for more than may pass"
    assert let_pass == pytest.approx(allowed, rel=0.1)
