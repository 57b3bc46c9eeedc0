"""CloudEvents in both modes: what one says, the other says too."""

import json

import pytest
from trunkline.protocol import binary, media, modes, rules
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import EnvelopeInvalidError

PLAIN = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def structured(**changes) -> bytes:
    return json.dumps({name: value for name, value in (PLAIN | changes).items() if value is not ...}).encode()


def headers(**changes) -> dict[str, str]:
    return {f"ce-{name}": value for name, value in (PLAIN | changes).items() if value is not ...}


def pointers(call, *arguments) -> list[str]:
    with pytest.raises(EnvelopeInvalidError) as caught:
        call(*arguments)
    assert caught.value.status == 422
    return [error.pointer for error in caught.value.errors]


# --- header values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"), ('a"b', "a%22b"), ("100%", "100%25"), ("a\r\nNats-Rollup: all", "a%0D%0ANats-Rollup:%20all"),
     ("plain/path?x=1&y=[2]{}|\\^`", "plain/path?x=1&y=[2]{}|\\^`"), ("", ""), ("\x7f", "%7F"), ("~!", "~!")],
)  # fmt: skip
def test_values_are_percent_encoded_as_the_bindings_say_and_come_back(text, quoted):
    assert binary.quote(text) == quoted
    assert binary.unquote(quoted) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("%e2%82%ac", "€"), ("%41", "A"), (' "a b" ', "a b"), ('"a\\"b\\\\c"', 'a"b\\c'), ('"%20"', " "), ("%2520", "%20"), ('"', '"'), ("  x\t", "x"), ("ü", "ü")],
)  # fmt: skip
def test_what_others_write_is_understood(value, text):
    assert binary.unquote(value) == text


@pytest.mark.parametrize("value", ["%C0%A0", "%FF", "a%80", "\udcff"])
def test_what_is_no_utf8_is_refused(value):
    with pytest.raises(ValueError):
        binary.unquote(value)
    assert pointers(modes.read, b"", headers(subject=value)) == ["/subject"]


# --- binary mode -------------------------------------------------------------------------------


def test_an_event_makes_the_way_through_headers_and_back():
    sent = {**PLAIN, "subject": "näh e", "time": "2018-04-05T03:56:24Z", "datacontenttype": "text/xml; charset=utf-8",
            "comexample": "x%y", "number": 7, "flag": True}  # fmt: skip
    raw = binary.to_nats(sent)
    assert raw["ce-datacontenttype"] == "text/xml;%20charset=utf-8"
    assert raw["Content-Type"] == "text/xml; charset=utf-8"
    assert (raw["ce-number"], raw["ce-flag"]) == ("7", "true")
    message = modes.read(b"<x/>", raw)
    assert (message.subject, message.datacontenttype) == ("näh e", "text/xml; charset=utf-8")
    assert ce.data_bytes(message) == b"<x/>"
    assert modes.extensions(b"<x/>", raw) == {"comexample": "x%y", "number": "7", "flag": "true"}


def test_over_http_the_type_is_in_content_type_alone():
    assert "ce-datacontenttype" not in binary.to_http({**PLAIN, "datacontenttype": "text/plain"})


def test_header_names_are_read_in_any_case():
    message = modes.read(b"1", {"CE-ID": "i", "Ce-Source": "/s", "ce-TYPE": "t", "cE-specversion": "1.0", "content-type": "application/json"})  # fmt: skip
    assert (message.id, message.datacontenttype, bytes(message.data)) == ("i", "application/json", b"1")


def test_nothing_is_added_to_what_passes_through():
    message = modes.read(b"", headers())
    assert (message.time, message.datacontenttype, message.data_base64, bytes(message.data)) == (None, None, None, b"")
    assert modes.as_json(b"", headers()) == PLAIN


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_a_missing_attribute_is_pointed_at_in_both_modes(name):
    assert pointers(modes.read, b"", headers(**{name: ...})) == [f"/{name}"]
    assert pointers(modes.check, structured(**{name: ...})) == [f"/{name}"]


def test_json_that_is_none_is_kept_as_bytes():
    raw = headers() | {"Content-Type": "application/json"}
    message = modes.read(b"{broken", raw)
    assert ce.data_bytes(message) == b"{broken"
    assert modes.as_json(b"{broken", raw)["data_base64"] == "e2Jyb2tlbg=="


# --- which mode --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw", [None, {}, {"Content-Type": "application/cloudevents+json"}, {"content-type": "Application/CloudEvents+JSON; charset=UTF-8"},
            {"Content-Type": "application/cloudevents+json", **headers(id="other")}, {"Nats-Msg-Id": "x"}],
)  # fmt: skip
def test_structured_is_told_by_the_content_type_or_by_nothing(raw):
    assert modes.read(structured(), raw).id == "1"


