"""Conditions on messages: what holds, what does not, and what is refused."""

import pytest
from trunkline.protocol.errors import RequestInvalidError
from trunkline.protocol.resources import Condition, RouteMatch
from trunkline_hub.core.filters import Facts, Filter

ORDER = Facts(
    type="order.created", source="/shop/berlin", subject="order/7", sender="web",
    attributes={"tenant": "acme", "priority": "high"},
    data={
        "total": 150, "paid": True, "note": "gift wrap", "lines": [{"sku": "a"}, {"sku": "b"}], "zero": 0,
        "tags": ["new", 3], "a/b": {"~": "odd"}, "nothing": None,
    },
)  # fmt: skip


def holds(**match):
    return Filter(RouteMatch(**match)).matches(ORDER)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("order.created", True), ("order.*", True), ("*.created", True), (">", True), ("order.>", True), ("order.**", True),
     ("order", False), ("order.created.>", False), ("order.*.x", False), ("Order.created", False)],
)  # fmt: skip
def test_types(pattern, fits):
    assert holds(types=[pattern]) is fits
    assert holds(types=["never", pattern]) is fits


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({"sources": ["/shop/*"]}, True), ({"sources": ["/shop"]}, False), ({"sources": ["*berlin"]}, True),
        ({"subjects": ["order/*"]}, True), ({"subjects": ["order/7"]}, True), ({"subjects": ["order/[0-9]"]}, False),
        ({"senders": ["web", "x"]}, True), ({"senders": ["we"]}, False),
        ({"attributes": {"tenant": "acme"}}, True), ({"attributes": {"tenant": ["x", "acme"]}}, True),
        ({"attributes": {"tenant": "other"}}, False), ({"attributes": {"missing": "x"}}, False),
        ({}, True),
    ],
)  # fmt: skip
def test_attributes(match, fits):
    assert holds(**match) is fits


@pytest.mark.parametrize(
    ("path", "op", "value", "fits"),
    [
        ("/total", "=", 150, True), ("/total", "=", 150.0, True), ("/total", "=", "150", False),
        ("/total", ">", 100, True), ("/total", ">", 150, False), ("/total", ">=", 150, True), ("/total", "<", 151, True),
        ("/total", "<=", 149, False), ("/note", ">", "a", True), ("/note", ">", 5, False), ("/paid", "=", True, True),
        ("/paid", "=", 1, False), ("/zero", "=", False, False), ("/paid", ">", 0, False), ("/missing", "=", None, False),
        ("/nothing", "=", None, True), ("/total", "!=", 1, True), ("/total", "!=", 150, False), ("/missing", "!=", 1, True),
        ("/note", "in", ["gift wrap", "x"], True), ("/total", "in", [1, 150], True), ("/paid", "in", [1], False),
        ("/note", "in", ["gift"], False), ("/tags", "contains", "new", True), ("/tags", "contains", 3, True),
        ("/tags", "contains", True, False), ("/note", "contains", "wrap", True), ("/note", "contains", 3, False),
        ("/note", "prefix", "gift", True), ("/note", "suffix", "wrap", True), ("/total", "prefix", "1", False),
        ("/total", "exists", True, True), ("/total", "exists", None, True), ("/missing", "exists", False, True),
        ("/missing", "exists", True, False), ("/nothing", "exists", True, True), ("/lines/1/sku", "=", "b", True),
        ("/lines/2/sku", "exists", False, True), ("/lines/x", "exists", False, True), ("/a~1b/~0", "=", "odd", True),
        ("/total/deeper", "exists", False, True), ("", "exists", True, True),
    ],
)  # fmt: skip
def test_payload_conditions(path, op, value, fits):
    assert holds(data=[Condition(path=path, op=op, value=value)]) is fits


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("data.total > 100 && data.paid", True), ("source.startsWith('/shop')", True), ("type == 'order.created'", True),
        ("data.lines.exists(l, l.sku == 'b')", True), ("data.lines.all(l, l.sku == 'b')", False),
        ("attributes.tenant == 'acme' && sender == 'web'", True), ("data.missing == 1", False), ("has(data.missing)", False),
        ("data.note == 'data.total'", False), ("data['total'] > 100", True), ("size(data) > 3", True),
        ("data.total", False), ("subject.endsWith('7')", True), ("data.total > 'a'", False),
    ],
)  # fmt: skip
def test_cel(expression, fits):
    assert holds(cel=expression) is fits


def test_payloads_that_are_no_objects_satisfy_nothing_but_absence():
    for data in (None, 7, "text", [], [1], True):
        facts = Facts(type="t", source="/s", sender="x", data=data)
        assert not Filter(RouteMatch(data=[Condition(path="/a", op="=", value=1)])).matches(facts)
        assert not Filter(RouteMatch(cel="data.a == 1")).matches(facts)
        assert Filter(RouteMatch(data=[Condition(path="/a", op="exists", value=False)])).matches(facts)


@pytest.mark.parametrize(
    ("match", "pointer"),
    [
        ({"data": [Condition(path="total", op="=", value=1)]}, "/match/data/0"),
        ({"data": [Condition(path="/ok"), Condition(path="/a", op="in", value=3)]}, "/match/data/1"),
        ({"data": [Condition(path="/a", op="<", value=[1])]}, "/match/data/0"),
        ({"data": [Condition(path="/a", op="prefix", value=1)]}, "/match/data/0"),
        ({"cel": "data.total >"}, "/match/cel"),
        ({"cel": "payload.total > 1"}, "/match/cel"),
        ({"cel": "x" * 1001}, "/match/cel"),
        ({"cel": "data.a.all(x, data.b.all(y, y > x))"}, "/match/cel"),
    ],
)
def test_what_cannot_be_a_condition_is_refused_with_its_place(match, pointer):
    with pytest.raises(RequestInvalidError) as caught:
        Filter(RouteMatch(**match))
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_the_first_failure_is_told():
    explain = Filter(RouteMatch(types=["order.*"], sources=["/web/*"], cel="data.total > 1000")).first_failure
    assert explain(ORDER) == "source is none of /web/*"
    assert Filter(RouteMatch(types=["invoice.*"])).first_failure(ORDER) == "type order.created is none of invoice.*"
    assert "data.total > 1000" in Filter(RouteMatch(cel="data.total > 1000")).first_failure(ORDER)
    assert Filter(RouteMatch()).first_failure(ORDER) is None
