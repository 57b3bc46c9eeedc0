"""What is passed over without being asked never fits: held against asking every schema there is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trunkline_hub.agents.model.outline import outline_of_text
from trunkline_hub.agents.model.proof import canonical, holds
from trunkline_hub.agents.model.shapes import Shapes
from trunkline_hub.agents.model.words import WordIndex, words_of
from trunkline_hub.schemas.model.reading import as_read, as_written

NAMES = st.sampled_from(["a", "b", "c"])
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.5, 1.0, "", "x"]))
PARTS = st.one_of(
    st.builds(lambda kind: {"type": kind}, TYPES),
    st.builds(lambda kind: {"type": kind, "title": "t"}, TYPES),
    st.builds(lambda kinds: {"type": kinds}, st.lists(TYPES, min_size=1, max_size=2, unique=True)),
    st.builds(lambda values: {"enum": values}, st.lists(SCALARS, min_size=1, max_size=2)),
    st.builds(lambda value: {"const": value}, SCALARS),
    st.sampled_from([{}, True, False, {"$ref": "#/$defs/d"}, {"type": "string", "minLength": 1, "maxLength": 0},
                     {"type": "integer", "minimum": 1}, {"anyOf": [{"type": "string"}, {"type": "null"}]}, {"not": {}},
                     {"type": "object", "properties": {"a": False}, "required": ["a"]}, {"type": "array", "items": {"type": "string"}}]),
)  # fmt: skip
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "object", ["object", "null"], "string"]),
        "properties": st.dictionaries(NAMES, PARTS, max_size=3),
        "required": st.lists(NAMES, max_size=2, unique=True),
        "additionalProperties": st.sampled_from([True, False, {}, {"type": "string"}]),
        "$defs": st.just({"d": {"type": "integer"}}),
        "minProperties": st.sampled_from([0, 1]),
        "propertyNames": st.just({"maxLength": 0}),
        "patternProperties": st.just({"^a": {"type": "string"}}),
    },
)
SCHEMAS = st.one_of(
    OBJECTS,
    OBJECTS,
    st.builds(lambda many: {"allOf": many}, st.lists(OBJECTS, min_size=1, max_size=2)),
    st.builds(lambda many: {"oneOf": many}, st.lists(OBJECTS, min_size=1, max_size=2)),
    st.builds(lambda one: {"$ref": "#/$defs/x", "$defs": {"x": one}}, OBJECTS),
    st.sampled_from([{"enum": [{"a": 1}, 1]}, {"const": {"a": 1, "b": "x"}}, {"type": "string"}]),
)
VALUES = st.one_of(SCALARS, st.dictionaries(NAMES, SCALARS, max_size=3), st.lists(SCALARS, max_size=1))


def filed(schemas) -> tuple[Shapes, dict[int, dict]]:
    shapes = Shapes()
    by_place = {}
    for skill, schema in enumerate(schemas):
        by_place[shapes.add(outline_of_text(json.dumps(schema).encode()), skill)] = schema
    return shapes, by_place


@settings(max_examples=60, deadline=None)
@given(st.lists(SCHEMAS, min_size=1, max_size=12), VALUES)
def test_no_schema_that_admits_a_value_is_passed_over(schemas, value):
    shapes, by_place = filed(schemas)
    passed = set(by_place) - set(shapes.that_may_take(value))
    assert [by_place[place] for place in passed if shapes.fits(place, value)] == []


@settings(max_examples=60, deadline=None)
@given(st.lists(SCHEMAS, min_size=1, max_size=12), SCHEMAS)
def test_no_schema_that_takes_all_of_another_is_passed_over(schemas, asked):
    shapes, by_place = filed(schemas)
    written = as_written(asked)
    writer = canonical(written)
    passed = set(by_place) - set(shapes.that_may_take_all_of(written))
    assert [by_place[place] for place in passed if holds(shapes.form(place, as_read), writer)] == []


@settings(max_examples=120, deadline=None)
@given(st.lists(SCHEMAS, min_size=1, max_size=12), SCHEMAS)
def test_no_schema_that_gives_what_is_wanted_is_passed_over(schemas, asked):
    shapes, by_place = filed(schemas)
    reader = canonical(as_read(asked))
    passed = set(by_place) - set(shapes.that_may_give(asked))
    assert [by_place[place] for place in passed if holds(reader, shapes.form(place, as_written))] == []


def objects(count: int, **more) -> list[dict]:
    return [
        {"type": "object", "properties": {f"p{n}": {"type": "string"}}, "required": [f"p{n}"], **more}
        for n in range(count)
    ]


def test_what_cannot_fit_is_not_asked():
    """The other half: a filter that lets all through would miss nothing either."""
    shapes, _ = filed([*objects(500), {"type": "object", "properties": {"p1": {"type": "integer"}}}])
    assert len(list(shapes.that_may_take({"p1": "x"}))) == 1
    assert len(list(shapes.that_may_take({"p1": 1}))) == 1
    assert len(list(shapes.that_may_take_all_of(as_written(objects(2)[1])))) == 1
    assert len(list(shapes.that_may_give(objects(2)[1]))) == 1


def test_those_that_know_most_come_first_however_many_there_are():
    schemas = [{"type": "object", "properties": {f"p{n}": {}, "x": {}}} for n in range(600)]
    shapes, by_place = filed([*schemas, {"type": "object", "properties": {"x": {}}}, {"type": "object"}])
    order = [by_place[place] for place in shapes.that_may_take({"x": 1})]
    assert len(order) == 602
    assert list(order[0]["properties"]) == ["x"] and "properties" not in order[-1]


def test_what_is_removed_is_neither_found_nor_counted():
    shapes, _ = filed([])
    schema = outline_of_text(b'{"type": "object"}')
    place = shapes.add(schema, 1)
    assert shapes.add(schema, 2) == place and shapes.skills(place) == [1, 2]
    shapes.remove(place, 1)
    assert list(shapes.that_may_take({})) == [place]
    shapes.remove(place, 2)
    assert list(shapes.that_may_take({})) == list(shapes.that_may_give({})) == [] and len(shapes) == 0
    assert shapes.add(schema, 3) != place


@pytest.mark.parametrize("text", ["parseHTTPHeaders", "Invoices_2024 GmbH", "ÉCOLE ﬁnds", "ponies gas status"])
def test_words_do_not_depend_on_what_was_split_before(text):
    assert words_of(text) == words_of(text) and all(word == word.casefold() for word in words_of(text))


def test_a_gone_document_counts_for_nothing():
    index, other = WordIndex(), WordIndex()
    kept = [(1.0, ["red", "car"]), (1.0, ["red", "bus"])]
    for number, field in enumerate(kept):
        other.add(number, [field])
    gone = index.add(99, [(1.0, ["red", "car", "car"])])
    for number, field in enumerate(kept):
        index.add(number, [field])
    index.remove(gone)
    found = index.search("red car", lambda _place: True, want=5)
    assert [place - 1 for place in found] == other.search("red car", lambda _place: True, want=5) == [0]
