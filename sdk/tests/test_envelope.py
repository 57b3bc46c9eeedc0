"""The envelope: CloudEvents 1.0 in JSON, data kept raw."""

import json

import msgspec
import pytest
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import EnvelopeInvalidError

MINIMAL = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def raw(**changes) -> bytes:
    return json.dumps({k: v for k, v in {**MINIMAL, **changes}.items() if v is not ...}).encode()


def test_a_new_envelope_survives_encoding_and_decoding():
    sent = ce.new_envelope(
        type="order.created", source="/default/shop", data=b'{"n":1.50}', subject="order/7", partitionkey="7",
        correlationid="c", causationid="d", traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
    )  # fmt: skip
    back = ce.decode(ce.encode(sent))
    assert back == sent
    assert ce.data_bytes(back) == b'{"n":1.50}'
    assert back.datacontenttype == "application/json"


def test_absent_attributes_are_absent_on_the_wire():
    assert set(json.loads(ce.encode(ce.decode(raw())))) == {"specversion", "id", "source", "type"}


def test_data_is_passed_on_byte_by_byte():
    """Number formats and key order of a payload are not touched by forwarding."""
    text = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"b":1.10,"a":12345678901234567890123}}'
    assert b'{"b":1.10,"a":12345678901234567890123}' in ce.encode(ce.decode(text))


def test_unknown_extensions_are_kept_readable():
    found = raw(myextension="x", another=7)
    ce.decode(found)
    assert ce.extensions(found) == {"myextension": "x", "another": 7}


def test_binary_payloads_come_as_base64():
    assert ce.data_bytes(ce.decode(raw(data_base64="AAH/"))) == b"\x00\x01\xff"


@pytest.mark.parametrize("text", ["!!!", "AAA", "A A A A"])
def test_wrong_base64_names_its_field(text):
    with pytest.raises(EnvelopeInvalidError) as caught:
        ce.data_bytes(ce.decode(raw(data_base64=text)))
    assert [e.pointer for e in caught.value.errors] == ["/data_base64"]


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_a_missing_attribute_is_named(name):
    with pytest.raises(EnvelopeInvalidError, match=name):
        ce.decode(raw(**{name: ...}))


@pytest.mark.parametrize("name", ["id", "source", "type"])
def test_an_empty_attribute_is_named_by_pointer(name):
    with pytest.raises(EnvelopeInvalidError) as caught:
        ce.decode(raw(**{name: ""}))
    assert [e.pointer for e in caught.value.errors] == [f"/{name}"]


def test_every_wrong_attribute_is_named_at_once():
    with pytest.raises(EnvelopeInvalidError) as caught:
        ce.decode(raw(specversion="0.3", id="", data=1, data_base64="AA=="))
    assert {e.pointer for e in caught.value.errors} == {"/specversion", "/id", "/data_base64"}


@pytest.mark.parametrize(
    "junk",
    [b"", b" ", b"\x00\xff\xfe", b"[]", b"null", b"1", b"{", b'"x"', b'{"a":1}', b"\xff{}", raw(id=7), raw(source=None),
     b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":}', raw() + b"x", b'{"id":"\\ud800"}'],
)  # fmt: skip
def test_what_is_no_cloudevent_is_refused_and_never_anything_worse(junk):
    with pytest.raises(EnvelopeInvalidError) as caught:
        ce.decode(junk)
    assert caught.value.detail
    assert caught.value.status == 422


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_deep_nesting_is_refused_or_passed_on_but_does_not_break_the_reader(depth):
    nested = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":' + b"[" * depth + b"]" * depth + b"}"
    try:
        ce.decode(nested)
    except EnvelopeInvalidError as error:
        assert error.detail  # noqa: PT017


def test_times_are_rfc3339_in_utc():
    stamp = ce.now_rfc3339()
    assert stamp.endswith("Z")
    assert len(stamp) == len("2026-11-22T10:00:00.000000Z")
    assert msgspec.convert(stamp, type=__import__("datetime").datetime).tzinfo is not None
