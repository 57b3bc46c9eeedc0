"""Can one schema read everything that another lets be written? Proven, or refused with the place and the reason.

The question "does A admit every value that B admits" is answered by
jsonschema-rs on canonical forms: yes, no, or unknown, and only yes counts.
This module asks it piece by piece, so that a refusal names its place, and
walks into recursive schemas, where it assumes what it is about to prove each
time it has descended into a value (the usual proof for recursive types).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trunkline.protocol.errors import pointer
from trunkline_hub.schemas.model import sentences
from trunkline_hub.schemas.model.containment import Containment
from trunkline_hub.schemas.model.reading import as_read, as_written
from trunkline_hub.schemas.model.schema import Schema, canonical_text, children, resolve

MAX_PROBLEMS = 50
_READER, _WRITER = "urn:trunkline:reader", "urn:trunkline:writer"
_MAX_DESCENT = 90
_ANNOTATIONS = frozenset(
    ("$anchor", "$comment", "$defs", "$dynamicAnchor", "$id", "$schema", "contentEncoding", "contentMediaType",
     "contentSchema", "default", "definitions", "deprecated", "description", "examples", "readOnly", "title", "writeOnly")
)  # fmt: skip
_NOTHING: dict[str, Any] = {"not": {}}
_TOGETHER = {
    "if": ("if", "then", "else"), "then": (), "else": (),
    "contains": ("contains", "minContains", "maxContains"), "minContains": (), "maxContains": (),
}  # fmt: skip
"""Keywords that mean nothing alone."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something that may be written and cannot be read."""

    reader: str
    """JSON pointer into the reading schema."""
    writer: str
    """JSON pointer into the writing schema."""
    detail: str


def gaps(reader: Schema, writer: Schema, *, lenient: bool) -> list[Gap]:
    """Return what keeps `reader` from reading everything that `writer` lets be written; nothing means it reads it all."""
    if canonical_text(reader) == canonical_text(writer):
        return []
    if lenient and isinstance(reader, dict) and isinstance(writer, dict):
        reader, writer = as_read(reader), as_written(writer)
    proof = _Proof(reader, writer)
    return list(dict.fromkeys(proof.prove(proof.reader, proof.writer, depth=0)))[:MAX_PROBLEMS]


