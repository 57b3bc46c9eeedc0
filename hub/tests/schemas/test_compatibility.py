"""The compatibility checker: what it proves is true, what it refuses has a place and a reason."""

import copy
import json

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from trunkline_hub.schemas.model.compatibility import gaps
from trunkline_hub.schemas.model.reading import as_read, as_written

S, I, N = {"type": "string"}, {"type": "integer"}, {"type": "number"}


def obj(required=(), closed=False, **properties):
    schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if closed:
        schema["additionalProperties"] = False
    return schema


def tree(value, **more):
    return {
        "$defs": {"Node": obj(["v"], v=value, kids={"type": "array", "items": {"$ref": "#/$defs/Node"}}, **more)},
        "$ref": "#/$defs/Node",
    }


def tagged(**kinds):
    return {"oneOf": [obj(["kind"], kind={"const": name}, value=schema) for name, schema in kinds.items()]}


READS = [
    ("an integer is a number", N, I),
    ("a type more", {"type": ["string", "null"]}, S),
    ("a required property becomes optional", obj(a=S), obj(["a"], a=S)),
    ("a closed object gains an optional property", obj(closed=True, a=S, b=S), obj(closed=True, a=S)),
    ("a value more in the enum", {"enum": [1, 2, 3]}, {"enum": [1, 2]}),
    ("a constant out of an enum", {"enum": ["a", "b"]}, {"const": "a"}),
    ("wider bounds", {"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 1, "maximum": 9}),
    ("longer strings", {"type": "string", "maxLength": 9}, {"type": "string", "maxLength": 8}),
    ("a format dropped", S, {"type": "string", "format": "email"}),
    ("one more alternative", {"anyOf": [S, I, {"type": "null"}]}, {"anyOf": [S, I]}),
    ("a discriminated union grows", tagged(a=S, b=I, c=N), tagged(a=S, b=I)),
    ("a discriminated union of many grows", tagged(**{f"k{i}": S for i in range(30)}), tagged(**{f"k{i}": S for i in range(29)})),
    ("items widened", {"type": "array", "items": N}, {"type": "array", "items": I}),
    ("a tuple by position", {"type": "array", "prefixItems": [N, S]}, {"type": "array", "prefixItems": [I, S], "items": False}),
    ("values of a map widened", {"type": "object", "additionalProperties": N}, {"type": "object", "additionalProperties": I}),
    ("pattern properties", {"type": "object", "patternProperties": {"^x_": N}}, {"type": "object", "patternProperties": {"^x_": I}}),
    ("references resolved", {"$defs": {"A": N}, **obj(a={"$ref": "#/$defs/A"})}, obj(a=I)),
    ("an anchor", {"$defs": {"A": {"$anchor": "x", **N}}, **obj(a={"$ref": "#x"})}, obj(a=I)),
    ("a definition renamed", {"$defs": {"M": N}, **obj(a={"$ref": "#/$defs/M"})}, {"$defs": {"A": I}, **obj(a={"$ref": "#/$defs/A"})}),
    ("allOf taken apart", obj(a=S, b=I), {"allOf": [obj(a=S), obj(b=I)]}),
    ("a tree widened", tree(N), tree(I)),
    ("a tree that is closed, widened", {**obj(closed=True, k=N, kids={"type": "array", "items": {"$ref": "#"}}, more=S)}, {**obj(closed=True, k=I, kids={"type": "array", "items": {"$ref": "#"}})}),
    ("a recursive map widened", {"type": "object", "additionalProperties": {"anyOf": [N, S, {"$ref": "#"}]}}, {"type": "object", "additionalProperties": {"anyOf": [I, {"$ref": "#"}]}}),
    ("not", {"not": S}, I),
    ("a condition dropped", obj(a=I, b=I), {**obj(a=I, b=I), "if": obj(a={"const": 1}), "then": {"required": ["b"]}}),
    ("everything", {}, {"anyOf": [S, tree(I)]}),
    ("words about it", {**S, "title": "A", "description": "b", "default": "c", "examples": ["d"]}, S),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "writer"), [case[1:] for case in READS], ids=[case[0] for case in READS])
def test_what_can_be_read_is_proven(reader, writer):
    assert gaps(reader, writer, lenient=False) == []


BREAKS = [
    ("a narrower type", I, N, "/type", "takes integer only"),
    ("a new requirement", obj(["b"], b=S), obj(b=S), "/required", "'b' is required"),
    ("deep inside", obj(a=obj(b={"type": "array", "items": I})), obj(a=obj(b={"type": "array", "items": S})), "/properties/a/properties/b/items/type", "admits string"),
    ("a value less in the enum", {"enum": [1]}, {"enum": [1, 2]}, "/enum", "does not take 2"),
    ("a bound", {"type": "integer", "minimum": 3}, {"type": "integer", "minimum": 1}, "/minimum", "there it is 1"),
    ("a format", {"type": "string", "format": "email"}, S, "/format", "'email'"),
    ("a pattern that cannot be compared", {"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^ab"}, "/pattern", "cannot be proven"),
    ("a property closed away", obj(closed=True, a=S), obj(closed=True, a=S, b=S), "/additionalProperties", "'b' may be written"),
    ("an object closed", obj(closed=True, a=S), obj(a=S), "/additionalProperties", "further properties"),
    ("an open object gains a property", obj(a=S, b=S), obj(a=S), "/properties/b/type", "takes string only"),
    ("an alternative less", {"anyOf": [S, I]}, {"anyOf": [S, I, {"type": "null"}]}, "/anyOf", "none of the alternatives"),
    ("alternatives that overlap", {"oneOf": [N, I]}, I, "/oneOf", "exactly one"),
    ("inside a tree", tree(I), tree(N), "/$defs/Node/properties/v/type", "takes integer only"),
    ("a position", {"type": "array", "prefixItems": [S, I]}, {"type": "array", "prefixItems": [S, S]}, "/prefixItems/1/type", "takes integer"),
    ("names with slashes", obj(**{"a/b~c": I}), obj(**{"a/b~c": S}), "/properties/a~1b~0c/type", "takes integer"),
    ("nothing fits", obj(closed=True, a=False), obj(closed=True, a=S), "/properties/a", "admits nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "writer", "pointer", "words"), [c[1:] for c in BREAKS], ids=[c[0] for c in BREAKS])
def test_what_breaks_is_named_with_its_place(reader, writer, pointer, words):
    found = gaps(reader, writer, lenient=False)
    assert [gap for gap in found if gap.reader == pointer and words in gap.detail], found


def test_lenient_reading_takes_undeclared_properties_for_neither_sent_nor_minded():
    old, new = obj(["a"], a=S), obj(["a"], a=S, b=obj(c=I))
    assert gaps(new, old, lenient=False)
    assert gaps(new, old, lenient=True) == []
    closed = obj(["a"], closed=True, a=S)
    assert gaps(closed, new, lenient=False)
    assert gaps(closed, new, lenient=True) == []
    assert gaps(tree(N, w=S), tree(I), lenient=True) == []


def test_lenient_reading_does_not_excuse_what_is_declared():
    assert gaps(obj(a=I), obj(a=S), lenient=True)
    free_map = {"type": "object"}
    assert gaps(obj(a=I), free_map, lenient=True), "an object that declares nothing may hold anything"
    says_so = {**obj(b=S), "additionalProperties": S}
    assert gaps(obj(a=I, b=S), says_so, lenient=True), "what is said about further properties counts"


def test_lenient_reading_opens_objects_but_not_the_alternatives_of_one_of():
    nested = obj(closed=True, a=obj(closed=True, b=S))
    assert "additionalProperties" not in json.dumps(as_read(nested))
    choice = {"$defs": {"A": obj(closed=True, a=S), "B": obj(closed=True, b=S)}, "oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}  # fmt: skip
    assert as_read(choice) == choice


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"anyOf": [{"required": [f"{c}{i}"]} for c in "abc"]} for i in range(14)]},
        {"not": {"allOf": [{"oneOf": [{"required": [f"{c}{i}"]} for c in "abc"]} for i in range(12)]}},
        {"$defs": {f"d{i}": obj(a={"$ref": f"#/$defs/d{i + 1}"}, b={"$ref": f"#/$defs/d{i + 1}"}) for i in range(40)} | {"d40": S}, "$ref": "#/$defs/d0"},
        {"oneOf": [obj([f"k{i}"], **{f"k{i}": I}) for i in range(600)]},
        {"type": "string", "pattern": "^(a{1,1000}){1,1000}$"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    ],
    ids=["product", "negated product", "doubling references", "600 alternatives", "huge pattern", "loop"],
)  # fmt: skip
@pytest.mark.timeout(20)
@pytest.mark.slow
def test_schemas_made_to_be_hard_are_answered_soon(schema):
    other = copy.deepcopy(schema) | {"maxProperties": 3}
    for lenient in (False, True):
        gaps(schema, other, lenient=lenient)
        gaps(other, schema, lenient=lenient)


