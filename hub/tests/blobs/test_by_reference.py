"""Payloads over the broker's limit: sent, handled, buried and redriven as if nothing were special about them."""

import asyncio
import hashlib
import os

import msgspec
import psutil
import pytest
import trunkline as tl
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import PayloadGoneError, PayloadTooLargeError

from support.hub import eventually
from support.letters import dead_letters, publish_raw
from support.relay import relayed

MB = 2**20
BIG = 9 * MB
"""Above the broker's limit for one message."""


class Doc(msgspec.Struct):
    name: str
    text: str
    raw: bytes = b""


@pytest.fixture
def got() -> asyncio.Queue:
    return asyncio.Queue()


async def soon(queue, timeout_s=30):
    return await asyncio.wait_for(queue.get(), timeout_s)


async def patterned(size: int, piece: int = MB):
    """`size` bytes that are nowhere whole."""
    block = os.urandom(piece)
    for start in range(0, size, piece):
        yield block[: min(piece, size - start)]


async def test_a_large_typed_payload_arrives_as_if_it_were_small(hub, name, got):
    agent = tl.Agent(name)

    @agent.on(f"{name}.doc")
    async def follow(doc: Doc, ctx: tl.Context) -> None:
        got.put_nowait((doc, ctx.message))

    async with hub.serving(agent), hub.connected() as client:
        doc = Doc("d", "ä" * BIG)
        ack = await client.publish(f"{name}.doc", doc, subject="s", key="k")
        received, message = await soon(got)
        assert received == doc
        assert (message.id, message.subject, message.partitionkey, message.datacontenttype) == (
            ack.id,
            "s",
            "k",
            "application/json",
        )
        assert message.dataref.startswith("/api/v1/w/default/blobs/")
        shown = (await hub.admin("GET", f"events/{ack.seq}")).json["event"]
        assert "data" not in shown
        assert (await hub.admin("GET", shown["dataref"])).body == msgspec.json.encode(doc)
        assert (await client.publish(f"{name}.doc", Doc("d", "small"), id=ack.id)).duplicate

        packed = Doc("d", "x", os.urandom(BIG))
        await client.publish(f"{name}.doc", packed, content_type="application/msgpack")
        received, message = await soon(got)
        assert (received, message.datacontenttype) == (packed, "application/msgpack")


@pytest.mark.parametrize(
    "size", [7_500_000, 8 * MB - 4000, 8 * MB - 1200, 8 * MB - 900, 8 * MB - 512, 8 * MB - 200, 8 * MB]
)
async def test_around_the_brokers_limit_nothing_falls_between(sqlite_hub, name, size):
    async with sqlite_hub.connected() as client:
        for data, kind in (("x" * size, None), ("x" * size, "text/plain"), (b"x" * size, None)):
            ack = await client.publish(name, data, content_type=kind)
            found = await sqlite_hub.component("bus").js().get_msg("EVENTS_default", ack.seq)
            assert found is not None


async def test_a_handler_takes_a_stream_of_whatever_size_and_form(sqlite_hub, name, got, tmp_path):
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(blob: tl.Blob, ctx: tl.Context) -> None:
        digest, pieces = hashlib.sha256(), 0
        async for chunk in blob:
            digest.update(chunk)
            pieces += 1
        await blob.save(tmp_path / ctx.id)
        got.put_nowait(
            (blob.size, blob.content_type, digest.hexdigest(), pieces > 1, (tmp_path / ctx.id).stat().st_size)
        )

    big = os.urandom(BIG)
    (tmp_path / "a.png").write_bytes(big)

    async def iterator():
        for start in range(0, BIG, 100_001):
            yield big[start : start + 100_001]

    small, sha = b"small", hashlib.sha256(b"small").hexdigest()
    sent = [
        (tl.Blob.from_path(tmp_path / "a.png"), None, (BIG, "image/png", hashlib.sha256(big).hexdigest(), True, BIG)),
        (iterator(), "video/mp4", (BIG, "video/mp4", hashlib.sha256(big).hexdigest(), True, BIG)),
        (tl.Blob.from_bytes(small, content_type="text/plain"), None, (5, "text/plain", sha, False, 5)),
        (small, "text/plain", (5, "text/plain", sha, False, 5)),
        ({"a": 1}, None, (7, "application/json", hashlib.sha256(b'{"a":1}').hexdigest(), False, 7)),
    ]
    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        for data, content_type, expected in sent:
            await client.enqueue(name, data, content_type=content_type)
            assert await soon(got) == expected


