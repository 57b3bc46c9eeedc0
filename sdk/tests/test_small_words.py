"""Ids, traces, retries, errors: the small words of the protocol."""

import re
import uuid

import pytest
from trunkline.protocol import errors, trace
from trunkline.protocol.errors import Problem
from trunkline.protocol.ids import new_id, new_token
from trunkline.retry import PermanentError, Retry, RetryAfterError, delay_s


def test_ids_are_uuid7_and_sort_by_time(monkeypatch):
    now = [1_700_000_000_000_000_000]
    monkeypatch.setattr("time.time_ns", lambda: now[0])
    made = []
    for _ in range(200):
        made.append(new_id())
        now[0] += 1_000_000
    assert made == sorted(made)
    assert {uuid.UUID(text).version for text in made} == {7}
    assert {uuid.UUID(text).variant for text in made} == {uuid.RFC_4122}


def test_ids_and_tokens_do_not_repeat():
    assert len({new_id() for _ in range(20_000)}) == 20_000
    assert re.fullmatch(r"[0-9a-f]{24}", new_token())


def test_delays_double_up_to_the_limit_and_jitter_only_shortens():
    policy = Retry(max_attempts=9, base_s=1, factor=2, max_s=10, jitter=0)
    assert [delay_s(policy, n) for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    jittered = Retry(base_s=1, factor=2, max_s=10, jitter=0.5)
    drawn = [delay_s(jittered, 3) for _ in range(500)]
    assert 2 <= min(drawn) < max(drawn) <= 4


def test_very_many_attempts_do_not_overflow():
    assert delay_s(Retry(factor=10, max_s=60, jitter=0), 10_000) == 60


def test_at_least_one_attempt_is_made():
    with pytest.raises(ValueError, match="at least 1"):
        Retry(max_attempts=0)


def test_what_handlers_may_say():
    assert RetryAfterError(3).delay_s == 3
    assert "3 s" in str(RetryAfterError(3))
    assert isinstance(PermanentError("no"), Exception)


def test_a_trace_is_continued_not_restarted():
    first = trace.child_of(None)
    second = trace.child_of(first)
    assert trace.is_traceparent(first)
    assert trace.is_traceparent(second)
    assert trace.trace_id(first) == trace.trace_id(second)
    assert first != second


@pytest.mark.parametrize("value", ["", "x", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "00-" + "G" * 32 + "-" + "1" * 16 + "-01",
                                   "00-" + "1" * 32 + "-" + "0" * 16 + "-01", "01-" + "1" * 32 + "-" + "1" * 16 + "-01\n"])  # fmt: skip
def test_what_is_no_traceparent_is_known_as_such(value):
    assert not trace.is_traceparent(value)


@pytest.mark.parametrize(
    ("status", "kind"), [(500, errors.InternalError), (503, errors.InternalError), (418, errors.RequestError)]
)
def test_an_unknown_code_keeps_its_side_of_the_fault(status, kind):
    problem = Problem(type="x", title="t", status=status, code="of.tomorrow", detail="d", request_id="r")
    error = errors.from_problem(problem)
    assert type(error) is kind
    assert (error.detail, error.request_id) == ("d", "r")