# Below: random pairs of schemas. Whatever is called readable must be read.

names = st.sampled_from(["a", "b", "c"])
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 6), st.sampled_from([0.5, 1.0, -2.5]), st.sampled_from(["", "a", "ab", "x_1", "a@b.de", "2026-01-01"])
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)), max_leaves=6
)  # fmt: skip


def numbers(draw):
    schema = {"type": draw(st.sampled_from(["integer", "number"]))}
    for keyword in draw(st.sets(st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "multipleOf"]), max_size=2)):
        schema[keyword] = draw(st.integers(1, 4) if keyword == "multipleOf" else st.integers(-3, 6))
    return schema


def texts(draw):
    schema = {"type": "string"}
    for keyword in draw(st.sets(st.sampled_from(["minLength", "maxLength", "pattern", "format"]), max_size=2)):
        schema[keyword] = draw(
            {"pattern": st.sampled_from(["^a", "^ab?$", "b"]), "format": st.sampled_from(["email", "date"])}.get(
                keyword, st.integers(0, 3)
            )
        )
    return schema


def objects(draw, inner):
    schema = {"type": "object", "properties": draw(st.dictionaries(names, inner, max_size=3))}
    for keyword in draw(st.sets(st.sampled_from(["required", "additionalProperties", "patternProperties", "minProperties", "maxProperties", "propertyNames", "dependentRequired"]), max_size=2)):  # fmt: skip
        schema[keyword] = draw(
            {
                "required": st.lists(names, max_size=2, unique=True),
                "additionalProperties": st.one_of(st.booleans(), inner),
                "patternProperties": st.dictionaries(st.sampled_from(["^a", "b|c", "."]), inner, max_size=2),
                "propertyNames": st.sampled_from([{"enum": ["a", "b"]}, {"pattern": "^a"}]),
                "dependentRequired": st.dictionaries(names, st.lists(names, max_size=1), max_size=1),
            }.get(keyword, st.integers(0, 3))
        )
    return schema