async def test_skills_take_and_give_blobs(sqlite_hub, name):
    agent = tl.Agent(name)

    @agent.skill(name)
    async def reverse(blob: tl.Blob) -> tl.Blob:
        return tl.Blob.from_bytes((await blob.read())[::-1], content_type="image/png")

    data = os.urandom(BIG)
    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        back = await client.call(name, tl.Blob.from_bytes(data), result_type=tl.Blob, timeout_s=30)
        assert (back.size, back.content_type) == (BIG, "image/png")
        assert (await back.read())[::-1] == data
        assert await client.call(name, b"abc", timeout_s=30) == b"cba"


async def test_what_would_not_fit_into_memory_is_dead_lettered_with_the_way_out(sqlite_hub, name):
    agent = tl.Agent(name, max_payload_bytes=10 * MB)

    @agent.task(name)
    async def work(text: str) -> None: ...

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        await client.enqueue(name, "x" * 11 * MB)
        (letter,) = await dead_letters(sqlite_hub, name)
        assert letter["reason"] == "invalid"
        assert "10,485,760" in letter["error"]
    async with tl.Client(sqlite_hub.url, sqlite_hub.admin_token, max_payload_bytes=100) as client:
        await client.connect()
        ack = await client.publish(name, tl.Blob.from_bytes(b"x" * 101))
        event = (await sqlite_hub.admin("GET", f"events/{ack.seq}")).json["event"]
        with pytest.raises(PayloadTooLargeError, match="101"):
            await client.payload(ce.decode(msgspec.json.encode(event)), bytes)


async def test_a_payload_that_is_gone_ends_its_message_and_a_dead_letter_keeps_the_reference(hub, name, got):
    agent = tl.Agent(name)
    failing = [True]

    @agent.task(name)
    async def work(text: str) -> None:
        if failing[0]:
            raise tl.PermanentError("not now")
        got.put_nowait(len(text))

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, "x" * BIG)
        (letter,) = await dead_letters(hub, name)
        assert letter["size_bytes"] < 1000
        dataref = (await hub.admin("GET", f"dead-letters/{letter['id']}")).json["payload"]["dataref"]

        failing[0] = False
        await client.dead_letters.redrive(letter["id"])
        assert await soon(got) == BIG

        await client.blobs.delete(dataref.rsplit("/", 1)[1])
        message = ce.new_envelope(type="t", source="/s", data=None)
        message.dataref, message.datacontenttype = dataref, "application/json"
        await publish_raw(hub, name, ce.encode(message), headers={"Content-Type": ce.CONTENT_TYPE})
        gone = (await dead_letters(hub, name, 2))[0]
        assert (gone["reason"], gone["attempts"]) == ("invalid", 1)
        assert dataref in gone["error"]
        with pytest.raises(PayloadGoneError):
            await client.payload(message, str)


@pytest.mark.parametrize(
    "dataref",
    ["https://elsewhere.example/x", "//elsewhere.example/api/v1/w/default/blobs/x", "/api/v1/w/default/tokens", "/api/v1/w/default/blobs/../tokens", "/api/v1/w/other/blobs/x",
     "/api/v1/w/default/blobs/x?y", "/api/v1/w/default/blobs/", "/api/v1/w/default/blobs/%2e%2e", "blobs/x"],
)  # fmt: skip
async def test_a_reference_is_followed_into_this_hubs_store_and_nowhere_else(sqlite_hub, name, dataref):
    """The token must not be carried to an address that a sender chose."""
    message = ce.new_envelope(type="t", source="/s", data=None)
    message.dataref = dataref
    async with sqlite_hub.client() as client:
        with pytest.raises(PayloadGoneError):
            await client.payload(message, str)
        message.data = msgspec.Raw(b'"inline"')
        assert await client.payload(message, str) == "inline", "what is there need not be fetched"


