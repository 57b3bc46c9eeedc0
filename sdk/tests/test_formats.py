"""Payloads in every format become the same typed values."""

import dataclasses
import datetime
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest
import trunkline as tl
from trunkline.blobs import blob_of
from trunkline.packing import type_of
from trunkline.payloads import Codec, Nothing, encode_as, reply_type
from trunkline.protocol import binary
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import PayloadGoneError, PayloadInvalidError
from trunkline.testing import TestHub

JSON, MSGPACK, OCTETS, TEXT = "application/json", "application/msgpack", "application/octet-stream", "text/plain"


class Struct(msgspec.Struct):
    n: int
    raw: bytes = b""


class Model(pydantic.BaseModel):
    n: int
    raw: bytes = b""
    at: datetime.datetime = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    link: pydantic.HttpUrl | None = None


@dataclasses.dataclass
class Data:
    n: int
    raw: bytes = b""


class Typed(TypedDict):
    n: int
    raw: bytes


VALUES = [
    Struct(1, b"\x00"),
    Model(n=1, raw=b"a"),
    Data(1, b"\x00\xff"),
    Typed(n=1, raw=b"\x00"),
    {"n": [1, None, 2.5]},
    "text",
    7,
    None,
    [1, 2],
]
KINDS = [Struct, Model, Data, Typed, Any, str, int, None, list[int]]


@pytest.mark.parametrize("content_type", [JSON, MSGPACK, "application/x-msgpack", "application/vnd.x+json; v=1"])
@pytest.mark.parametrize(("value", "kind"), list(zip(VALUES, KINDS, strict=True)), ids=lambda x: type(x).__name__)
def test_values_make_the_way_through_every_format(value, kind, content_type):
    assert Codec(kind).decode_as(encode_as(value, content_type), content_type) == value


def test_a_pydantic_type_that_messagepack_has_not_is_sent_as_json_would():
    value = Model(n=1, link="https://x.org/")
    assert Codec(Model).decode_as(encode_as(value, MSGPACK), MSGPACK) == value


@pytest.mark.parametrize("kind", [Struct, Model, Data, Typed])
def test_a_wrong_field_is_pointed_at_in_messagepack_too(kind):
    with pytest.raises(PayloadInvalidError) as caught:
        Codec(kind).decode_as(msgspec.msgpack.encode({"n": "x", "raw": b""}), MSGPACK)
    assert [error.pointer for error in caught.value.errors] == ["/n"]


@pytest.mark.parametrize("kind", [Struct, Model, Any])
@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x93\x01", b"\x01\x02"])
def test_what_is_no_messagepack_is_refused(kind, raw):
    with pytest.raises(PayloadInvalidError):
        Codec(kind).decode_as(raw, MSGPACK)


@pytest.mark.parametrize(
    ("kind", "content_type", "fits"),
    [(str, TEXT, True), (Any, TEXT, True), (str | None, TEXT, True), (bytes, TEXT, True), (int, TEXT, False), (Struct, TEXT, False), (Model, "text/csv", False),
     (bytes, "image/png", True), (Any, "image/png", True), (str, OCTETS, False), (Struct, "image/png", False), (Model, OCTETS, False)],
)  # fmt: skip
def test_text_and_bytes_go_only_where_they_fit(kind, content_type, fits):
    if fits:
        assert Codec(kind).decode_as(b"7", content_type) in {"7", b"7"}
    else:
        with pytest.raises(PayloadInvalidError):
            Codec(kind).decode_as(b"7", content_type)


def test_text_is_read_in_its_character_set():
    assert encode_as("grüß", "text/plain; charset=latin-1") == b"gr\xfc\xdf"
    assert Codec(str).decode_as(b"gr\xfc\xdf", "text/plain; charset=latin-1") == "grüß"
    for wrong in ("text/plain", "text/plain; charset=nonsense", "text/plain; charset=zlib"):
        with pytest.raises(PayloadInvalidError):
            Codec(str).decode_as(b"gr\xfc\xdf", wrong)


@pytest.mark.parametrize(
    ("value", "content_type"),
    [("x", OCTETS), ({"a": 1}, TEXT), (object(), MSGPACK), (object(), JSON), (b"{", JSON), (7, "nonsense"), (7, "a/b\r\nNats-Rollup: all"), ("grüß", "text/plain; charset=ascii")],
)  # fmt: skip
def test_what_has_no_form_in_a_format_is_refused(value, content_type):
    with pytest.raises(PayloadInvalidError):
        encode_as(value, content_type)


def test_bytes_are_taken_as_being_in_their_format_already():
    assert encode_as(b'{"a": 1.50}', JSON) == b'{"a": 1.50}'
    assert encode_as(memoryview(b"\x01"), MSGPACK) == b"\x01"
    assert (type_of(b""), type_of("x"), type_of({})) == (OCTETS, JSON, JSON)


def message(content_type, body=b"", **more) -> ce.Envelope:
    made = ce.Envelope(specversion="1.0", id="1", source="/s", type="t", **more)
    if body:
        binary.carry(made, content_type, body)
    made.datacontenttype = content_type
    return made


