"""`verify` on logs, keeps and archives that are whole, and on some that are really damaged."""

import asyncio
import hashlib
import json

import pytest
import zstandard
from support.hub import eventually
from support.letters import raw_client
from trunkline.protocol import subjects
from trunkline.protocol.errors import PermissionDeniedError
from trunkline_hub.integrity import store

EAGER = {"archive": {"segment_messages": 100, "segment_age_s": 0.2, "check_s": 0.05}, "integrity": {"witness_s": 0.05}}


@pytest.fixture
def whole(own_hub, tmp_path):
    """A hub with a log of 500 events, all of them kept and archived, and noted by the witness."""

    async def make():
        hub = await own_hub(**EAGER | {"archive": EAGER["archive"] | {"directory": str(tmp_path / "archive")}})
        async with hub.connected() as client:
            await client.retention.keep("all", ">", max_age_s=86400)
            acks = await asyncio.gather(*(client.publish("a.b", {"n": n, "pad": "x" * 300}) for n in range(500)))
            last = max(ack.seq for ack in acks)
            await eventually(lambda: caught_up(hub, client, last))
        return hub

    return make


async def caught_up(hub, client, last):
    archive, (keep,) = await client.retention.archive(), (await client.retention.show()).keeps
    witness = hub.component("log-witness")
    async with witness._db.read() as tx:
        noted = await store.every(tx, "default")
    return archive.lag_events == 0 and keep.last_seq >= last and max(noted, default=0) >= last


async def verify(hub):
    async with hub.client() as client:
        job = await client.jobs.wait((await client.retention.verify()).id, timeout_s=30)
        assert job.state == "completed", job.error
        assert job.done >= job.total or job.result["verdict"] == "damaged"
        return job.result


def kinds(result, place=None):
    return {f["kind"] for f in result["findings"] if place in {None, f["place"]}}


def blocks(hub, stream):
    return sorted(f for f in hub.broker.place.jetstream.rglob("*.blk") if stream in str(f))


def flip(file, *, at=0.5, count=8):
    """Turn some bits over, as a failing disk does."""
    content = bytearray(file.read_bytes())
    start = int(len(content) * at)
    for index in range(start, start + count):
        content[index] ^= 0xFF
    file.write_bytes(content)


async def test_what_is_whole_is_intact(whole):
    hub = await whole()
    result = await verify(hub)
    assert (result["verdict"], result["findings"], result["counts"]) == ("intact", [], {})
    log = (await hub.admin("GET", "events/retention")).json
    assert result["checked"] == {"log": log["messages"], "archive": log["messages"], "keep all": log["messages"]}


async def test_a_log_without_anything_else_is_verified_on_either_database(hub, name):
    async with hub.connected() as client:
        await client.publish(f"{name}.a", 1)
        assert (await verify(hub))["verdict"] == "intact"
    async with hub.client(await hub.token("events:read")) as reader:
        with pytest.raises(PermissionDeniedError):
            await reader.retention.verify()


async def test_what_is_no_event_is_told_but_is_no_damage(own_hub, name):
    hub = await own_hub()
    token = await hub.token("events:publish", principal=f"p-{name}")
    async with raw_client(hub, token) as raw:
        binary = {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "x.y", "ce-source": "/x"}
        await raw.publish(subjects.event("default", f"p-{name}", "x.y"), b"no event")
        await raw.publish(subjects.event("default", f"p-{name}", "x.y"), b"data", headers=binary)
        await raw.flush()
    result = await eventually(lambda: undecodable(hub))
    assert result["verdict"] == "intact"
    assert result["counts"] == {"undecodable": 1}
    assert result["findings"][0]["is_damage"] is False


async def undecodable(hub):
    result = await verify(hub)
    return result if result["counts"] else None


async def test_bits_that_turned_over_in_the_brokers_file_are_found(whole, broker):
    """The broker leaves the message out without a word; the log has a gap."""
    hub = await whole()
    await broker.stop()
    flip(blocks(hub, "EVENTS_default")[0])
    await broker.start()
    await eventually(hub.is_ready)
    result = await verify(hub)
    assert result["verdict"] == "damaged"
    assert "gap" in kinds(result, "log")
    async with hub.connected() as client:
        async with asyncio.timeout(30):
            assert [event async for event in client.replay()]  # what is left can still be read