async def test_a_handler_that_takes_no_payload_fetches_none(sqlite_hub, name, got):
    agent = tl.Agent(name)

    @agent.on(name)
    async def tick(ctx: tl.Context) -> None:
        got.put_nowait(ctx.message.dataref)

    message = ce.new_envelope(type=name, source="/s", data=None)
    message.dataref = "https://elsewhere.example/x"
    async with sqlite_hub.serving(agent):
        assert (await sqlite_hub.admin("POST", "events", raw=ce.encode(message))).status == 201
        assert await soon(got) == message.dataref


async def test_rights_are_asked_for_like_any_other(sqlite_hub, name):
    token = await sqlite_hub.token("events:publish", "queues:enqueue")
    async with sqlite_hub.connected(token) as client:
        with pytest.raises(tl.PermissionDeniedError, match="blobs:write"):
            await client.publish(name, "x" * BIG)
        await client.publish(name, "x")


async def test_work_waits_for_a_hub_that_is_away_instead_of_failing(sqlite_hub, name, got, monkeypatch):
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(max_attempts=1))
    async def work(text: str, ctx: tl.Context) -> None:
        got.put_nowait((len(text), ctx.attempt))

    async with relayed(sqlite_hub.url) as relay, sqlite_hub.connected() as client:
        monkeypatch.setattr(sqlite_hub, "url", relay.url)
        async with sqlite_hub.serving(agent):
            relay.away = True
            await client.enqueue(name, "x" * BIG)
            await eventually(lambda: relay.cuts > 2)
            assert got.empty()
            relay.away = False
            assert await soon(got) == (BIG, 1)


@pytest.mark.slow
async def test_neither_client_nor_hub_ever_holds_a_payload_whole(own_hub, name, got):
    """Both live in this process: what it grows by is what either of them holds."""
    size = 200 * MB
    hub = await own_hub()
    agent = tl.Agent(name)

    @agent.task(name)
    async def work(blob: tl.Blob) -> None:
        total = 0
        async for chunk in blob:
            total += len(chunk)
        got.put_nowait((blob.size, total))

    process = psutil.Process()
    peak = 0

    async def watch():
        nonlocal peak
        while True:
            peak = max(peak, process.memory_info().rss)
            await asyncio.sleep(0.01)

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, tl.Blob.from_stream(patterned(MB)))
        await soon(got)
        before = process.memory_info().rss
        watching = asyncio.ensure_future(watch())
        await client.enqueue(name, patterned(size), content_type="video/mp4")
        assert await soon(got, 60) == (size, size)
        watching.cancel()
    assert peak - before < 64 * MB, f"grew by {(peak - before) / MB:.0f} MB"


async def test_a_stream_that_breaks_sends_no_message_and_keeps_no_bytes(own_hub, name):
    hub = await own_hub()

    async def broken():
        async for chunk in patterned(4 * MB):
            yield chunk
        raise RuntimeError("the camera fell over")

    async with hub.connected() as client:
        with pytest.raises(RuntimeError, match="camera"):
            await client.publish(name, broken())
        assert (await client.events.query(type=name)).items == []
    js = hub.component("bus").js()

    async def clean():
        return (await js.stream_info("OBJ_blobs_default")).state.messages == 0

    await eventually(clean)


async def test_reading_goes_on_where_a_connection_broke(sqlite_hub):
    data = os.urandom(BIG)
    async with sqlite_hub.client() as client:
        made = await client.blobs.put(data)
    async with relayed(sqlite_hub.url) as relay, tl.Client(relay.url, sqlite_hub.admin_token) as client:
        relay.cut_after_bytes = 3 * MB
        blob = await client.blobs.get(made.id)
        assert await blob.read() == data
        assert relay.cuts > 2
