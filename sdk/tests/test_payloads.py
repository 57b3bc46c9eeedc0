"""Typed payloads of every kind: decoded, refused with pointers, described."""

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import msgspec
import pytest
from pydantic import BaseModel, Field
from trunkline.payloads import Codec, encode, encode_as
from trunkline.protocol.errors import HandlerInvalidError, PayloadInvalidError


class PydanticLine(BaseModel):
    sku: str
    count: int


class PydanticOrder(BaseModel):
    id: str
    lines: list[PydanticLine]


class StructLine(msgspec.Struct):
    sku: str
    count: int


class StructOrder(msgspec.Struct):
    id: str
    lines: list[StructLine]


@dataclass
class DataLine:
    sku: str
    count: int


@dataclass
class DataOrder:
    id: str
    lines: list[DataLine]


class TypedLine(TypedDict):
    sku: str
    count: int


class TypedOrder(TypedDict):
    id: str
    lines: list[TypedLine]


ORDERS = pytest.mark.parametrize("kind", [PydanticOrder, StructOrder, DataOrder, TypedOrder], ids=lambda k: k.__name__)
GOOD = b'{"id":"o","lines":[{"sku":"a","count":1},{"sku":"b","count":2}]}'


def field(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, dict) else getattr(value, name)


@ORDERS
def test_a_good_payload_becomes_the_type(kind):
    order = Codec(kind).decode(GOOD)
    assert isinstance(order, dict if kind is TypedOrder else kind)
    assert field(field(order, "lines")[1], "count") == 2


@ORDERS
def test_what_was_decoded_encodes_to_the_same(kind):
    assert msgspec.json.decode(encode(Codec(kind).decode(GOOD))) == msgspec.json.decode(GOOD)


@ORDERS
@pytest.mark.parametrize(
    ("raw", "pointer"),
    [(b'{"id":"o","lines":[{"sku":"a","count":1},{"sku":"b","count":"many"}]}', "/lines/1/count"),
     (b'{"id":7,"lines":[]}', "/id"), (b'{"id":"o","lines":{}}', "/lines")],
)  # fmt: skip
def test_a_wrong_value_is_pointed_at(kind, raw, pointer):
    with pytest.raises(PayloadInvalidError) as caught:
        Codec(kind).decode(raw)
    assert [e.pointer.replace("...", "1") for e in caught.value.errors] == [pointer]
    assert caught.value.errors[0].detail


@ORDERS
def test_a_missing_field_is_named(kind):
    with pytest.raises(PayloadInvalidError) as caught:
        Codec(kind).decode(b'{"id":"o"}')
    assert "lines" in caught.value.errors[0].pointer + caught.value.errors[0].detail


@ORDERS
@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"nonsense", b"[1,", b"null", b"7", b'"x"'])
def test_anything_else_is_refused_as_a_payload(kind, raw):
    with pytest.raises(PayloadInvalidError) as caught:
        Codec(kind).decode(raw)
    assert caught.value.detail


@ORDERS
def test_the_schema_names_fields_and_what_is_required(kind):
    schema = Codec(kind).schema()
    assert schema["type"] == "object"
    assert set(schema["properties"]) == {"id", "lines"}
    assert set(schema["required"]) == {"id", "lines"}
    assert "$defs" in schema


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [(str, b'"x"', "x"), (int, b"7", 7), (float, b"7", 7.0), (bool, b"true", True), (list[int], b"[1]", [1]),
     (dict[str, int], b'{"a":1}', {"a": 1}), (Any, b'{"a":[null]}', {"a": [None]}), (bytes, b"\x00\xff", b"\x00\xff"),
     (int | None, b"null", None), (Literal["a", "b"], b'"a"', "a"), (type(None), b"null", None)],
)  # fmt: skip
def test_builtins(kind, raw, value):
    assert Codec(kind).decode(raw) == value


@pytest.mark.parametrize(("kind", "raw"), [(int, b'"7"'), (str, b"7"), (list[int], b'["x"]'), (Literal["a"], b'"z"')])
def test_builtins_are_strict(kind, raw):
    with pytest.raises(PayloadInvalidError):
        Codec(kind).decode(raw)


@pytest.mark.parametrize("kind", [Any, bytes])
def test_where_anything_goes_there_is_no_schema(kind):
    assert Codec(kind).schema() is None


def test_models_inside_plain_values_are_encoded():
    assert encode({"line": PydanticLine(sku="a", count=1)}) == b'{"line":{"sku":"a","count":1}}'


@pytest.mark.parametrize("value", [object(), {1, object()}, {("a", "b"): 1}, lambda: None, complex(1, 2)])
def test_what_has_no_json_form_is_refused_before_it_is_sent(value):
    with pytest.raises(PayloadInvalidError):
        encode(value)


def test_a_type_that_json_cannot_fill_is_refused_when_the_handler_is_declared():
    with pytest.raises(HandlerInvalidError):
        Codec(dict[int, str] | dict[str, str])


def test_a_type_without_a_schema_is_refused_when_the_handler_is_declared():
    with pytest.raises(HandlerInvalidError, match="object"):
        Codec(object).schema()


def test_a_pointer_escapes_what_rfc_6901_demands():
    """`~` and `/` in a name neither end a step nor look like one."""
    from trunkline.protocol.errors import pointer

    assert pointer(["a/b", "m~n", 0]) == "/a~1b/m~0n/0"


class Aliased(BaseModel):
    ship_to: str = Field(alias="shipTo")


@pytest.mark.parametrize("content_type", ["application/json", "application/msgpack"])
def test_what_is_sent_has_the_names_that_the_schema_gives(content_type):
    codec, value = Codec(Aliased), Aliased(shipTo="Oslo")
    assert list(codec.schema()["properties"]) == ["shipTo"]
    assert codec.decode_as(encode_as(value, content_type), content_type) == value
    assert encode({"order": value}) == b'{"order":{"shipTo":"Oslo"}}'