async def test_a_log_that_lost_its_end_is_found_though_its_numbers_were_given_again(whole, broker):
    """After a crash the broker cuts its file at the damage, and new events take the places of those that are gone."""
    hub = await whole()
    await broker.kill()
    (file,) = blocks(hub, "EVENTS_default")
    flip(file)
    (file.parent / "index.db").unlink(missing_ok=True)
    await broker.start()
    await eventually(hub.is_ready)
    async with hub.connected() as client:
        await eventually(lambda: client.bus.is_up)
        assert (await client.retention.show()).last_seq < 500
        result = await verify(hub)
        assert result["verdict"] == "damaged"
        assert {"ends_early"} <= kinds(result, "log")
        await asyncio.gather(*(client.publish("a.b", {"again": n}) for n in range(600)))
        result = await verify(hub)
        assert "differs" in kinds(result, "log")  # the hub's own notes
        assert "differs" in kinds(result, "archive")
        assert "differs" in kinds(result, "keep all") or "not_kept" in kinds(result, "keep all")


async def test_a_damaged_and_a_missing_segment_are_named(whole, tmp_path):
    hub = await whole()
    files = sorted((tmp_path / "archive" / "default").glob("*.zst"))
    flip(files[1])
    result = await verify(hub)
    damaged = [f for f in result["findings"] if f["kind"] == "segment_damaged"]
    assert [f["first_seq"] for f in damaged] == [int(files[1].name[:20])]
    assert result["counts"]["segment_damaged"] == int(files[1].name[21:41]) - int(files[1].name[:20]) + 1

    files[2].unlink()
    missing = [f for f in (await verify(hub))["findings"] if f["kind"] == "segment_missing"]
    assert [f["first_seq"] for f in missing] == [int(files[2].name[:20])]

    manifests = sorted((tmp_path / "archive" / "default").glob("0*.json"))
    for file in (files[3], manifests[3]):
        file.unlink()
    missing = [f for f in (await verify(hub))["findings"] if f["kind"] == "segment_missing"]
    assert any(f["first_seq"] <= int(files[3].name[:20]) <= f["last_seq"] for f in missing)

    for file in (files[-1], manifests[-1]):
        file.unlink()
    result = await verify(hub)
    assert any("newest" in f["detail"] for f in result["findings"])


async def test_a_manifest_that_was_changed_breaks_the_chain(whole, tmp_path):
    hub = await whole()
    first, second, *_ = sorted((tmp_path / "archive" / "default").glob("0*.json"))
    text = first.read_text()
    first.write_text(text.replace('"workspace": "default"', '"workspace": "default "'))
    assert "chain_broken" in kinds(await verify(hub), "archive")
    first.write_text(text)
    second.write_text("{")
    found = await verify(hub)
    assert "segment_damaged" in kinds(found, "archive")
    assert found["verdict"] == "damaged"


async def test_a_copy_that_is_not_what_the_log_has_is_found(whole, tmp_path):
    """A segment written anew, with a manifest that fits it: the log tells the difference."""
    hub = await whole()
    manifest = max((tmp_path / "archive" / "default").glob("0*.json"))
    head = manifest.parent / "head.json"
    segment = json.loads(manifest.read_text())
    file = manifest.parent / segment["file"]
    lines = zstandard.ZstdDecompressor().stream_reader(file.read_bytes()).read().replace(b'"pad":"x', b'"pad":"y', 1)
    file.write_bytes(zstandard.ZstdCompressor().compress(lines))
    segment["sha256"] = hashlib.sha256(lines).hexdigest()
    manifest.write_text(json.dumps(segment))
    end = json.loads(head.read_text()) | {"manifest": hashlib.sha256(manifest.read_bytes()).hexdigest()}
    head.write_text(json.dumps(end))
    hub.component("archive-exporter")._archives._known.clear()  # as in a hub that was started later
    assert kinds(await verify(hub)) == {"differs"}
