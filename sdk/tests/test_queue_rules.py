"""Queues without any server: what errors lead to, when messages expire, how TestHub plays it."""

import pytest
import trunkline as tl
from trunkline.protocol import error_rules
from trunkline.protocol.errors import (
    CallTimeoutError,
    EnvelopeInvalidError,
    MessageExpiredError,
    PayloadInvalidError,
    QueueClassUnknownError,
)
from trunkline.protocol.expiry import expirytime, refuse_expired
from trunkline.retry import decide
from trunkline.testing import TestHub


class HttpError(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


class Answer:
    status_code = 503


class HttpxError(Exception):
    response = Answer()


class Special(ValueError):
    pass


@pytest.mark.parametrize(
    ("pattern", "error"),
    [("ValueError", Special()), ("builtins.ValueError", Special()), ("*.Special", Special()), ("Exception", Special()),
     ("http.429", HttpError(429)), ("http.5*", HttpxError()), ("http.*", HttpError(404)), ("call.timeout", CallTimeoutError()),
     ("call.*", CallTimeoutError()), ("CallError", CallTimeoutError()), ("OSError", ConnectionResetError())],
)  # fmt: skip
def test_a_rule_knows_an_error_by_every_name_it_has(pattern, error):
    policy = tl.Retry(rules=[tl.OnError("Nothing", then="drop"), tl.OnError(pattern, then="dead_letter")])
    assert decide(policy, error, 1).reason == "rejected"


@pytest.mark.parametrize(
    ("pattern", "error"),
    [("Value", Special()), ("valueerror", Special()), ("http.4?", HttpError(429)), ("object", Special())],
)
def test_and_by_no_other(pattern, error):
    assert decide(tl.Retry(rules=[tl.OnError(pattern, then="drop")]), error, 1).reason is None


def test_the_first_rule_that_matches_decides():
    policy = tl.Retry(rules=[tl.OnError(Special, then="retry", max_attempts=9), tl.OnError(ValueError, then="drop")])
    assert decide(policy, Special(), 8).reason is None
    assert decide(policy, Special(), 9).reason == "attempts_exhausted"
    assert decide(policy, ValueError(), 1).reason == "dropped"


def test_without_a_rule_it_is_as_ever():
    policy = tl.Retry(max_attempts=2, base_s=10, jitter=0)
    assert decide(policy, tl.PermanentError(), 1).reason == "rejected"
    assert decide(policy, PayloadInvalidError(), 1).reason == "invalid"
    assert decide(policy, MessageExpiredError(), 1).reason == "expired"
    assert decide(policy, tl.RetryAfterError(3), 1).delay_s == 3
    assert decide(policy, ValueError(), 1).delay_s == 10
    assert decide(policy, ValueError(), 2).reason == "attempts_exhausted"


def test_a_rule_may_speak_of_anything_but_expiry():
    policy = tl.Retry(rules=[tl.OnError("Exception", then="retry", base_s=2, max_s=2)], jitter=0)
    assert decide(policy, tl.PermanentError(), 1).reason is None
    assert decide(policy, PayloadInvalidError(), 1).delay_s == 2
    assert decide(policy, tl.RetryAfterError(7), 1).delay_s == 7
    assert decide(policy, MessageExpiredError(), 1).reason == "expired"


def test_the_broker_must_allow_what_the_most_patient_rule_does():
    policy = tl.Retry(max_attempts=3, rules=[tl.OnError("A", max_attempts=8), tl.OnError("B", max_attempts=1)])
    assert error_rules.most_attempts(policy) == 8
    assert error_rules.problems(policy, "/retry") == []


@pytest.mark.parametrize(
    "when", ["2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00", "2030-01-01T00:00:00.123456Z", "2030-01-01T00:00:00"]
)
def test_expiry_in_every_form_of_rfc_3339(when):
    at = 1893456000
    refuse_expired(when, at - 1)
    with pytest.raises(MessageExpiredError):
        refuse_expired(when, at + 1)


@pytest.mark.parametrize("when", ["", "soon", "2030", "13:00", "2030-13-01T00:00:00Z", "\x00"])
def test_what_is_no_time_is_invalid(when):
    with pytest.raises(EnvelopeInvalidError):
        refuse_expired(when, 0)


def test_a_message_says_when_it_expires_or_its_queue_does():
    assert expirytime(None, None, 0.0) is None
    assert expirytime(None, None, 60.0, 0.0) == "1970-01-01T00:01:00.000000Z"
    assert expirytime(5, None, 60.0, 0.0) == "1970-01-01T00:00:05.000000Z"
    assert expirytime(5, "2030-01-01T00:00:00Z", 60.0, 0.0) == "2030-01-01T00:00:00Z"
    assert expirytime(1e300, None, 0.0).startswith("9999-")


async def test_the_test_hub_plays_classes_expiry_keys_and_rules():
    seen = []
    agent = tl.Agent("worker")

    @agent.task(
        "q", classes={"high": 2}, retry=tl.Retry(max_attempts=2, rules=[tl.OnError(ZeroDivisionError, then="drop")])
    )
    async def work(n: int, ctx: tl.Context) -> None:
        seen.append((n, ctx.message.priority))
        if n < 0:
            raise ZeroDivisionError

    async with TestHub(agent) as hub:
        await hub.enqueue("q", 1, priority="high")
        with pytest.raises(QueueClassUnknownError):
            await hub.enqueue("q", 1, priority="urgent")
        await hub.enqueue("q", 2, expires_at="2020-01-01T00:00:00Z")
        first = await hub.enqueue("q", 3, dedupe_key="k")
        second = await hub.enqueue("q", 4, dedupe_key="k")
        await hub.enqueue("q", -1)
    assert seen == [(1, "high"), (3, None), (-1, None)]
    assert (second.id, second.duplicate) == (first.id, True)
    assert [letter.reason for letter in hub.dead_letters] == ["expired"]
    assert [bytes(letter.message.data) for letter in hub.dropped] == [b"-1"]