def arrays(draw, inner):
    schema = {"type": "array"}
    for keyword in draw(st.sets(st.sampled_from(["items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"]), max_size=3)):  # fmt: skip
        schema[keyword] = draw(
            {
                "items": st.one_of(st.booleans(), inner), "prefixItems": st.lists(inner, min_size=1, max_size=2),
                "uniqueItems": st.just(True), "contains": inner,
            }.get(keyword, st.integers(0, 3))
        )  # fmt: skip
    return schema


def mixtures(draw, inner):
    kind = draw(st.sampled_from(["anyOf", "oneOf", "allOf", "not", "if", "type", "both"]))
    if kind == "not":
        return {"not": draw(inner)}
    if kind == "if":
        return {"if": draw(inner), "then": draw(inner), "else": draw(inner)}
    if kind == "type":
        return {"type": ["object", "null"], "properties": {"a": draw(inner)}}
    if kind == "both":
        return {"properties": {"a": draw(inner)}, "anyOf": draw(st.lists(inner, min_size=1, max_size=2))}
    return {kind: draw(st.lists(inner, min_size=1, max_size=3))}


@st.composite
def schemas(draw, depth=3):
    simple = [
        lambda: numbers(draw), lambda: texts(draw), lambda: {"enum": draw(st.lists(scalars, min_size=1, max_size=3, unique_by=repr))},
        lambda: {"const": draw(scalars)}, lambda: {"type": draw(st.sampled_from(["null", "boolean"]))}, lambda: {},
        lambda: {"$ref": draw(st.sampled_from(["#", "#/$defs/A", "#/$defs/B"]))},
    ]  # fmt: skip
    if depth == 0:
        return draw(st.sampled_from(simple))()
    inner = schemas(depth=depth - 1)
    nested = [lambda: objects(draw, inner), lambda: arrays(draw, inner), lambda: mixtures(draw, inner)]
    return draw(st.sampled_from(simple + nested * 3))()


