"""What leaves the log, written to files before it goes and read back as if it had never left."""

import asyncio
import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import zstandard
from support.hub import eventually
from trunkline.protocol.errors import ArchiveDamagedError, UnavailableError
from trunkline.protocol.resources import Selection
from trunkline_hub.archive import model
from trunkline_hub.archive.providers.directory.provider import DirectoryShelf
from trunkline_hub.archive.settings import ArchiveSettings
from trunkline_hub.core.sequences import absent

SMALL = 2**20
QUICK = {"segment_messages": 100, "segment_age_s": 0.3, "check_s": 0.05}


@pytest.fixture
def archiving(own_hub, tmp_path):
    """Makes hubs that archive into a directory of this test."""

    async def make(**options):
        return await own_hub(archive={"directory": str(tmp_path / "archive")} | QUICK | options)

    return make


async def publish(client, event_type, count, *, size=10):
    sent = (client.publish(event_type, {"n": n, "pad": "x" * size}) for n in range(count))
    return sorted(ack.seq for ack in await asyncio.gather(*sent))


async def archived(client):
    async def done():
        state = await client.retention.archive()
        return state if state.lag_events == 0 and state.segments else None

    return await eventually(done)


async def push_out(client, name, until_seq, *, archiving=True):
    """Fill the log until what came before has left it, no faster than it is archived: else that would be missed."""

    async def gone():
        await publish(client, f"{name}.noise", 100, size=5000)
        if archiving:
            await archived(client)
        return (await client.retention.show()).first_seq > until_seq

    await eventually(gone)


async def seqs(client, **selection):
    raw = b"".join([piece async for piece in client.replays.export(Selection(**selection))])
    return [json.loads(line)["seq"] for line in raw.splitlines()]


async def test_segments_hold_everything_and_name_the_one_before_them(archiving, tmp_path, name):
    hub = await archiving()
    async with hub.connected() as client:
        acks = await publish(client, f"{name}.a", 250)
        state = await archived(client)
        assert (state.enabled, state.missed_events, state.warning) == (True, 0, None)
        assert (state.first_seq, state.last_seq) == (1, (await client.retention.show()).last_seq)
        page = await client.retention.segments(limit=500)
        segments = list(reversed(page.items))
        folder = tmp_path / "archive" / "default"
        before, seen = "", []
        for segment in segments:
            lines = zstandard.ZstdDecompressor().stream_reader((folder / segment.file).read_bytes()).read()
            assert hashlib.sha256(lines).hexdigest() == segment.sha256
            assert segment.previous == before
            before = hashlib.sha256((folder / segment.file.replace("ndjson.zst", "json")).read_bytes()).hexdigest()
            found = [json.loads(line) for line in lines.splitlines()]
            assert (segment.first_seq, segment.last_seq) == (found[0]["seq"], found[-1]["seq"])
            assert segment.messages == len(found) <= 100
            assert segment.missing == []
            seen += [line["seq"] for line in found]
        assert seen == list(range(1, state.last_seq + 1))
        assert set(acks) <= set(seen)
        assert not list(folder.glob("*.part"))


async def test_what_left_the_log_is_read_back_from_the_archive(archiving, name):
    hub = await archiving()
    async with hub.connected() as client:
        await client.retention.set(max_bytes=SMALL)
        old = await publish(client, f"{name}.a", 150)
        other = await publish(client, f"{name}.b", 10)
        await archived(client)
        await push_out(client, name, other[-1])
        new = await publish(client, f"{name}.a", 20)
        assert (await client.retention.archive()).missed_events == 0
        assert await seqs(client, types=[f"{name}.a"]) == old + new
        assert await seqs(client, types=[f"{name}.a"], after_seq=old[99], until_seq=new[4]) == old[100:] + new[:5]
        async with asyncio.timeout(20):
            assert [event.seq async for event in client.replay(f"{name}.a")] == old + new
        assert [e.seq for e in (await client.events.query(type=f"{name}.b")).items] == other
        page = await client.events.query(type=f"{name}.a", limit=100)
        assert [e.seq for e in page.items] == old[:100]
        page = await client.events.query(type=f"{name}.a", limit=100, cursor=page.next)
        assert [e.seq for e in page.items] == old[100:] + new
        job = await client.replays.to_new_group(f"g-{name}", f"{name}.a")
        assert (await client.jobs.wait(job.id, timeout_s=20)).done == 170
        # the archive and what is kept longer overlap: each event is read once
        await client.retention.keep("noise", f"{name}.noise", f"{name}.a", max_age_s=3600)
        await publish(client, f"{name}.a", 1)
        found = await seqs(client)
        assert found == sorted(set(found))


