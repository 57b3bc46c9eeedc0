"""How long the log lasts, and types that are kept longer than it."""

import asyncio
import json

import pytest
from support.hub import eventually
from trunkline.protocol.errors import KeepUnknownError, PermissionDeniedError, RequestInvalidError
from trunkline.protocol.resources import Selection

SMALL = 2**20
"""The least that a log may hold, bytes."""


async def stream(hub, name):
    return await hub.component("bus").js().stream_info(name)


async def keep_of(client, name):
    return next((keep for keep in (await client.retention.show()).keeps if keep.name == name), None)


async def kept(client, name, count):
    async def enough():
        keep = await keep_of(client, name)
        return keep if keep.messages >= count else None

    return await eventually(enough)


async def publish(client, event_type, count, *, size=10):
    sent = (client.publish(event_type, {"n": n, "pad": "x" * size}) for n in range(count))
    return sorted(ack.seq for ack in await asyncio.gather(*sent))


async def push_out(client, name, until_seq):
    """Publish noise until the log has lost everything up to `until_seq`."""

    async def gone():
        await publish(client, f"{name}.noise", 100, size=5000)
        return (await client.retention.show()).first_seq > until_seq

    await eventually(gone, timeout_s=30)


async def lines(client, **selection):
    raw = b"".join([piece async for piece in client.replays.export(Selection(**selection))])
    return [json.loads(line) for line in raw.splitlines()]


async def test_limits_are_changed_live_and_go_back_to_the_settings(own_hub):
    hub = await own_hub()
    async with hub.connected() as client:
        before = await client.retention.show()
        assert (before.is_default, before.max_bytes) == (True, hub.settings.bus.events_max_bytes)
        changed = await client.retention.set(max_age_s=3600, max_bytes=SMALL)
        assert (changed.is_default, changed.max_age_s, changed.max_bytes) == (False, 3600, SMALL)
        config = (await stream(hub, "EVENTS_default")).config
        assert (config.max_age, config.max_bytes) == (3600, SMALL)
        assert (await stream(hub, "EVENTS_default")).config.deny_purge is True
        await publish(client, "a.b", 500, size=5000)
        assert (await client.retention.show()).size_bytes <= SMALL
        await hub.component("reconciler").converge()
        assert (await stream(hub, "EVENTS_default")).config.max_bytes == SMALL
        back = await client.retention.set()
        assert (back.is_default, back.max_bytes) == (True, hub.settings.bus.events_max_bytes)
        trail = (await hub.admin("GET", "audit")).json["items"]
        assert [entry["action"] for entry in trail].count("retention.changed") == 2


async def test_what_the_broker_has_no_room_for_is_refused_or_told_and_hinders_nothing(own_hub, name):
    hub = await own_hub()
    async with hub.connected() as client:
        with pytest.raises(RequestInvalidError) as caught:
            await client.retention.set(max_bytes=2**49)
        assert caught.value.errors[0].pointer == "/max_bytes"
        assert (await client.retention.show()).is_default
        await client.retention.keep("huge", "a.b", max_age_s=3600, max_bytes=2**49)
        assert not (await keep_of(client, "huge")).made
        await client.retention.keep("small", "a.b", max_age_s=3600)
        await client.publish("a.b", 1)
        assert (await kept(client, "small", 1)).made
        await hub.component("reconciler").converge()


async def test_limits_and_keeps_are_those_of_one_workspace(hub, name):
    async with hub.client() as client, hub.client(workspace="other") as other:
        await client.retention.keep(f"k-{name}"[:20].lower(), f"{name}.>", max_age_s=3600)
        assert (await other.retention.show()).keeps == []
        await client.retention.drop(f"k-{name}"[:20].lower())


async def test_what_is_kept_longer_is_read_as_if_it_had_never_left(own_hub, broker, name):
    hub = await own_hub()
    async with hub.connected() as client:
        await client.retention.set(max_bytes=SMALL)
        await publish(client, f"{name}.other", 5)
        orders = await publish(client, f"{name}.order.made", 30)
        await client.retention.keep("orders", f"{name}.order.>", max_age_s=10 * 86400)
        assert (await kept(client, "orders", 30)).lag == 0
        orders += await publish(client, f"{name}.order.paid", 20)
        await kept(client, "orders", 50)
        await push_out(client, name, orders[-1])
        newer = await publish(client, f"{name}.order.made", 10)
        everything = orders + newer

        assert [line["seq"] for line in await lines(client, types=[f"{name}.order.>"])] == everything
        async with asyncio.timeout(20):
            seen = [event.seq async for event in client.replay(f"{name}.order.>")]
        assert seen == everything
        page = await client.events.query(type=f"{name}.order.*", limit=100)
        assert [event.seq for event in page.items] == everything
        half = await lines(client, types=[f"{name}.order.>"], after_seq=orders[19], until_seq=newer[4])
        assert [line["seq"] for line in half] == orders[20:] + newer[:5]
        times = {line["seq"]: line["stored_at"] for line in await lines(client, types=[f"{name}.order.>"])}
        later = await lines(client, types=[f"{name}.order.>"], since=times[orders[40]], until=times[newer[2]])
        assert [line["seq"] for line in later] == [seq for seq in everything if orders[40] <= seq < newer[2]]
        assert await lines(client, types=[f"{name}.other"]) == []
        job = await client.replays.to_new_group("again", f"{name}.order.>")
        assert (await client.jobs.wait(job.id, timeout_s=20)).done == 60

        await broker.kill()
        await broker.start()
        await eventually(hub.is_ready)
        await eventually(lambda: client.bus.is_up)
        newest = await publish(client, f"{name}.order.made", 5)
        await kept(client, "orders", 65)
        assert [line["seq"] for line in await lines(client, types=[f"{name}.order.>"])] == everything + newest


