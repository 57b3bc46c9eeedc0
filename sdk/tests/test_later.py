"""Times as people write them, copies as workers put them off, schedules as agents declare them."""

from datetime import UTC, datetime, timedelta

import click
import pytest
import trunkline as tl
from click.testing import CliRunner
from trunkline.cli.later import Duration, later_options, told
from trunkline.deferral import deferred_headers
from trunkline.delivery import Delivery, first_attempt, origin_seq
from trunkline.protocol import frames
from trunkline.protocol.homes import home
from trunkline.protocol.resources import ScheduleDeclaration
from trunkline.testing import TestHub


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172800), ("1w", 604800), ("250ms", 0.25), ("1.5h", 5400), ("7", 7)]
)  # fmt: skip
def test_spans_of_time_are_read(text, seconds):
    assert Duration().convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5x", "m", "1h 30m", "-5s", "1h30", "10M"])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)


def test_options_reach_the_command():
    seen = []

    @click.command()
    @later_options
    def send(**later):
        seen.append(later)

    assert CliRunner().invoke(send, ["--delay", "10m"]).exit_code == 0
    assert CliRunner().invoke(send, ["--at", "2026-12-24T18:00:00+01:00"]).exit_code == 0
    assert CliRunner().invoke(send, ["--at", "tomorrow"]).exit_code == 2
    assert seen[0] == {"delay_s": 600.0, "at": None}
    assert seen[1]["at"] == datetime(2026, 12, 24, 17, tzinfo=UTC)
    assert told("it comes", **seen[0]) == "it comes in 600 s"
    assert told("it comes", None, None) is None


def delivery(headers, *, deliveries=1, subject="tl.w.tasks.q.normal.0.ada"):
    return Delivery(None, subject, "", b"{}", headers, 17, deliveries, 0.0)


def test_a_copy_counts_on_and_keeps_the_messages_own_headers():
    own = {"Content-Type": "x/y", "ce-id": "1", frames.HEADER_REDRIVE_OF: "l", "Nats-Msg-Id": "m", "nats-rollup": "all"}
    first = delivery(own, deliveries=2)
    before = datetime.now(UTC)
    copy = deferred_headers(first, 120)
    assert (copy[frames.HEADER_ATTEMPT], copy[frames.HEADER_ORIGIN_SEQ], copy[frames.HEADER_SUBJECT]) == (
        "3",
        "17",
        first.subject,
    )
    assert {"Content-Type", "ce-id", frames.HEADER_REDRIVE_OF} <= set(copy)
    assert not {name for name in copy if name.lower().startswith("nats-")}
    due = datetime.fromisoformat(copy[frames.HEADER_DUE])
    assert timedelta(seconds=119) < due - before < timedelta(seconds=125)
    second = Delivery(None, first.subject, "", b"{}", copy, 99, 2, 0.0)
    assert (second.attempt, second.origin_seq) == (4, 17)
    assert deferred_headers(second, 120)[frames.HEADER_ATTEMPT] == "5"


@pytest.mark.parametrize("junk", ["", "0", "-3", "x", "1.5", "²", "9" * 40])
def test_headers_that_hold_no_number_count_as_none(junk):
    assert first_attempt({frames.HEADER_ATTEMPT: junk}) == 1
    assert origin_seq({frames.HEADER_ORIGIN_SEQ: junk}, 5) == 5


def test_a_message_goes_home_and_nowhere_else():
    assert home("w", "queue", "q", "tl.w.tasks.q.normal.0.ada") == "tl.w.tasks.q.normal.0.ada"
    assert home("w", "queue", "q", "tl.w.limited.q.normal.0.ada") == "tl.w.limited.q.normal.0.ada"
    assert home("w", "group", "g", "tl.w.events.ada.a.b") == "tl.w.redrive.g.ada.a.b"
    assert home("w", "group", "g", "tl.w.redrive.g.ada.a.b") == "tl.w.redrive.g.ada.a.b"
    for lane, subject in (
        ("queue", "tl.w.tasks.q2.normal.0.ada"), ("queue", "tl.v.tasks.q.normal.0.ada"), ("queue", "tl.w.events.ada.x"),
        ("group", "tl.w.redrive.h.ada.a"), ("group", "tl.w.tasks.q.normal.0.ada"), ("queue", "tl.w.tasks.q.>"), ("queue", ""),
    ):  # fmt: skip
        assert home("w", lane, "q" if lane == "queue" else "g", subject) is None, subject


async def test_an_agents_cron_is_a_schedule_and_a_queue_and_can_be_run_in_a_test():
    agent = tl.Agent("clock")
    seen = []

    @agent.cron("0 6 * * 1-5", tz="Europe/Berlin", data={"n": 1})
    async def report(data: dict) -> None:
        seen.append(data)

    (spec,) = agent.crons
    assert spec.name == "clock.report"
    assert spec.declaration == ScheduleDeclaration(
        cron="0 6 * * 1-5", timezone="Europe/Berlin", queue="clock.report", data={"n": 1}
    )
    assert [reader.name for reader in agent.registration().readers] == ["clock.report"]
    async with TestHub(agent) as hub:
        await hub.enqueue("clock.report", {"n": 2}, delay_s=60)
    assert seen == [{"n": 2}]
