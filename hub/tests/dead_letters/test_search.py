"""Dead letters are found by whatever one knows of them, counted, discarded, and let go at the end of their time."""

import asyncio

import msgspec
import pytest
import trunkline as tl
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import (
    BulkCountError,
    DeadLetterDiscardedError,
    DeadLetterRedrivenError,
    DeadLetterUnknownError,
    PermissionDeniedError,
    RequestInvalidError,
)
from trunkline.protocol.resources import LetterFilter
from trunkline_hub.dead_letters.settings import DeadLetterSettings

from support.hub import eventually
from support.letters import dead_letters, history, raw_client

ONCE = tl.Retry(max_attempts=1)


def failing(name: str, lane: str = "queue") -> tl.Agent:
    agent = tl.Agent(name, version="2.1")
    decorate = agent.task(name, retry=ONCE) if lane == "queue" else agent.on(f"{name}.e", group=name, retry=ONCE)

    @decorate
    async def break_down(n: int) -> None:
        if n % 2:
            raise ValueError(f"100% odd_{n} \\ Ünicode")
        raise tl.PermanentError("even")

    return agent


async def bury(hub, name, count):
    """Make `count` letters; returns them oldest first."""
    async with hub.serving(failing(name)), hub.connected() as client:
        for n in range(count):
            await client.enqueue(name, n, type=f"kind.{n % 3}", correlation_id=f"c-{name}-{n}")
        return (await dead_letters(hub, name, count))[::-1]


async def test_letters_are_found_by_whatever_is_known_of_them(hub, name):
    letters = await bury(hub, name, 6)
    async with hub.client() as client:

        async def found(**filters):
            page = await client.dead_letters.list(**({"reader": name} | filters))
            return sorted(letter.correlation_id.rsplit("-", 1)[1] for letter in page.items)

        everybody = list("012345")
        assert await found() == everybody
        assert await found(reason="rejected") == ["0", "2", "4"]
        assert await found(type="kind.1") == ["1", "4"]
        assert await found(error="ODD_3") == ["3"]
        assert await found(error="100%") == ["1", "3", "5"]
        assert await found(error="dd%3") == [], "a wildcard of SQL is only a character"
        assert await found(error="\\") == ["1", "3", "5"]
        assert await found(sender="admin", agent=name) == everybody
        assert await found(sender="nobody") == await found(agent="nobody") == []
        assert await found(message_id=letters[2]["message_id"]) == ["2"]
        assert await found(correlation_id=f"c-{name}-5", reader=None) == ["5"]
        assert await found(died_since=letters[0]["died_at"]) == everybody
        assert await found(died_before=letters[0]["died_at"]) == []
        assert await found(state="waiting") == everybody
        assert await found(state="discarded") == []
        for query, pointer in (
            ({"died_since": "yesterday"}, "query:/died_since"),
            ({"died_before": "2026-01-01"}, "query:/died_before"),
        ):
            answer = await hub.admin("GET", "dead-letters", params=query)
            assert (answer.status, answer.pointers) == (422, [pointer])
        assert (await hub.admin("GET", "dead-letters", params={"error": "x" * 501})).status == 422


async def test_letters_are_counted_by_reader_reason_and_type(hub, name):
    letters = await bury(hub, name, 6)
    async with hub.client() as client:
        await client.dead_letters.discard(letters[0]["id"], "known")
        summary = await client.dead_letters.summary(reader=name)
        assert (summary.total, summary.waiting, summary.redriven, summary.discarded) == (6, 5, 0, 1)
        assert [(f.lane, f.value, f.total, f.waiting) for f in summary.readers] == [("queue", name, 6, 5)]
        assert {(f.value, f.total, f.waiting) for f in summary.reasons} == {
            ("attempts_exhausted", 3, 3),
            ("rejected", 3, 2),
        }
        assert {(f.value, f.total) for f in summary.types} == {("kind.0", 2), ("kind.1", 2), ("kind.2", 2)}
        assert (await client.dead_letters.summary(reader=name, type="kind.0")).total == 2
        nothing = await client.dead_letters.summary(reader=f"{name}-no")
        assert (nothing.total, nothing.readers, nothing.types) == (0, [], [])


async def test_an_attempt_tells_who_ran_what(hub, name):
    (letter,) = await bury(hub, name, 1)
    detail = await history(hub, letter["id"], 1)
    (attempt,) = detail["history"]
    assert (attempt["handler"], attempt["agent"], attempt["version"]) == ("break_down", name, "2.1")
    assert attempt["duration_ms"] >= 0 and attempt["instance"]
    assert [life["letter_id"] for life in detail["lives"]] == [letter["id"]]