async def test_other_types_begin_a_new_stream_and_the_former_one_stays_until_it_is_empty(own_hub, name):
    hub = await own_hub()
    async with hub.connected() as client:
        await client.retention.set(max_bytes=SMALL)
        old = await publish(client, f"{name}.a", 10)
        await client.retention.keep("some", f"{name}.a", max_age_s=86400)
        await kept(client, "some", 10)
        await push_out(client, name, old[-1])
        await client.retention.keep("some", f"{name}.b", f"{name}.c.*.d", max_age_s=86400)
        gone = await publish(client, f"{name}.a", 5)
        new = await publish(client, f"{name}.b", 5) + await publish(client, f"{name}.c.x.d", 5)
        keep = await kept(client, "some", 20)
        assert keep.former == 1
        await push_out(client, name, new[-1])
        found = [line["seq"] for line in await lines(client)]
        assert [seq for seq in found if seq in {*old, *gone, *new}] == old + new
        await client.retention.keep("some", f"{name}.b", f"{name}.c.*.d", max_age_s=120)
        first, second = await hub.component("bus").js().streams_info(), await keep_of(client, "some")
        ages = {s.config.max_age for s in first if s.config.name.startswith("KEEP_")}
        assert (ages, second.max_age_s) == ({120.0}, 120)


async def test_a_limit_of_a_keep_holds_and_dropping_it_deletes_it(own_hub, name):
    hub = await own_hub()
    async with hub.connected() as client:
        await client.retention.keep("all", ">", max_age_s=86400, max_bytes=SMALL)
        await publish(client, f"{name}.a", 600, size=5000)
        keep = await kept(client, "all", 100)
        assert keep.size_bytes <= SMALL
        await client.retention.drop("all")
        assert (await client.retention.show()).keeps == []
        assert not [n.config.name for n in await hub.component("bus").js().streams_info() if "KEEP" in n.config.name]
        with pytest.raises(KeepUnknownError):
            await client.retention.drop("all")
        await client.retention.keep("all", f"{name}.b", max_age_s=86400)  # the name can be used anew
        await publish(client, f"{name}.b", 3)
        assert (await kept(client, "all", 3)).types == [f"{name}.b"]


@pytest.mark.parametrize("patterns", [["a.*.c"], ["*.b.>"], [">"], ["*"], ["a.b", "x.>"], ["ä.*", "o=p.q.*.*"]])
async def test_every_kind_of_pattern_can_be_kept_and_leaves_subjects_as_they_are(own_hub, patterns):
    """Also where the wildcard stands in the middle: subjects, sequences and times are those of the log."""
    hub = await own_hub()
    types = ["a.b.c", "a.x.c", "a.b", "x", "x.y.z", "ä.ö", "o=p.q.r.s", "z.b.c.d"]
    async with hub.connected() as client:
        await client.retention.keep("k", *patterns, max_age_s=86400)
        for event_type in types:
            await client.publish(event_type, 1)
        in_log = await lines(client, types=patterns)
        await kept(client, "k", len(in_log))
        js = hub.component("bus").bus.client.jetstream()
        (info,) = [s for s in await js.streams_info() if s.config.name.startswith("KEEP_default_k")]
        copies = [await js.get_msg(info.config.name, line["seq"]) for line in in_log]
        assert [copy.subject for copy in copies] == [line["subject"] for line in in_log]
        assert info.state.messages == len(in_log) > 0


@pytest.mark.parametrize(
    ("name", "wrong", "pointer"),
    [
        ("A", {}, "/name"), ("a_b", {}, "/name"), ("x" * 32, {}, "/name"), ("ok", {"types": []}, "/types"),
        ("ok", {"types": ["a.>.b"]}, "/types/0"), ("ok", {"types": ["a.*", "*.b"]}, "/types/1"),
        ("ok", {"max_age_s": 1}, "/max_age_s"), ("ok", {"max_bytes": 10}, "/max_bytes"),
    ],
)  # fmt: skip
async def test_a_wrong_keep_is_pointed_at(sqlite_hub, name, wrong, pointer):
    body = {"types": ["a.b"], "max_age_s": 3600} | wrong
    answer = await sqlite_hub.admin("PUT", f"events/keeps/{name}", raw=json.dumps(body).encode())
    assert answer.status == 422
    assert pointer in answer.pointers


async def test_limits_out_of_range_and_people_without_the_scope_are_refused(hub):
    async with hub.client() as client:
        for wrong in ({"max_age_s": 60}, {"max_bytes": 5}, {"max_bytes": 2**60}):
            with pytest.raises(RequestInvalidError):
                await client.retention.set(**wrong)
    async with hub.client(await hub.token("retention:read")) as reader:
        assert (await reader.retention.show()).is_default
        with pytest.raises(PermissionDeniedError):
            await reader.retention.set(max_age_s=3600)
