"""Cron schedules: when they fire, that they fire once, and what becomes of firings that nobody was there for."""

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
import trunkline as tl
from trunkline.protocol.errors import QueueUnknownError, ScheduleUnknownError
from trunkline.protocol.resources import QueueDeclaration, ScheduleDeclaration
from trunkline_hub.schedules import model

from support.hub import FakeClock, eventually

EVERY_SECOND = "* * * * * *"
NEW_YEAR = "0 0 1 1 *"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- when: pure


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 6 * * 1-5", "Europe/Berlin", "2026-11-20T12:00", ["2026-11-23T05:00", "2026-11-24T05:00"]),
        ("*/15 * * * *", "Asia/Kolkata", "2026-11-20T12:00", ["2026-11-20T12:15", "2026-11-20T12:30"]),
        ("30 */2 * * * *", "UTC", "2026-11-20T12:00", ["2026-11-20T12:00:30", "2026-11-20T12:02:30"]),
        ("@daily", "America/New_York", "2026-11-20T12:00", ["2026-11-21T05:00", "2026-11-22T05:00"]),
        ("@Hourly", "UTC", "2026-11-20T12:00", ["2026-11-20T13:00", "2026-11-20T14:00"]),
        ("0 0 L * *", "UTC", "2026-11-20T12:00", ["2026-11-30T00:00", "2026-12-31T00:00"]),
        ("0 0 29 2 *", "UTC", "2026-11-20T12:00", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        # the clocks of Berlin go forward at 01:00 UTC on 29 March 2026: 02:30 does not exist, it runs once, at the change
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        ("0 30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        ("30 * * * *", "Europe/Berlin", "2026-03-29T00:00", ["2026-03-29T00:30", "2026-03-29T01:30"]),
        # and back at 01:00 UTC on 25 October 2026: 02:30 comes twice; what has a set hour runs once, the rest each time
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("30 * * * *", "Europe/Berlin", "2026-10-25T00:00", ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"]),
    ],
)  # fmt: skip
def test_expressions_mean_what_cron_says(cron, zone, after, expected):
    wanted = [utc(text) for text in expected]
    assert list(itertools.islice(model.upcoming(cron, zone, utc(after)), len(wanted))) == wanted
    stepwise = [utc(after)]
    for _ in wanted:
        stepwise.append(model.next_after(cron, zone, stepwise[-1]))
    assert stepwise[1:] == wanted, "one by one as all at once"


def judged(cron="* * * * *", misfire="skip", jitter_s=0.0, planned="2026-11-20T12:00", now="2026-11-20T12:00"):
    wanted = ScheduleDeclaration(cron=cron, queue="q", misfire=misfire, jitter_s=jitter_s)
    return model.judge_lateness("s", wanted, utc(planned), utc(now))


def test_within_the_grace_every_firing_is_made():
    assert judged(now="2026-11-20T12:00").fire == [utc("2026-11-20T12:00")]
    late = judged(cron=EVERY_SECOND, now="2026-11-20T12:00:13")
    assert (late.missed, len(late.fire)) == (None, 14)


def test_older_firings_are_left_out_or_made_up_for_by_one():
    skipped = judged(now="2026-11-20T15:00:10")
    assert skipped.missed == (utc("2026-11-20T12:00"), utc("2026-11-20T14:59"))
    assert skipped.fire == [utc("2026-11-20T15:00")]
    once = judged(misfire="once", now="2026-11-20T15:00:10")
    assert once.missed == (utc("2026-11-20T12:00"), utc("2026-11-20T14:58"))
    assert once.fire == [utc("2026-11-20T14:59"), utc("2026-11-20T15:00")]
    daily = judged(cron="0 12 * * *", misfire="once", now="2026-11-20T15:00")
    assert (daily.missed, daily.fire) == (None, [utc("2026-11-20T12:00")])


def test_a_year_of_missed_seconds_is_judged_at_once():
    late = judged(cron=EVERY_SECOND, planned="2025-11-20T12:00", misfire="once")
    assert late.missed is not None
    assert len(late.fire) <= 62


def test_jitter_is_bounded_spread_and_the_same_for_everybody():
    wanted = ScheduleDeclaration(cron="* * * * *", queue="q", jitter_s=30)
    moments = [utc("2026-11-20T12:00") + timedelta(minutes=n) for n in range(200)]
    shifts = [(model.fires_at("s", wanted, moment) - moment).total_seconds() for moment in moments]
    assert shifts == [(model.fires_at("s", wanted, moment) - moment).total_seconds() for moment in moments]
    assert 0 <= min(shifts) < 3 < 27 < max(shifts) <= 30


BAD = [
    ({"cron": "61 * * * *"}, "/cron"), ({"cron": ""}, "/cron"), ({"cron": "* * *"}, "/cron"), ({"cron": "0 0 30 2 *"}, "/cron"),
    ({"cron": "1," * 500 + "2 * * * *"}, "/cron"), ({"cron": "@reboot"}, "/cron"), ({"timezone": "Mars/Base"}, "/timezone"),
    ({"timezone": "../../etc/passwd"}, "/timezone"), ({"timezone": "Europe"}, "/timezone"), ({"timezone": "x" * 900}, "/timezone"),
    ({"event": "e"}, "/queue"), ({"queue": None}, "/queue"), ({"queue": None, "event": "a b"}, "/event"),
    ({"jitter_s": -1}, "/jitter_s"), ({"jitter_s": 1e9}, "/jitter_s"), ({"data": "x" * 300_000}, "/data"), ({"key": "k" * 600}, "/key"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "pointer"), BAD, ids=range(len(BAD)))
async def test_declarations_that_cannot_be_kept_are_pointed_at(sqlite_hub, name, wrong, pointer):
    declaration = {"cron": "@daily", "queue": name, **wrong}
    answer = await sqlite_hub.admin("PUT", f"schedules/{name}", raw=json.dumps(declaration).encode())
    assert (answer.status, answer.pointers) == (422, [pointer])
    assert (await sqlite_hub.admin("GET", f"schedules/{name}")).status == 404


# --- declared, shown, paused, removed


async def test_a_schedule_is_declared_shown_changed_paused_and_removed(hub, name):
    async with hub.connected() as client, client.subscribe("trunkline.schedule.*") as facts:
        with pytest.raises(QueueUnknownError):
            await client.schedules.declare(name, ScheduleDeclaration(cron=NEW_YEAR, queue=name))
        await client.queues.declare(name, QueueDeclaration())
        wanted = ScheduleDeclaration(cron=NEW_YEAR, timezone="Europe/Berlin", queue=name, data={"n": 1}, misfire="once")
        made = await client.schedules.declare(name, wanted)
        assert (made.declaration, made.owner, made.paused) == (wanted, "admin", False)
        assert [moment[5:] for moment in made.next_at] == ["12-31T23:00:00.000000Z"] * 5
        assert (await client.schedules.declare(name, wanted)).updated_at == made.updated_at, "nothing changed"
        assert (await client.schedules.pause(name)).next_at == []
        changed = await client.schedules.declare(name, ScheduleDeclaration(cron=NEW_YEAR, queue=name))
        assert changed.paused, "a paused one stays paused"
        assert (await client.schedules.resume(name)).next_at[0].endswith("-01-01T00:00:00.000000Z")
        assert name in [item.name for item in (await client.schedules.list(limit=500)).items]
        await client.schedules.remove(name)
        for act in (client.schedules.get, client.schedules.pause, client.schedules.run, client.schedules.firings):
            with pytest.raises(ScheduleUnknownError):
                await act(name)
        seen = [(await asyncio.wait_for(anext(facts), 20)).message for _ in range(5)]
        expected = ["declared", "paused", "declared", "resumed", "removed"]
        assert [m.type for m in seen if m.subject == name] == [f"trunkline.schedule.{what}" for what in expected]
    audit = (await hub.admin("GET", "audit", params={"limit": 50})).json["items"]
    mine = [entry["action"] for entry in reversed(audit) if entry["resource"] == f"schedule/{name}"]
    assert mine == [f"schedule.{what}" for what in expected]


async def test_who_declares_must_be_able_to_send(hub, name):
    await hub.admin("PUT", f"queues/{name}", raw=b"{}")
    token = await hub.token("schedules:write", principal=f"me-{name}")
    for target in ({"queue": name}, {"event": "x"}):
        raw = json.dumps({"cron": NEW_YEAR, **target}).encode()
        answer = await hub.http("PUT", f"schedules/{name}", token=token, raw=raw)
        assert (answer.status, answer.code) == (403, "access.denied")
    assert (await hub.admin("GET", f"schedules/{name}")).status == 404


# --- fired


async def test_it_fires_into_a_queue_and_into_the_log_with_the_owners_name(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(n: int, ctx: tl.Context) -> None:
        done.put_nowait((n, ctx))

    token = await hub.token("schedules:*", "queues:enqueue", "events:publish", principal=f"me-{name}")
    async with hub.serving(agent), hub.client(token) as client, hub.connected() as admin:
        async with admin.subscribe(f"{name}.tick") as events:
            await client.schedules.declare(name, ScheduleDeclaration(cron=EVERY_SECOND, queue=name, data=7, key="k"))
            await client.schedules.declare(f"{name}-e", ScheduleDeclaration(cron=EVERY_SECOND, event=f"{name}.tick"))
            came = [await asyncio.wait_for(done.get(), 20) for _ in range(3)]
            event = await asyncio.wait_for(anext(events), 20)
        await client.schedules.pause(name)
        await client.schedules.pause(f"{name}-e")
        ids = {ctx.id for _n, ctx in came}

        async def on_record() -> object:
            firings = (await client.schedules.firings(name)).items
            return firings if ids <= {firing.message_id for firing in firings} else None

        firings = await eventually(on_record)
    assert event.sender == f"me-{name}"
    times = [utc(ctx.extensions["scheduledtime"][:-1]) for _n, ctx in came]
    assert [ctx.id for _n, ctx in came] == [model.message_id(name, moment) for moment in times]
    assert times == [times[0] + timedelta(seconds=n) for n in range(3)]
    assert {(n, ctx.extensions["schedule"], ctx.message.partitionkey) for n, ctx in came} == {(7, name, "k")}
    assert {firing.outcome for firing in firings} == {"fired"}


async def test_it_is_run_by_hand_beside_its_plan(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        before = await client.schedules.declare(name, ScheduleDeclaration(cron=NEW_YEAR, queue=name))
        firing = await client.schedules.run(name)
        assert firing.outcome == "manual"
        assert (await client.queues.get(name)).depth == 1
        assert (await client.schedules.get(name)).next_at == before.next_at
        (recorded,) = (await client.schedules.firings(name)).items
        assert recorded == firing


async def test_firings_nobody_was_there_for_are_left_out_or_made_up_for(own_hub, name):
    clock = FakeClock()
    clock.moment = utc("2026-11-20T12:00:30")
    hub = await own_hub(clock=clock)
    async with hub.connected() as client:
        for misfire in ("skip", "once"):
            await client.queues.declare(f"{name}-{misfire}", QueueDeclaration())
            wanted = ScheduleDeclaration(cron="0 * * * *", queue=f"{name}-{misfire}", misfire=misfire)
            await client.schedules.declare(f"{name}-{misfire}", wanted)
        clock.moment = utc("2026-11-20T17:30:30")

        async def recorded(misfire, count):
            items = (await client.schedules.firings(f"{name}-{misfire}")).items
            return items if len(items) == count else None

        (missed,) = await eventually(lambda: recorded("skip", 1))
        assert (missed.outcome, missed.planned_at, missed.message_id) == ("missed", "2026-11-20T13:00:00.000000Z", None)
        once = await eventually(lambda: recorded("once", 2))
        assert {firing.outcome for firing in once} == {"missed", "fired"}
        (made,) = [firing for firing in once if firing.outcome == "fired"]
        assert made.planned_at == "2026-11-20T17:00:00.000000Z"
        clock.moment = utc("2026-11-20T18:00:20")
        fired = await eventually(lambda: recorded("skip", 2))
        assert sorted(firing.outcome for firing in fired) == ["fired", "missed"]
        depths = [(await client.queues.get(f"{name}-{misfire}")).depth for misfire in ("skip", "once")]
        assert depths == [1, 2]


async def test_a_target_that_fails_is_recorded_and_stops_no_other(own_hub, name):
    clock = FakeClock()
    clock.moment = utc("2026-11-20T12:00:30")
    hub = await own_hub(clock=clock)
    async with hub.connected() as client:
        for queue in (name, f"{name}-b"):
            await client.queues.declare(queue, QueueDeclaration())
            await client.schedules.declare(queue, ScheduleDeclaration(cron="@hourly", queue=queue))
        await _drop_queue(hub, name)
        clock.moment = utc("2026-11-20T13:00:10")

        async def both():
            pages = [(await client.schedules.firings(queue)).items for queue in (name, f"{name}-b")]
            return pages if all(pages) else None

        (failed,), (fired,) = await eventually(both)
        assert (failed.outcome, fired.outcome) == ("failed", "fired")
        assert name in failed.detail


async def _drop_queue(hub, name):
    from trunkline_hub.queues.store import queues

    async with hub.component("outbox-relay")._db.write() as tx:
        await tx.execute(queues.delete().where(queues.c.name == name))


async def test_an_agent_declares_what_it_does_by_the_clock(hub, name):
    done: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.cron("* * * * * *", tz="Asia/Tokyo", data={"of": "Tokyo"})
    async def report(data: dict, ctx: tl.Context) -> None:
        done.put_nowait((data, ctx.attempt))

    token = await hub.token("agents:register", "queues:*", "schedules:write", "events:publish", principal=f"me-{name}")
    async with hub.serving(agent, token), hub.client() as client:
        assert await asyncio.wait_for(done.get(), 20) == ({"of": "Tokyo"}, 1)
        made = await client.schedules.get(f"{name}.report")
        assert (made.declaration.timezone, made.declaration.queue, made.owner) == (
            "Asia/Tokyo",
            f"{name}.report",
            f"me-{name}",
        )
        await client.schedules.pause(f"{name}.report")
    async with hub.serving(agent, token), hub.client() as client:
        assert (await client.schedules.get(f"{name}.report")).paused, "a start does not undo what an operator paused"


@pytest.mark.slow
async def test_many_schedules_due_at_once_all_fire(own_hub, name):
    clock = FakeClock()
    clock.moment = utc("2026-11-20T12:00:30")
    hub = await own_hub(clock=clock)
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        for n in range(60):
            await client.schedules.declare(f"{name}-{n}", ScheduleDeclaration(cron="@hourly", queue=name, data=n))
        clock.moment = utc("2026-11-20T13:00:10")

        async def all_there():
            return (await client.queues.get(name)).depth == 60

        await eventually(all_there)