async def test_a_discarded_letter_stays_on_record_and_can_still_be_redriven(hub, name):
    first, second = await bury(hub, name, 2)
    async with hub.connected() as client:
        gone = await client.dead_letters.discard(first["id"], "duplicate of another")
        assert (gone.discarded_by, gone.discard_reason, gone.discarded_at is not None) == (
            "admin",
            "duplicate of another",
            True,
        )
        assert [item.id for item in (await client.dead_letters.list(reader=name, waiting=True)).items] == [second["id"]]
        assert [item.id for item in (await client.dead_letters.list(reader=name, state="discarded")).items] == [
            first["id"]
        ]
        assert (await client.queues.get(name)).dead == 1
        with pytest.raises(DeadLetterDiscardedError):
            await client.dead_letters.discard(first["id"], "again")
        assert (await client.dead_letters.get(first["id"])).payload["data"] == 0, "its payload is still there"
        await client.dead_letters.redrive(first["id"])
        with pytest.raises(DeadLetterRedrivenError):
            await client.dead_letters.discard(first["id"], "too late")
        with pytest.raises(DeadLetterUnknownError):
            await client.dead_letters.discard("nobody", "why not")
        for reason in ("", "  ", "x" * 1001):
            with pytest.raises(RequestInvalidError):
                await client.dead_letters.discard(second["id"], reason)
    async with hub.client(await hub.token("dead_letters:read", "dead_letters:redrive")) as other:
        with pytest.raises(PermissionDeniedError):
            await other.dead_letters.discard(second["id"], "may I")
    trail = (await hub.admin("GET", "audit")).json["items"]
    assert [
        e["detail"]["reason"]
        for e in trail
        if e["action"] == "dead_letter.discarded" and e["resource"].endswith(first["id"])
    ]


async def test_letters_are_discarded_by_filter_in_a_job(hub, name):
    await bury(hub, name, 6)
    async with hub.client() as client:
        wanted = LetterFilter(reader=name, reason="rejected")
        plan = await client.dead_letters.discard_all(wanted, "even ones are fine", dry_run=True)
        assert (plan.count, len(plan.sample), plan.job) == (3, 3, None)
        with pytest.raises(BulkCountError):
            await client.dead_letters.discard_all(wanted, "even", expected_at_most=2)
        work = await client.dead_letters.discard_all(wanted, "even ones are fine")
        ended = await client.jobs.wait(work.job.id, timeout_s=20)
        assert (ended.state, ended.result) == ("completed", {"discarded": 3})
        left = (await client.dead_letters.list(reader=name, waiting=True)).items
        assert {letter.reason for letter in left} == {"attempts_exhausted"}
        mine = (await client.dead_letters.list(reader=name, state="discarded")).items
        assert {(letter.job_id, letter.discard_reason) for letter in mine} == {(work.job.id, "even ones are fine")}


async def test_letters_picked_one_by_one_are_worked_on_together(hub, name):
    await bury(hub, name, 4)
    async with hub.client() as client:
        ids = [letter.id for letter in (await client.dead_letters.list(reader=name)).items]
        picked = LetterFilter(ids=[ids[0], ids[2], "nobody"])
        assert (await client.dead_letters.redrive_all(picked, dry_run=True)).count == 2
        narrowed = LetterFilter(ids=ids, reader="another")
        assert (await client.dead_letters.redrive_all(narrowed, dry_run=True)).count == 0
        assert (await client.dead_letters.redrive_all(LetterFilter(ids=[]), dry_run=True)).count == 0, "not all"
        work = await client.dead_letters.discard_all(picked, "picked")
        assert (await client.jobs.wait(work.job.id, timeout_s=20)).result == {"discarded": 2}
        left = (await client.dead_letters.list(reader=name, waiting=True)).items
        assert {letter.id for letter in left} == {ids[1], ids[3]}
        for wrong in (["x"] * 1001, ["a\0b"]):
            with pytest.raises(RequestInvalidError):
                await client.dead_letters.redrive_all(LetterFilter(ids=wrong), dry_run=True)


async def test_bulk_work_that_nobody_counted_is_refused(hub, name):
    for path in ("redrive", "discard"):
        answer = await hub.admin("POST", f"dead-letters/{path}", json={"filter": {"reader": name}, "reason": "x"})
        assert (answer.status, answer.pointers) == (422, ["/expected_at_most"])
        body = {"filter": {"died_since": "soon"}, "reason": "x", "dry_run": True}
        answer = await hub.admin("POST", f"dead-letters/{path}", json=body)
        assert (answer.status, answer.pointers) == (422, ["/filter/died_since"])
        body = {"filter": {"lane": "neither"}, "reason": "x", "dry_run": True}
        assert (await hub.admin("POST", f"dead-letters/{path}", json=body)).status == 422
        body = {"reason": "x", "expected_at_most": -1, "up_to": 10**30}
        assert (await hub.admin("POST", f"dead-letters/{path}", json=body)).status in {400, 422}


