"""The store of blobs over HTTP and by itself: whole, in part, broken off, full, damaged, gone."""

import asyncio
import base64
import hashlib
import json
import os

import aiohttp
import pytest
from nats.js.errors import NotFoundError
from trunkline.protocol.errors import BlobDamagedError, BlobTooLargeError, BlobUnknownError
from trunkline_hub.bus.blobs import ABANDONED_S, CHUNK_BYTES, BlobStore, BucketLimits
from trunkline_hub.core.clock import SystemClock

from support.hub import FakeClock, eventually
from support.letters import raw_client

STREAM = "OBJ_blobs_default"
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 17]


def noise(size: int) -> bytes:
    return os.urandom(size)


def digest(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


async def put(hub, data, **options):
    return await hub.admin("POST", "blobs", data=data, **options)


async def chunks_of(hub, blob_id=">") -> int:
    info = await hub.component("bus").js().stream_info(STREAM, subjects_filter=f"$O.blobs_default.C.{blob_id}")
    return sum((info.state.subjects or {}).values())


async def begun(hub) -> bool:
    """Whether anything lies in the store."""
    try:
        return (await hub.component("bus").js().stream_info(STREAM)).state.messages > 0
    except NotFoundError:
        return False


@pytest.mark.parametrize("size", SIZES)
async def test_bytes_come_back_as_they_were_sent(sqlite_hub, size):
    data = noise(size)
    made = await put(sqlite_hub, data, headers={"Content-Type": "image/png; x=1"})
    assert made.status == 201
    blob = made.json
    assert (blob["size_bytes"], blob["content_type"], blob["digest"]) == (size, "image/png; x=1", digest(data))
    assert blob["url"] == f"/api/v1/w/default/blobs/{blob['id']}"
    back = await sqlite_hub.admin("GET", blob["url"])
    assert (back.status, back.body) == (200, data)
    assert back.headers["Content-Type"] == "image/png; x=1"
    assert back.headers["Repr-Digest"] == digest(data)
    assert back.headers["Accept-Ranges"] == "bytes"
    told = await sqlite_hub.admin("HEAD", blob["url"])
    assert (told.status, told.headers["Content-Length"], told.body) == (200, str(size), b"")
    assert told.headers["Content-Type"] == "image/png; x=1"


async def test_a_stream_of_untold_length_is_stored(sqlite_hub):
    data = noise(700_001)

    async def pieces():
        for start in range(0, len(data), 9973):
            yield data[start : start + 9973]

    made = await put(sqlite_hub, pieces())
    assert made.json["digest"] == digest(data)
    assert (await sqlite_hub.admin("GET", made.json["url"])).body == data


@pytest.mark.parametrize(
    ("asked", "part"),
    [("bytes=0-0", slice(0, 1)), ("bytes=10-19", slice(10, 20)), ("bytes=131072-", slice(131072, None)), ("bytes=131071-131073", slice(131071, 131074)), ("bytes=-5", slice(-5, None)),
     ("bytes=400000-99999999", slice(400_000, None)), ("bytes=-99999999", slice(None)), ("bytes = 1 - 2", slice(1, 3))],
)  # fmt: skip
async def test_a_part_is_sent_alone(sqlite_hub, asked, part):
    data = noise(500_000)
    blob = (await put(sqlite_hub, data)).json
    back = await sqlite_hub.admin("GET", blob["url"], headers={"Range": asked})
    wanted = data[part]
    start = data.index(wanted)
    assert (back.status, back.body) == (206, wanted)
    assert back.headers["Content-Range"] == f"bytes {start}-{start + len(wanted) - 1}/500000"


@pytest.mark.parametrize(
    "asked", ["bytes=", "bytes=-", "bytes=5-1", "bytes=0-1,3-4", "lines=1-2", "nonsense", "bytes=x-y"]
)
async def test_what_is_no_single_range_is_passed_over(sqlite_hub, asked):
    blob = (await put(sqlite_hub, b"0123456789")).json
    assert (await sqlite_hub.admin("GET", blob["url"], headers={"Range": asked})).status == 200


async def test_a_range_outside_of_the_blob_is_refused(sqlite_hub):
    blob = (await put(sqlite_hub, b"0123456789")).json
    for asked in ("bytes=10-", "bytes=99-100", "bytes=-0"):
        answer = await sqlite_hub.admin("GET", blob["url"], headers={"Range": asked})
        assert (answer.status, answer.code) == (416, "blob.range")


async def test_a_part_of_another_version_is_never_given(sqlite_hub):
    blob = (await put(sqlite_hub, b"0123456789")).json
    etag = (await sqlite_hub.admin("GET", blob["url"])).headers["ETag"]
    for given, status in ((etag, 206), ('"other"', 200)):
        answer = await sqlite_hub.admin("GET", blob["url"], headers={"Range": "bytes=0-1", "If-Range": given})
        assert answer.status == status


async def test_blobs_that_are_written_at_once_do_not_mix(sqlite_hub):
    datas = [noise(3 * CHUNK_BYTES + n) for n in range(6)]
    made = await asyncio.gather(*(put(sqlite_hub, data) for data in datas))
    back = await asyncio.gather(*(sqlite_hub.admin("GET", m.json["url"]) for m in made))
    assert [b.body for b in back] == datas
    parts = await asyncio.gather(
        *(sqlite_hub.admin("GET", m.json["url"], headers={"Range": "bytes=300000-"}) for m in made)
    )
    assert [p.body for p in parts] == [data[300_000:] for data in datas]


@pytest.mark.parametrize("kind", ["", "nonsense", "a/b\tc", "é/ü"])
async def test_a_type_that_is_none_becomes_bytes(sqlite_hub, kind):
    made = await put(sqlite_hub, b"x", headers={"Content-Type": kind})
    assert made.json["content_type"] == "application/octet-stream"


async def test_no_browser_runs_a_blob(sqlite_hub):
    blob = (await put(sqlite_hub, b"<script>", headers={"Content-Type": "text/html"})).json
    back = await sqlite_hub.admin("GET", blob["url"])
    assert (back.headers["Content-Type"], back.headers["Content-Disposition"]) == ("text/html", "attachment")
    assert "sandbox" in back.headers["Content-Security-Policy"]


async def test_a_deleted_blob_is_gone_and_its_deletion_recorded(hub):
    blob = (await put(hub, noise(CHUNK_BYTES * 2))).json
    assert (await hub.admin("DELETE", blob["url"])).status == 204
    for method in ("GET", "HEAD", "DELETE"):
        answer = await hub.admin(method, blob["url"])
        assert answer.status == 404
        assert method == "HEAD" or answer.code == "blob.unknown"
    assert await chunks_of(hub, blob["id"]) == 0
    (row, *_) = (await hub.admin("GET", "audit")).json["items"]
    assert (row["action"], row["resource"]) == ("blob.deleted", f"blob/{blob['id']}")


@pytest.mark.parametrize("blob_id", ["nobody", "..", "a.b", "x" * 65, "*", ">", "a%20b"])
async def test_a_blob_that_cannot_be_is_unknown(sqlite_hub, blob_id):
    answer = await sqlite_hub.admin("GET", f"blobs/{blob_id}")
    assert answer.status == 404


async def test_blobs_of_another_workspace_are_unknown(sqlite_hub):
    blob = (await put(sqlite_hub, b"x")).json
    token = await sqlite_hub.token("*", workspace="other")
    assert (await sqlite_hub.http("GET", f"/api/v1/w/other/blobs/{blob['id']}", token=token)).status == 404
    assert (await sqlite_hub.http("GET", blob["url"], token=token)).status == 404


# --- limits and breaks ---------------------------------------------------------------------------


async def test_a_blob_over_the_limit_is_refused_and_nothing_kept(own_hub):
    hub = await own_hub(blobs={"max_blob_bytes": 2**20})

    async def pieces():
        for _ in range(40):
            yield noise(CHUNK_BYTES // 2)

    told = await put(hub, noise(2**20 + 1))
    assert (told.status, told.code) == (413, "blob.too_large")
    untold = await put(hub, pieces())
    assert (untold.status, untold.code) == (413, "blob.too_large")
    assert (await put(hub, noise(2**20))).status == 201
    assert await chunks_of(hub) == 8


async def test_a_full_store_says_so_and_keeps_nothing_of_it(own_hub):
    hub = await own_hub(blobs={"max_bytes": 2**20})
    assert (await put(hub, noise(700_000))).status == 201
    answer = await put(hub, noise(700_000))
    assert (answer.status, answer.code) == (503, "blob.store_full")
    assert await chunks_of(hub) == 6
    assert (await put(hub, noise(100_000))).status == 201


async def test_an_upload_that_breaks_off_leaves_nothing_behind(own_hub):
    hub = await own_hub()
    host, port = hub.url.removeprefix("http://").split(":")
    _reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /api/v1/w/default/blobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hub.admin_token}\r\nContent-Length: 5000000\r\n\r\n"
    writer.write(head.encode() + noise(8 * CHUNK_BYTES))
    await writer.drain()
    await eventually(lambda: begun(hub))
    writer.transport.abort()

    async def clean():
        return not await begun(hub)

    await eventually(clean)


async def test_an_upload_that_falls_silent_is_ended(own_hub):
    hub = await own_hub(blobs={"idle_s": 0.3})

    async def pieces():
        yield noise(2 * CHUNK_BYTES)
        await asyncio.sleep(30)

    answer = await put(hub, pieces())
    assert (answer.status, answer.code) == (400, "blob.broken")
    assert await chunks_of(hub) == 0


async def test_what_a_dead_hub_left_of_an_upload_is_swept_away(shared_broker, own_hub):
    clock = FakeClock()
    hub = await own_hub()
    store = BlobStore(hub.component("bus"), clock, BucketLimits(max_bytes=2**26, max_age_s=3600))
    kept = (await put(hub, noise(2 * CHUNK_BYTES))).json
    js = hub.component("bus").client_context()
    for n in range(3):
        await js.publish("$O.blobs_default.C.orphan", noise(10))
    assert await store.sweep("default") == 0, "it may still be on its way"
    clock.forward(ABANDONED_S + 5)
    assert await store.sweep("default") == 1
    assert await chunks_of(hub, "orphan") == 0
    assert (await hub.admin("GET", kept["url"])).status == 200
    assert await store.sweep("other") == 0, "a workspace without blobs has nothing to sweep"


async def test_a_damaged_blob_is_not_passed_off_as_whole(own_hub):
    hub = await own_hub()
    data = noise(3 * CHUNK_BYTES)
    blob = (await put(hub, data)).json
    js = hub.component("bus").client_context()
    raw = await js.get_last_msg(STREAM, f"$O.blobs_default.M.{base64.urlsafe_b64encode(blob['id'].encode()).decode()}")
    record = json.loads(raw.data) | {
        "digest": "SHA-256=" + base64.urlsafe_b64encode(hashlib.sha256(b"other").digest()).decode()
    }
    await js.publish(raw.subject, json.dumps(record).encode(), headers={"Nats-Rollup": "sub"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await hub.admin("GET", blob["url"])
    async with hub.client() as client:
        with pytest.raises(BlobDamagedError):
            await (await client.blobs.get(blob["id"])).read()


async def test_a_blob_that_lost_chunks_is_told_as_damaged(own_hub):
    hub = await own_hub()
    blob = (await put(hub, noise(3 * CHUNK_BYTES))).json
    js = hub.component("bus").js()
    first = await js.get_msg(STREAM, 1)
    assert first.subject == f"$O.blobs_default.C.{blob['id']}"
    await js.delete_msg(STREAM, 2)
    with pytest.raises(aiohttp.ClientPayloadError):
        await hub.admin("GET", blob["url"])


async def test_the_official_client_reads_what_the_hub_wrote(own_hub):
    """ADR-20: it is an object store like any other."""
    hub = await own_hub()
    data = noise(3 * CHUNK_BYTES + 5)
    blob = (await put(hub, data, headers={"Content-Type": "image/png"})).json
    bucket = await hub.component("bus").client_context().object_store("blobs_default")
    found = await bucket.get(blob["id"])
    assert (found.data, found.info.size, found.info.chunks) == (data, len(data), 4)
    assert found.info.headers == {"Content-Type": ["image/png"]}
    assert [info.name for info in await bucket.list()] == [blob["id"]]


async def test_no_token_reaches_the_store_but_through_the_hub(sqlite_hub):
    """A bucket allows rollup: whoever may publish to it could wipe it."""
    await put(sqlite_hub, b"x")
    denials = []
    token = await sqlite_hub.token("*")
    async with raw_client(sqlite_hub, token) as client:

        async def on_error(error):
            denials.append(str(error).lower())

        client._error_cb = on_error
        for subject in ("$O.blobs_default.C.x", "$O.blobs_default.M.x", f"$JS.API.STREAM.PURGE.{STREAM}", f"$JS.API.STREAM.MSG.GET.{STREAM}", f"$JS.API.CONSUMER.CREATE.{STREAM}"):  # fmt: skip
            await client.publish(subject, b"{}")
        await client.flush()
        await client.flush()
    assert len([d for d in denials if "permissions violation" in d]) == 5


async def test_blobs_survive_the_end_of_hub_and_broker(own_hub, broker):
    hub = await own_hub()
    data = noise(10 * CHUNK_BYTES)
    blob = (await put(hub, data)).json
    await broker.kill()
    await broker.start()
    await eventually(hub.is_ready)
    assert (await hub.admin("GET", blob["url"])).body == data


async def test_an_upload_lives_through_a_restart_of_the_broker(own_hub, broker):
    hub = await own_hub()
    data = noise(40 * CHUNK_BYTES)
    back = asyncio.Event()

    async def pieces():
        yield data[: 20 * CHUNK_BYTES]
        await back.wait()
        yield data[20 * CHUNK_BYTES :]

    sending = asyncio.ensure_future(put(hub, pieces()))
    await eventually(lambda: begun(hub))
    await broker.kill()
    await broker.start()
    back.set()
    made = await asyncio.wait_for(sending, 30)
    assert made.status == 201, made.body
    assert (await hub.admin("GET", made.json["url"])).body == data


async def test_the_sdk_knows_the_stores_answers(sqlite_hub, tmp_path):
    async with sqlite_hub.client() as client:
        (tmp_path / "a.txt").write_bytes(b"hello" * 100_000)
        import trunkline as tl

        made = await client.blobs.put(tl.Blob.from_path(tmp_path / "a.txt"))
        assert (made.size_bytes, made.content_type) == (500_000, "text/plain")
        blob = await client.blobs.get(made.id)
        assert await blob.save(tmp_path / "b.txt") == 500_000
        assert (tmp_path / "b.txt").read_bytes() == (tmp_path / "a.txt").read_bytes()
        await client.blobs.delete(made.id)
        with pytest.raises(BlobUnknownError):
            await client.blobs.get(made.id)
        with pytest.raises(BlobUnknownError):
            await blob.read()


async def test_an_error_of_the_senders_own_stream_is_raised_as_it_is(sqlite_hub):
    async def broken():
        yield noise(2 * CHUNK_BYTES)
        raise ZeroDivisionError("mine")

    async with sqlite_hub.client() as client:
        with pytest.raises(ZeroDivisionError, match="mine"):
            await client.blobs.put(broken())


async def test_the_sdk_is_told_that_a_blob_is_too_large(own_hub):
    hub = await own_hub(blobs={"max_blob_bytes": 2**20})

    async def pieces():
        for _ in range(200):
            yield noise(CHUNK_BYTES)

    async with hub.client() as client:
        with pytest.raises(BlobTooLargeError):
            await client.blobs.put(noise(2**20 + 1))
        with pytest.raises(BlobTooLargeError):
            await client.blobs.put(pieces())