@pytest.mark.parametrize(
    "kind", ["application/cloudevents+avro", "application/cloudevents-batch+json", "application/cloudevents"]
)
def test_other_event_formats_are_refused_by_name(kind):
    with pytest.raises(EnvelopeInvalidError, match=kind.replace("+", r"\+")):
        modes.read(structured(), {"Content-Type": kind})


# --- conversions -------------------------------------------------------------------------------


def test_a_structured_event_stays_the_very_bytes():
    raw = b' {"type":"t", "specversion":"1.0","source":"/s","id":"1","ext":5,"data":{"n":1.50, "n2":1e2}} '
    assert modes.to_structured(raw, None) is raw
    assert modes.split(raw, None) == (
        {**PLAIN, "ext": 5, "datacontenttype": "application/json"},
        b'{"n":1.50, "n2":1e2}',
    )


@pytest.mark.parametrize(
    ("changes", "data"),
    [({"data": {"a": 1}}, b'{"a": 1}'), ({"data": "text"}, b'"text"'), ({"data": None}, b"null"), ({}, b""),
     ({"datacontenttype": "text/plain", "data": "grüß"}, "grüß".encode()), ({"datacontenttype": "text/plain; charset=latin-1", "data": "grüß"}, "grüß".encode("latin-1")),
     ({"datacontenttype": "application/xml", "data": "<a/>"}, b"<a/>"), ({"datacontenttype": "application/vnd.x+json", "data": "x"}, b'"x"'),
     ({"datacontenttype": "image/png", "data_base64": "AAH/"}, b"\x00\x01\xff"), ({"data_base64": "AAH/"}, b"\x00\x01\xff")],
)  # fmt: skip
def test_data_is_what_the_json_format_says_it_is(changes, data):
    assert modes.split(structured(**changes), None)[1] == data


@pytest.mark.parametrize(
    "kind", ["text/plain; charset=ascii", "text/plain; charset=nonsense", "text/plain; charset=zlib"]
)
def test_text_that_its_character_set_cannot_carry_is_pointed_at(kind):
    assert pointers(ce.data_bytes, ce.decode(structured(datacontenttype=kind, data="grüß"))) == ["/data"]


def test_the_implied_type_is_said_where_another_mode_needs_it():
    attributes, _data = modes.split(structured(data=1), None)
    assert attributes["datacontenttype"] == "application/json"
    assert "datacontenttype" not in modes.split(structured(data_base64="AA=="), None)[0]


def test_a_binary_event_becomes_a_structured_one():
    raw = headers(comexample="5") | {"Content-Type": "application/json"}
    assert json.loads(modes.to_structured(b'{"n":1.50}', raw)) == {
        **PLAIN, "datacontenttype": "application/json", "comexample": "5", "data": {"n": 1.5}
    }  # fmt: skip
    assert b'{"n":1.50}' in modes.to_structured(b'{"n":1.50}', raw)
    assert (
        ce.data_bytes(ce.decode(modes.to_structured(b"\x00\xff", headers() | {"Content-Type": "image/png"})))
        == b"\x00\xff"
    )


def test_what_belongs_to_the_event_is_kept_wherever_its_payload_goes():
    raw = headers() | {"Content-Type": "image/png", "Nats-Msg-Id": "x", "Tl-Reason": "y", "Nats-Rollup": "all"}
    assert modes.kept(raw) == headers() | {"Content-Type": "image/png"}
    assert modes.kept(None) == {}


# --- rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [({"MyExt": "x"}, "/MyExt"), ({"my_ext": "x"}, "/my_ext"), ({"my-ext": 1}, "/my-ext"), ({"é": 1}, "/é"), ({"": 1}, "/"),
     ({"ext": 1.5}, "/ext"), ({"ext": [1]}, "/ext"), ({"ext": {"a": 1}}, "/ext"), ({"ext": 2**31}, "/ext"), ({"ext": -(2**31) - 1}, "/ext"), ({"ext": "a\u0000"}, "/ext"),
     ({"time": "yesterday"}, "/time"), ({"time": "2026-02-30"}, "/time"), ({"time": "2026-13-01T00:00:00Z"}, "/time"), ({"time": "2026-11-22T10:00:00"}, "/time"), ({"time": "2026-11-22T25:00:00Z"}, "/time"),
     ({"source": "a b"}, "/source"), ({"source": "/größe"}, "/source"), ({"source": "/%zz"}, "/source"), ({"source": "a\nb"}, "/source"),
     ({"datacontenttype": "json"}, "/datacontenttype"), ({"datacontenttype": "a/b\r\nX: y"}, "/datacontenttype"), ({"datacontenttype": ""}, "/datacontenttype"),
     ({"dataschema": "relative/path"}, "/dataschema"), ({"subject": ""}, "/subject"), ({"dataref": "a b"}, "/dataref"), ({"expirytime": "soon"}, "/expirytime"),
     ({"id": 7}, "/id"), ({"subject": 7}, "/subject"), ({"priority": 1}, "/priority"), ({"specversion": "0.3"}, "/specversion"), ({"data_base64": "!"}, "/data_base64")],
)  # fmt: skip
def test_what_breaks_a_rule_is_pointed_at(changes, pointer):
    assert pointers(modes.check, structured(**changes)) == [pointer]