async def test_what_a_letter_says_of_its_sender_is_proven_or_marked(hub, name):
    """An event still lies in the log, so its letter can be compared; a forged one cannot prove itself."""
    async with hub.serving(failing(name, "group")), hub.connected() as client:
        ack = await client.publish(f"{name}.e", 1)
        (letter,) = await dead_letters(hub, name)
        assert (letter["sender"], letter["sender_verified"]) == ("admin", True)
    token = await hub.token("agents:register", "events:read", principal=f"me-{name}")
    wanted = frames.Registration(
        readers=[frames.ReaderDeclaration(lane="group", name=f"{name}-f", types=[f"{name}.e"])]
    )
    await hub.http("PUT", f"agents/{name}-f", token=token, raw=msgspec.json.encode(wanted))
    real = subjects.event("default", "admin", f"{name}.e")
    forged = {frames.HEADER_SUBJECT: real, frames.HEADER_STREAM_SEQ: str(ack.seq), frames.HEADER_DISCARDED_BY: "admin"}
    lie = b'{"specversion":"1.0","id":"1","source":"/x","type":"pay","data":1000000}'
    async with raw_client(hub, token, name=f"agent {name}-f i") as raw:
        await raw.publish(subjects.dead("default", f"me-{name}", "group", f"{name}-f"), lie, headers=forged)
        await raw.flush()
    (letter,) = await dead_letters(hub, f"{name}-f")
    assert (letter["sender"], letter["sender_verified"], letter["discarded_by"]) == ("admin", False, None)


async def test_an_unproven_sender_is_not_carried_to_another_queue(hub, name):
    """Whoever reads one queue must not make another queue's workers believe that the admin sent something."""
    token = await hub.token("agents:register", "queues:consume", principal=f"me-{name}")
    wanted = frames.Registration(readers=[frames.ReaderDeclaration(lane="queue", name=name)])
    await hub.http("PUT", f"agents/{name}", token=token, raw=msgspec.json.encode(wanted))
    async with raw_client(hub, token, name=f"agent {name} i") as raw:
        headers = {frames.HEADER_SUBJECT: f"tl.default.tasks.{name}.normal.0.chief", frames.HEADER_STREAM_SEQ: "1"}
        body = b'{"specversion":"1.0","id":"1","source":"/x","type":"pay","data":1}'
        await raw.publish(subjects.dead("default", f"me-{name}", "queue", name), body, headers=headers)
        await raw.flush()
    (letter,) = await dead_letters(hub, name)
    assert (letter["sender"], letter["sender_verified"]) == ("chief", False)
    async with hub.client() as client:
        await client.queues.declare(f"{name}-b", tl.protocol.resources.QueueDeclaration())
        done = await client.dead_letters.redrive(letter["id"], queue=f"{name}-b")
        assert done.subject.endswith(".admin")
        (message,) = (await client.queues.peek(f"{name}-b")).items
        assert message.sender == "admin"


async def test_letters_leave_at_the_end_of_their_time_and_are_counted(own_hub, clock, name):
    hub = await own_hub(clock=clock, dead_letters={"settled_max_age_s": 3600, "sweep_interval_s": 0.2})
    first, second, third = await bury(hub, name, 3)
    async with hub.connected() as client, client.subscribe("trunkline.dead_letter.expired") as facts:
        await client.dead_letters.discard(first["id"], "known")
        clock.forward(7200)
        fact = msgspec.json.decode(bytes((await asyncio.wait_for(anext(facts), 20)).message.data))
        assert fact == {"lane": "queue", "reader": name, "state": "discarded", "count": 1}
        with pytest.raises(DeadLetterUnknownError):
            await client.dead_letters.get(first["id"])
        assert (await client.dead_letters.summary()).expired == 1
        assert {letter.id for letter in (await client.dead_letters.list()).items} == {second["id"], third["id"]}
        metrics = (await eventually(lambda: _metric(hub))).decode()
        assert f'reader="{name}",state="discarded",workspace="default"}} 1.0' in metrics


async def _metric(hub):
    body = (await hub.admin("GET", "/metrics")).body
    return body if b"trunkline_dead_letters_expired{" in body else None


async def test_the_oldest_letters_leave_when_there_are_too_many(own_hub, name):
    hub = await own_hub(dead_letters={"sweep_interval_s": 3600})
    letters = await bury(hub, name, 6)
    retention = hub.component("dead-letter-retention")
    async with hub.client() as client:
        await client.dead_letters.discard(letters[5]["id"], "known")
        assert await retention.sweep("default") == 0
        retention._settings = DeadLetterSettings(max_count=3)
        assert await retention.sweep("default") == 3
        left = {letter.id for letter in (await client.dead_letters.list()).items}
        assert left == {letters[2]["id"], letters[3]["id"], letters[4]["id"]}, "what was dealt with goes first"
        retention._settings = DeadLetterSettings(waiting_max_age_s=60)
        assert await retention.sweep("default") == 0
        assert (await client.dead_letters.summary()).expired == 3