async def test_copies_for_one_group_hold_their_place_but_not_their_payload(archiving, name):
    hub = await archiving()
    async with hub.connected() as client:
        acks = await publish(client, f"{name}.a", 5, size=1000)
        job = await client.replays.to_new_group(f"g-{name}", f"{name}.a")
        await client.jobs.wait(job.id, timeout_s=20)
        await client.retention.set(max_bytes=SMALL)
        await archived(client)
        await push_out(client, name, acks[-1] + 10)
        assert await seqs(client, types=[f"{name}.a"]) == acks
        archives = hub.component("archive-exporter")._archives
        read = [s async for batch in archives.scan("default", after_seq=0, until_seq=10**9, since=None) for s in batch]
        copies = [stored for stored in read if ".redrive." in stored.subject]
        assert [(stored.payload, stored.headers["Tl-Replay"]) for stored in copies] == [(b"", job.id)] * 5


async def test_what_left_before_it_was_archived_is_counted_and_told(own_hub, tmp_path, name):
    """The exporter is slow, as on a full disk; the log goes on."""
    slow = {"directory": str(tmp_path / "archive"), "segment_messages": 100, "segment_age_s": 0.1, "check_s": 0.05}
    hub = await own_hub(archive=slow)
    async with hub.connected() as client:
        await client.retention.set(max_bytes=SMALL)
        first = await publish(client, f"{name}.a", 5)
        await archived(client)
        archives = hub.component("archive-exporter")._archives
        put, archives._put = archives._put, _full
        await push_out(client, name, first[-1] + 20, archiving=False)
        health = await eventually(lambda: warned(hub, "cannot be archived"))
        assert health["ok"] is True  # the hub does its work: an orchestrator must not take it away
        archives._put = put
        state = await eventually(lambda: missed(client))
        assert "left the log before" in state.warning
        await eventually(lambda: warned(hub, "left the log before"))
        metrics = (await hub.admin("GET", "/metrics")).body.decode()
        assert 'trunkline_archive_missed{workspace="default"}' in metrics
        gaps = [gap for segment in (await client.retention.segments()).items for gap in segment.missing]
        assert sum(last - first + 1 for first, last in gaps) == state.missed_events > 0


async def _full(*_arguments):
    raise UnavailableError("No space left on device")


async def warned(hub, words):
    health = (await hub.admin("GET", "/health")).json
    entry = next(c for c in health["components"] if c["name"] == "archive-exporter")
    return entry if words in entry["detail"] else None


async def missed(client):
    state = await client.retention.archive()
    return state if state.missed_events else None


@pytest.mark.parametrize("dies_after", [1, 2])
async def test_an_exporter_that_dies_between_two_files_leaves_a_whole_chain(archiving, name, dies_after):
    hub = await archiving()
    async with hub.connected() as client:
        archives = hub.component("archive-exporter")._archives
        put, written = archives._put, []

        async def dying(workspace, file, content):
            if len(written) >= dies_after:
                raise UnavailableError("dead")
            written.append(file)
            await put(workspace, file, content)

        archives._put = dying
        acks = await publish(client, f"{name}.a", 50)
        await eventually(lambda: len(written) == dies_after)
        await asyncio.sleep(0.2)
        archives._put = put
        more = await publish(client, f"{name}.a", 50)
        await archived(client)
        assert await archives.check_chain("default") == []
        assert (await client.retention.archive()).missed_events == 0
        read = [
            s.seq async for batch in archives.scan("default", after_seq=0, until_seq=10**9, since=None) for s in batch
        ]
        assert read == sorted(set(read))
        assert {*acks, *more} <= set(read)


async def test_another_hub_goes_on_with_the_archive(archiving, name):
    first = await archiving()
    async with first.connected() as client:
        before = await publish(client, f"{name}.a", 30)
        await archived(client)
    await first.stop()
    second = await archiving()
    async with second.connected() as client:
        after = await publish(client, f"{name}.a", 30)
        await archived(client)
        archives = second.component("archive-exporter")._archives
        assert await archives.check_chain("default") == []
        read = [
            s.seq async for batch in archives.scan("default", after_seq=0, until_seq=10**9, since=None) for s in batch
        ]
        assert {*before, *after} <= set(read)


async def test_a_damaged_file_is_an_error_and_not_a_gap(archiving, tmp_path, name):
    hub = await archiving()
    async with hub.connected() as client:
        await client.retention.set(max_bytes=SMALL)
        acks = await publish(client, f"{name}.a", 30)
        await archived(client)
        await push_out(client, name, acks[-1])
        file = min((tmp_path / "archive" / "default").glob("*.zst"))
        packed = bytearray(file.read_bytes())
        packed[len(packed) // 2] ^= 0xFF
        file.write_bytes(packed)
        answer = await hub.admin("GET", "events", params={"type": f"{name}.a"})
        assert (answer.status, answer.code) == (503, ArchiveDamagedError.code)


async def test_an_archive_that_is_off_says_so(hub):
    async with hub.client() as client:
        state = await client.retention.archive()
        assert (state.enabled, state.segments, state.warning) == (False, 0, None)
        assert (await client.retention.segments()).items == []


async def test_a_shelf_never_shows_a_part_of_a_file(tmp_path):
    shelf = DirectoryShelf(tmp_path / "a")
    assert await shelf.names("w") == []
    assert await shelf.read("w", "x") is None
    await shelf.put("w", "b", b"2")
    await shelf.put("w", "a", b"1")
    (tmp_path / "a" / "w" / "c.part").write_bytes(b"half")
    assert await shelf.names("w") == ["a", "b"]
    assert await shelf.read("w", "a") == b"1"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnavailableError):
        await DirectoryShelf(tmp_path / "file").put("w", "a", b"1")


NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("waiting", "age_s", "size", "due", "danger"),
    [
        (0, 0, 0, False, False), (10, 10, 100, False, False), (1000, 0, 100, True, False), (10, 3600, 100, True, False),
        (10, 10, 600_000, True, False), (10, 10, 900_000, True, True), (10, 60_000, 10, True, False), (10, 80_000, 10, True, True),
    ],
)  # fmt: skip
def test_a_segment_is_closed_in_time(waiting, age_s, size, due, danger):
    room = model.Room(
        now=NOW, waiting=waiting, waiting_since=NOW - timedelta(seconds=age_s), waiting_bytes=size, max_bytes=1_000_000, max_age_s=86400
    )  # fmt: skip
    assert room.is_due(messages=1000, size_bytes=10_000_000, age_s=3600) is due
    assert room.is_in_danger() is danger


def test_runs_of_absent_sequences():
    assert absent(0, [1, 2, 5, 6, 9]) == [(3, 4), (7, 8)]
    assert model.count([(3, 4), (7, 8)]) == 4
    assert ArchiveSettings().directory == ""
    assert msgspec.json.decode(msgspec.json.encode(model.Head(last_seq=1, manifest="x"))) == {
        "last_seq": 1, "manifest": "x", "missed": 0,
    }  # fmt: skip


async def test_a_narrow_query_reaches_the_archive_when_it_is_told_how_far_back(archiving, name):
    hub = await archiving()
    async with hub.connected() as client:
        await client.retention.set(max_bytes=SMALL)
        began = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        await publish(client, f"{name}.a", 50)
        old = await client.publish(f"{name}.a", {}, subject=name, correlation_id=f"c-{name}")
        await publish(client, f"{name}.a", 50)
        await archived(client)
        await push_out(client, name, old.seq)
        new = await client.publish(f"{name}.a", {}, subject=name, correlation_id=f"c-{name}")
        for narrow in ({"subject": name}, {"correlation_id": f"c-{name}"}):
            assert await found(client, **narrow) == [new.seq]
            assert await found(client, since=began, **narrow) == [old.seq, new.seq]
            assert await found(client, since=began, limit=1, **narrow) == [old.seq, new.seq]
        assert await found(client, id=old.id) == []
        assert await found(client, id=old.id, since=began) == [old.seq]
        first = (await client.events.query(id=old.id, since=began)).items[0]
        assert await found(client, subject=name, since=began, until=first.stored_at) == []


async def found(client, **filters):
    """Return the places on all pages."""
    places, cursor = [], None
    while True:
        page = await client.events.query(cursor=cursor, **filters)
        places += [event.seq for event in page.items]
        cursor = page.next
        if cursor is None:
            return places


async def test_events_in_binary_mode_come_back_as_they_were(archiving, name):
    hub = await archiving()
    async with hub.connected() as client:
        await client.retention.set(max_bytes=SMALL)
        packed = "application/msgpack"
        old = await client.publish(f"{name}.b", {"n": 1}, content_type=packed, subject="ä")
        plain = await client.publish(f"{name}.b", "{not json", content_type="text/plain")
        await archived(client)
        await push_out(client, name, plain.seq)
        new = await client.publish(f"{name}.b", {"n": 2}, content_type=packed, subject="ä")
        async with asyncio.timeout(20):
            seen = [event async for event in client.replay(f"{name}.b", subject="ä")]
        assert [(event.seq, event.message.datacontenttype) for event in seen] == [(old.seq, packed), (new.seq, packed)]
        assert [await client.payload(event.message, dict) for event in seen] == [{"n": 1}, {"n": 2}]
        page = await client.events.query(type=f"{name}.b")
        assert [event.event["datacontenttype"] for event in page.items] == [packed, "text/plain", packed]
        raw = b"".join([piece async for piece in client.replays.export(Selection(types=[f"{name}.b"]))])
        lines = [json.loads(line) for line in raw.splitlines()]
        assert [line["event"]["datacontenttype"] for line in lines] == [packed, "text/plain", packed]
        assert base64.b64decode(lines[1]["raw_base64"]) == b"{not json"
        assert [line["headers"]["ce-type"] for line in lines] == [f"{name}.b"] * 3
        single = await client.api.get(f"/events/{old.seq}", dict)
        assert single["event"]["datacontenttype"] == packed
        job = await client.replays.dry_run(f"{name}.b", subject="ä")
        found = (await client.jobs.wait(job.id, timeout_s=20)).result
        assert (found["events"], found["sample"][0]["event"]["subject"]) == (2, "ä")
        verdict = await hub.admin("POST", "events/verify")
        done = await client.jobs.wait(verdict.json["id"], timeout_s=20)
        assert done.result["counts"].get("undecodable", 0) == 0