def test_everything_wrong_is_told_at_once():
    wrong = structured(source="a b", time="x", Bad=1)
    with pytest.raises(EnvelopeInvalidError) as caught:
        modes.check(wrong)
    assert {error.pointer for error in caught.value.errors} >= {"/source", "/time"}
    assert set(pointers(modes.read, b"", headers(source="a b", time="x", Bad="1"))) == {"/source", "/time"}


@pytest.mark.parametrize(
    "changes",
    [{"ext": None}, {"time": None, "subject": None}, {"ext": True, "ext2": -(2**31), "ext3": 2**31 - 1}, {"ext": ""}, {"time": "2026-11-22t10:00:00.123456789+14:00"},
     {"time": "1990-12-31T23:59:60Z"}, {"source": "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"}, {"source": "mailto:a@b.org"}, {"source": "1-555-123-4567"},
     {"source": "//host/x?y=%20#z"}, {"dataschema": "https://x.org/s#v1"}, {"datacontenttype": 'multipart/mixed; boundary="a b"'}, {"datacontenttype": "text/plain;charset=us-ascii"}],
)  # fmt: skip
def test_what_keeps_the_rules_passes(changes):
    assert modes.check(structured(**changes)).id == "1"


def test_the_quick_check_on_the_bus_knows_times_and_addresses():
    assert pointers(ce.decode, structured(time="yesterday", source="a b")) == ["/source", "/time"]


@pytest.mark.parametrize(
    ("kind", "form"),
    [("application/json", "json"), ("Application/JSON; charset=utf-8", "json"), ("text/json", "json"), ("application/a2a+json", "json"), ("application/msgpack", "msgpack"),
     ("application/x-msgpack", "msgpack"), ("application/vnd.x+msgpack", "msgpack"), ("text/plain", "text"), ("text/csv", "text"),
    ("application/xml", "text"), ("image/svg+xml", "text"), ("application/yaml", "text"), ("image/png", "bytes"), ("", "bytes")],
)  # fmt: skip
def test_formats_are_told_by_media_type(kind, form):
    assert media.format_of(kind) == form


@pytest.mark.parametrize("text", ["", "json", "a/b;", "a/b; c", "a/b\n", "a /b", "a/b; c=d\r\ne", 'a/b; c="x', "é/x"])
def test_what_is_no_media_type(text):
    assert not media.is_media_type(text)


def test_a_long_bad_address_is_judged_quickly():
    assert not rules.is_uri_reference("/" + "a" * 100_000 + " ")


PIECES = [
    "ce-",
    "CE-id",
    "ce-type",
    "ce-source",
    "ce-specversion",
    "ce-time",
    "ce-data",
    "ce-\udcff",
    "Content-Type",
    "content-type",
    "x",
    "ce-datacontenttype",
    "ce-a b",
]
VALUES = ["1.0", "", "%", "%zz", "%FF", "\udc80", '"', '"\\"', "a b", "application/json", "application/cloudevents+json", "application/cloudevents", "text/plain; charset=nope",
          "ü", "\x00", "\r\nx: y", "2026-01-01T00:00:00Z", "/s", "t"]  # fmt: skip
BODIES = [b"", b"{", b"null", b"\xff", b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1}', b"[" * 5000]


def test_whatever_arrives_is_an_event_or_refused_and_nothing_worse():
    rng = __import__("random").Random(7)
    read = refused = 0
    for _ in range(20_000):
        given = {rng.choice(PIECES): rng.choice(VALUES) for _ in range(rng.randrange(7))}
        if rng.random() < 0.5:
            given |= headers()
        body = rng.choice(BODIES)
        for call in (modes.read, modes.as_json, modes.to_structured, modes.split, modes.extensions):
            try:
                call(body, given)
            except EnvelopeInvalidError:
                refused += 1
            else:
                read += 1
        modes.kept(given)
    assert min(read, refused) > 1000