@st.composite
def documents(draw):
    root = draw(schemas())
    root["$defs"] = {"A": draw(schemas(depth=2)), "B": draw(schemas(depth=1))}
    return root


@st.composite
def relatives(draw):
    """A schema, and the same with a few places changed: most random pairs have nothing in common."""
    first = draw(documents())
    second = copy.deepcopy(first)
    places = list(_places(second))
    for place in draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        keyword = draw(st.sampled_from([*place, None]))
        if keyword is None:
            place.update(draw(schemas(depth=1)))
        elif isinstance(place[keyword], int) and not isinstance(place[keyword], bool):
            place[keyword] += draw(st.integers(0, 2))
        elif keyword not in {"$defs", "$ref"}:
            del place[keyword]
    return (first, second) if draw(st.booleans()) else (second, first)


def _places(schema):
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
                yield from _places(child)


def usable(*documents):
    for document in documents:
        try:
            yield jsonschema_rs.Draft202012Validator(document, validate_formats=True)
        except ValueError:
            assume(False)


def grounded(document) -> bool:
    """References that lead round in a circle without descending say nothing; validators differ on them."""
    root, seen = document, set()
    waiting = [document]
    while waiting:
        schema = waiting.pop()
        if not isinstance(schema, dict) or id(schema) in seen:
            continue
        seen.add(id(schema))
        stack, passed = [schema], set()
        while stack:
            one = stack.pop()
            if not isinstance(one, dict):
                continue
            targets = [one["$ref"]] if "$ref" in one else []
            for keyword in ("anyOf", "oneOf", "allOf"):
                stack += one.get(keyword, [])
            stack += [one[keyword] for keyword in ("not", "if", "then", "else") if keyword in one]
            for target in targets:
                if target in passed:
                    return False
                passed.add(target)
                stack.append(root if target == "#" else root["$defs"][target[-1]])
        waiting += [child for child in _places(schema) if child is not schema]
    return True


RANDOM = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@RANDOM
@given(relatives(), st.lists(values, min_size=8, max_size=20))
def test_whatever_is_called_readable_is_read(pair, instances):
    reader, writer = pair
    assume(grounded(reader) and grounded(writer))
    reads, writes = usable(reader, writer)
    if not gaps(reader, writer, lenient=False):
        for instance in instances:
            if writes.is_valid(instance):
                assert reads.is_valid(instance), instance


@RANDOM
@given(relatives(), st.lists(values, min_size=8, max_size=20))
def test_whatever_is_called_leniently_readable_is_read_leniently(pair, instances):
    reader, writer = pair
    assume(grounded(reader) and grounded(writer))
    usable(reader, writer)
    reads, writes = usable(as_read(reader), as_written(writer))
    if not gaps(reader, writer, lenient=True):
        for instance in instances:
            if writes.is_valid(instance):
                assert reads.is_valid(instance), instance


@RANDOM
@given(documents())
def test_a_schema_reads_itself(schema):
    assume(grounded(schema))
    list(usable(schema))
    assert gaps(schema, copy.deepcopy(schema), lenient=False) == []