@pytest.mark.parametrize("content_type", [None, JSON, MSGPACK])
def test_no_data_is_none_for_those_who_take_that(content_type):
    assert Codec(Any).read(message(content_type)) is None
    assert Codec(Struct | None).read(message(content_type)) is None
    assert Codec(bytes).read(message(content_type)) == b""
    with pytest.raises(PayloadInvalidError):
        Codec(Struct).read(message(content_type))


def test_base64_without_a_type_is_not_taken_for_json():
    assert Codec(Any).read(message(None, data_base64="MQ==")) == b"1"
    with pytest.raises(PayloadInvalidError):
        Codec(int).read(message(None, data_base64="MQ=="))


def test_a_handler_without_payload_takes_anything():
    for kind in (JSON, MSGPACK, "image/png", None):
        assert Codec(Nothing).read(message(kind, b"{")) is None


@pytest.mark.parametrize(
    ("output", "asked", "answered"),
    [({"a": 1}, MSGPACK, MSGPACK), ("x", TEXT, TEXT), ({"a": 1}, TEXT, None), (b"x", OCTETS, OCTETS), ("x", OCTETS, None), (b"x", MSGPACK, None), ("x", JSON, None), ("x", None, None)],
)  # fmt: skip
def test_an_answer_comes_in_the_format_of_the_question_if_it_can(output, asked, answered):
    assert reply_type(output, asked) == answered


# --- blobs, without a hub ------------------------------------------------------------------------


async def test_a_blob_reads_a_file_piece_by_piece_and_saves_it(tmp_path):
    data = bytes(range(256)) * 4096
    (tmp_path / "a.json").write_bytes(data)
    blob = tl.Blob.from_path(tmp_path / "a.json")
    assert (blob.size, blob.content_type) == (len(data), JSON)
    pieces = [chunk async for chunk in blob]
    assert len(pieces) == 4
    assert b"".join(pieces) == await blob.read() == data
    assert await blob.save(tmp_path / "b") == len(data)
    assert (tmp_path / "b").read_bytes() == data


async def test_a_blob_that_breaks_off_leaves_no_file(tmp_path):
    async def broken():
        yield b"a"
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError):
        await tl.Blob.from_stream(broken()).save(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


async def test_an_asynchronous_iterator_is_a_blob():
    async def chunks():
        yield b"a"
        yield b"b"

    assert await blob_of(chunks(), TEXT).read() == b"ab"
    assert blob_of(chunks(), None).content_type == OCTETS
    assert blob_of(b"x", None) is None
    assert blob_of(tl.Blob.from_bytes(b"x"), TEXT).content_type == TEXT


def an_agent() -> tl.Agent:
    agent = tl.Agent("formats")

    @agent.skill()
    async def echo(data: Any) -> Any:
        return data

    @agent.skill()
    async def size(blob: tl.Blob) -> int:
        return len(await blob.read())

    @agent.skill()
    async def double(blob: tl.Blob) -> tl.Blob:
        return tl.Blob.from_bytes(await blob.read() * 2, content_type=blob.content_type)

    @agent.on("thing.*")
    async def follow(thing: Struct) -> None: ...

    @agent.task("raw")
    async def raw(data: bytes, ctx: tl.Context) -> None:
        await ctx.publish("seen", data, content_type=ctx.message.datacontenttype)

    @agent.task("ticks")
    async def tick(ctx: tl.Context) -> None: ...

    return agent


async def test_testhub_speaks_every_format():
    async with TestHub(an_agent()) as hub:
        for value, kind in (({"a": b"\x00"}, MSGPACK), ("text", TEXT), (b"\x00", None), ({"a": 1}, None)):
            assert await hub.call("echo", value, content_type=kind) == value
        assert await hub.call("size", tl.Blob.from_bytes(b"abc")) == 3
        assert await hub.call("size", b"abcd") == 4
        doubled = await hub.call("double", tl.Blob.from_bytes(b"ab", content_type="image/png"), result_type=tl.Blob)
        assert (await doubled.read(), doubled.content_type) == (b"abab", "image/png")


async def test_testhub_gives_typed_handlers_what_a_blob_holds_and_dead_letters_what_they_cannot_take():
    async with TestHub(an_agent()) as hub:
        await hub.publish("thing.a", tl.Blob.from_bytes(b'{"n": 1}', content_type=JSON))
        await hub.publish("thing.b", Struct(1), content_type=MSGPACK)
        assert hub.dead_letters == []
        await hub.publish("thing.c", b"\x00", content_type="image/png")
        await hub.publish("thing.d", "x", content_type=TEXT)
        assert [letter.reason for letter in hub.dead_letters] == ["invalid", "invalid"]
        await hub.enqueue("raw", b"\x00\x01", content_type="image/png")
        assert hub.events[-1].data_base64 == "AAE="
        await hub.enqueue("ticks", b"{", content_type="image/png")
        assert len(hub.dead_letters) == 2


async def test_testhub_tells_a_reference_that_leads_nowhere():
    async with TestHub(an_agent()) as hub:
        with pytest.raises(PayloadGoneError):
            await hub.payload(message(JSON, dataref="/elsewhere"), Struct)