class _Proof:
    """One question: does the reader admit all that the writer admits?"""

    def __init__(self, reader: Schema, writer: Schema) -> None:
        self._places: dict[int, str] = {}
        """Pointer of each schema object, by identity; the roots below keep them alive."""
        self.reader = self._anchored(reader, _READER, "")
        self.writer = self._anchored(writer, _WRITER, "")
        self._contains = Containment([(_READER, self.reader), (_WRITER, self.writer)], self._target)
        self._open: dict[tuple[int, ...], int] = {}
        """Pairs being proven, and how many values deep each was begun."""
        self._proven: set[tuple[int, ...]] = set()
        self._derived: dict[tuple[object, ...], Any] = {}

    def prove(self, reader: Any, writer: Any, *, depth: int) -> list[Gap]:
        """Return the gaps between two schemas that rule the same value; `depth` counts descents into values."""
        if self._contains(reader, writer):
            return []
        parts = self._parts(writer)
        key = (id(reader), *sorted(id(part) for part in parts))
        if key in self._proven or self._open.get(key, depth) < depth:
            return []
        if key in self._open:
            return [self._gap(reader, writer, "", "refers to itself without end")]
        if len(self._open) > _MAX_DESCENT or self._contains.is_exhausted:
            return [self._gap(reader, writer, "", "cannot be proven: the schemas are too intricate")]
        self._open[key] = depth
        found = self._compare(reader, parts, depth)
        del self._open[key]
        if not found:
            self._proven.add(key)
        return found

    def _compare(self, reader: Any, parts: list[Any], depth: int) -> list[Gap]:
        whole = self._conjunction(parts)
        if reader is False or reader == _NOTHING:
            return [self._gap(reader, whole, "", "admits nothing, while the other schema admits something")]
        for at, part in enumerate(parts):
            for keyword in ("anyOf", "oneOf"):
                if keyword in part:
                    rest = [self._without(part, keyword), *parts[:at], *parts[at + 1 :]]
                    branches = [self._conjunction([branch, *rest]) for branch in part[keyword]]
                    return [gap for branch in branches for gap in self.prove(reader, branch, depth=depth)]
        found: list[Gap] = []
        for keyword in reader:
            if keyword not in _ANNOTATIONS:
                found += self._keyword(reader, keyword, parts, depth)
        return found

    def _keyword(self, reader: dict[str, Any], keyword: str, parts: list[Any], depth: int) -> list[Gap]:
        """Prove one keyword of the reader: a schema is the conjunction of its keywords."""
        step = {
            "$ref": self._reference, "allOf": self._all_of, "anyOf": self._alternatives, "oneOf": self._alternatives,
            "properties": self._properties, "patternProperties": self._patterns,
            "additionalProperties": self._additional, "items": self._items, "prefixItems": self._items,
            "required": self._required,
        }.get(keyword, self._plain)  # fmt: skip
        return step(reader, keyword, parts, depth)

    def _plain(self, reader: Any, keyword: str, parts: list[Any], _depth: int) -> list[Gap]:
        whole = self._conjunction(parts)
        group = {k: reader[k] for k in _TOGETHER.get(keyword, (keyword,)) if k in reader}
        if not group or _says_the_same(group, keyword, parts) or self._contains(group, whole):
            return []
        return [self._gap(reader, whole, f"/{keyword}", sentences.keyword(keyword, reader[keyword], parts))]

    def _reference(self, reader: Any, keyword: str, parts: list[Any], depth: int) -> list[Gap]:
        target = self._target(reader)
        if target is None:
            return self._plain(reader, keyword, parts, depth)
        return self.prove(target, self._conjunction(parts), depth=depth)

    def _all_of(self, reader: Any, keyword: str, parts: list[Any], depth: int) -> list[Gap]:
        whole = self._conjunction(parts)
        return [gap for branch in reader[keyword] for gap in self.prove(branch, whole, depth=depth)]

    def _required(self, reader: Any, keyword: str, parts: list[Any], _depth: int) -> list[Gap]:
        whole = self._conjunction(parts)
        ensured = {name for part in parts for name in part.get("required", [])}
        asked = [name for name in reader[keyword] if name not in ensured]
        missing = [name for name in asked if not self._contains({"required": [name]}, whole)]
        return [self._gap(reader, whole, "/required", sentences.required(name)) for name in missing]

    def _alternatives(self, reader: Any, keyword: str, parts: list[Any], depth: int) -> list[Gap]:
        whole = self._conjunction(parts)
        choice = self._derive(("only", id(reader), keyword), lambda: {keyword: reader[keyword]}, reader)
        if self._contains(choice, whole):
            return []
        for part in parts:
            if isinstance(part.get("type"), list):
                rest = [other for other in parts if other is not part]
                split = [self._conjunction([self._of_kind(part, kind), *rest]) for kind in part["type"]]
                return [gap for one in split for gap in self.prove(choice, one, depth=depth)]
        for branch in reader[keyword]:
            if not self._attempt(branch, whole, depth):
                others = [other for other in reader[keyword] if other is not branch]
                if keyword == "anyOf" or all(self._contains.are_disjoint(other, whole) for other in others):
                    return []
        return [self._gap(reader, whole, f"/{keyword}", sentences.alternatives(keyword))]

    def _properties(self, reader: Any, keyword: str, parts: list[Any], depth: int) -> list[Gap]:
        whole, found = self._conjunction(parts), []
        for name, wanted in reader[keyword].items():
            if not self._contains({"properties": {name: wanted}}, whole):
                found += self._any_of(wanted, [self._value_at(part, name) for part in parts], depth)
        return found

    def _patterns(self, reader: Any, keyword: str, parts: list[Any], depth: int) -> list[Gap]:
        whole, found = self._conjunction(parts), []
        for pattern, wanted in reader[keyword].items():
            if self._contains({"patternProperties": {pattern: wanted}}, whole):
                continue
            given = [
                part["patternProperties"][pattern] for part in parts if pattern in part.get("patternProperties", {})
            ]
            if given:
                found += self._any_of(wanted, given, depth)
            else:
                found.append(self._gap(reader, whole, "/patternProperties", sentences.pattern_properties(pattern)))
        return found

    def _additional(self, reader: Any, keyword: str, parts: list[Any], depth: int) -> list[Gap]:
        names = {key: dict.fromkeys(reader[key], True) for key in ("properties", "patternProperties") if key in reader}
        if self._contains({**names, keyword: reader[keyword]}, self._conjunction(parts)):
            return []
        return min((self._undeclared(reader, part, depth) for part in parts), key=len)

    def _undeclared(self, reader: Any, part: Any, depth: int) -> list[Gap]:
        """Prove what `part` lets be written under names that the reader does not declare."""
        wanted = reader["additionalProperties"]
        names = [name for name in part.get("properties", {}) if not self._declares(reader, name)]
        patterns = [one for one in part.get("patternProperties", {}) if one not in reader.get("patternProperties", {})]
        given = [(sentences.undeclared(name), part["properties"][name]) for name in names]
        given += [(sentences.extra_pattern(one), part["patternProperties"][one]) for one in patterns]
        if not self._is_closed(reader, part):
            given.append((sentences.extra_any(), part.get("additionalProperties", True)))
        return [
            self._gap(reader, part, "/additionalProperties", sentence)
            for sentence, schema in given
            if self._attempt(wanted, schema, depth + 1)
        ]

    def _is_closed(self, reader: Any, part: Any) -> bool:
        """Whether `part` lets no name be written that neither side declares."""
        if part.get("additionalProperties") is False:
            return True
        known: dict[str, Any] = {"additionalProperties": False}
        for key in ("properties", "patternProperties"):
            known[key] = dict.fromkeys([*reader.get(key, {}), *part.get(key, {})], True)
        return "propertyNames" in part and self._contains(
            known, {"type": "object", "propertyNames": part["propertyNames"]}
        )

    def _items(self, reader: Any, keyword: str, parts: list[Any], depth: int) -> list[Gap]:
        head = len(reader.get("prefixItems", []))
        before = {"prefixItems": [True] * head} if keyword == "items" and head else {}
        if self._contains({**before, keyword: reader[keyword]}, self._conjunction(parts)):
            return []
        if keyword == "prefixItems":
            pairs = [(wanted, [_item_at(part, i) for part in parts]) for i, wanted in enumerate(reader["prefixItems"])]
        else:
            longest = max(head, *(len(part.get("prefixItems", [])) for part in parts))
            pairs = [(reader["items"], [_item_at(part, i) for part in parts]) for i in range(head, longest + 1)]
        return [gap for wanted, given in pairs for gap in self._any_of(wanted, given, depth)]

    def _any_of(self, wanted: Any, given: list[Any], depth: int) -> list[Gap]:
        """Prove a value's schema against whichever of the writer's parts says enough about it."""
        attempts = [self._attempt(wanted, schema, depth + 1) for schema in given if schema is not True]
        if len(attempts) != 1:
            attempts.append(self._attempt(wanted, self._conjunction(given), depth + 1))
        return min(attempts, key=len)

    def _attempt(self, reader: Any, writer: Any, depth: int) -> list[Gap]:
        """As `prove`, but what was assumed on the way is forgotten when it fails."""
        before = set(self._proven)
        found = self.prove(reader, writer, depth=depth)
        if found:
            self._proven = before
        return found

    def _value_at(self, part: dict[str, Any], name: str) -> Any:
        """Return what `part` says about the value of a property."""
        if name in part.get("properties", {}):
            return part["properties"][name]
        for pattern, schema in part.get("patternProperties", {}).items():
            if self._contains.fits({"pattern": pattern}, name):
                return schema
        if not self._contains.fits(part.get("propertyNames", True), name):
            return False
        return part.get("additionalProperties", True)

    def _declares(self, reader: dict[str, Any], name: str) -> bool:
        patterns = reader.get("patternProperties", {})
        return name in reader.get("properties", {}) or any(
            self._contains.fits({"pattern": pattern}, name) for pattern in patterns
        )

    def _parts(self, writer: Any) -> list[Any]:
        """Return the plain schemas whose conjunction the writer is: `allOf` and `$ref` taken apart."""
        found: list[Any] = []
        waiting, seen = [writer], set()
        while waiting:
            part = waiting.pop(0)
            if part is True or id(part) in seen:
                continue
            if part is False:
                return [self._derive(("nothing",), lambda: _NOTHING)]
            seen.add(id(part))
            waiting += part.get("allOf", [])
            target = self._target(part)
            if target is not None:
                waiting.append(target)
            found.append(self._bare(part, is_resolved=target is not None))
        return self._with_names([part for part in found if part] or [self._derive(("all",), dict)])

    def _bare(self, part: dict[str, Any], *, is_resolved: bool) -> dict[str, Any]:
        left_out = _ANNOTATIONS | {"allOf"} | ({"$ref"} if is_resolved else set())
        if left_out.isdisjoint(part):
            return part
        bare: dict[str, Any] = self._derive(
            ("bare", id(part)), lambda: {k: v for k, v in part.items() if k not in left_out}, part
        )
        return bare

    def _with_names(self, parts: list[Any]) -> list[Any]:
        """Put a part that says nothing but which names there may be into each of the others: they need to know."""
        rule = next((part for part in parts if list(part) == ["propertyNames"]), None)
        if rule is None or len(parts) == 1:
            return parts
        others = [part for part in parts if part is not rule]
        return [part if "propertyNames" in part else self._named(part, rule) for part in others]

    def _named(self, part: dict[str, Any], rule: dict[str, Any]) -> Any:
        return self._derive(("names", id(part), id(rule)), lambda: part | rule, part)

    def _without(self, part: dict[str, Any], keyword: str) -> Any:
        return self._derive(
            ("without", id(part), keyword), lambda: {k: v for k, v in part.items() if k != keyword}, part
        )

    def _of_kind(self, part: dict[str, Any], kind: str) -> Any:
        return self._derive(("kind", id(part), kind), lambda: {**part, "type": kind}, part)

    def _conjunction(self, parts: list[Any]) -> Any:
        if len(parts) == 1:
            return parts[0]
        return self._derive(("all", *map(id, parts)), lambda: {"allOf": parts}, parts[0])

    def _derive(self, key: tuple[object, ...], make: Callable[[], Any], origin: Any = None) -> Any:
        """Return the same object each time: a pair is known again by the identity of its schemas."""
        if key not in self._derived:
            made = self._derived[key] = make()
            self._places[id(made)] = self._places.get(id(origin), "")
        return self._derived[key]

    def _target(self, schema: dict[str, Any]) -> Any:
        """Return what `$ref` names; None without one, or where it is no plain pointer."""
        uri, _, fragment = schema.get("$ref", "").partition("#")
        root = {_READER: self.reader, _WRITER: self.writer}.get(uri)
        return None if root is None else resolve(root, fragment)

    def _gap(self, reader: Any, writer: Any, suffix: str, detail: str) -> Gap:
        place = self._places.get(id(reader), "")
        return Gap(reader=place + suffix, writer=self._places.get(id(writer), ""), detail=detail)

    def _anchored(self, schema: Any, uri: str, at: str) -> Any:
        """Copy a document so that its references work from any fragment of it; note where each schema stands."""
        if not isinstance(schema, dict):
            return schema
        copy = {key: value for key, value in schema.items() if key not in {"$id", "$schema"}}
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in copy:
                copy[keyword] = uri + copy[keyword]
        for _keyword, steps, child in children(schema):
            holder: Any = copy
            for step in steps[:-1]:
                if holder[step] is schema[step]:
                    holder[step] = holder[step].copy()
                holder = holder[step]
            one = (
                dict(_NOTHING) if child is False and len(steps) > 1 else child
            )  # a constant has no identity, so no place
            holder[steps[-1]] = self._anchored(one, uri, at + pointer(steps))
        self._places[id(copy)] = at
        return copy


def _says_the_same(group: dict[str, Any], keyword: str, parts: list[Any]) -> bool:
    """Whether one part has the very same words; compared as text, where `1` is not `true`."""
    if keyword.startswith("unevaluated"):
        return False
    family = _TOGETHER.get(keyword, (keyword,))
    text = canonical_text(group)
    return any(keyword in part and canonical_text({k: part[k] for k in family if k in part}) == text for part in parts)


def _item_at(part: dict[str, Any], index: int) -> Any:
    """Return what `part` says about the item at `index`."""
    head = part.get("prefixItems", [])
    return head[index] if index < len(head) else part.get("items", True)
