"""Schemas of skills, found by what fits them: "who can take this?".

Skills that declare the same schema share one shape. What an input must have to
fit a shape (required properties, types, constants) is read off the schema once
and looked up first; only what passes is asked of the schema itself.
"""

from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from sys import intern
from typing import Any

import jsonschema_rs
import msgspec
from jsonschema_rs.canonical import Containment as Verdict

SkillKey = tuple[str, str]
"""(agent, skill)"""
_COMPILED = 20_000
"""Validators kept; one takes some kilobytes."""
_MAX_CANONICAL_BYTES = 32_768
CHECKS = 5_000
"""Schemas asked for one question about a value; beyond them the answer says that it is not complete."""
COMPARISONS = 1_500
"""The same of one about schemas, which costs more."""
_NULL = "null"
_JSON_TYPES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): _NULL,
}
_SCALARS = (str, bool, int, float, type(None))
_MAX_HOPS = 8


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a value must be like to fit; None: anything. Each holds for every value that fits."""

    types: frozenset[str] | None
    required: frozenset[str]
    closed: frozenset[str] | None
    """All properties there may be, where there may be no others."""
    declared: frozenset[str]
    properties: dict[str, frozenset[str]]
    """Property to the types it may have."""
    constants: dict[str, frozenset[Any]]
    """Property to the plain values it may have."""

    known: frozenset[str] = field(init=False)
    """The properties it says anything of."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", self.declared | self.required)

    def admit(self, value: Any) -> bool:
        """Whether `value` has all that is needed; if so, the schema decides."""
        if self.types is not None and not _is_any_of(value, self.types):
            return False
        if not isinstance(value, dict):
            return True
        if not self.required <= value.keys() or (self.closed is not None and not value.keys() <= self.closed):
            return False
        return all(_is_any_of(value[key], kinds) for key, kinds in self.properties.items() if key in value) and all(
            value[key] in values
            for key, values in self.constants.items()
            if isinstance(value.get(key), _SCALARS) and key in value
        )


@dataclass(slots=True)
class Shape:
    """One schema and the skills that declare it."""

    digest: bytes
    raw: bytes
    conditions: Conditions
    skills: list[SkillKey] = field(default_factory=list)

    order: tuple[int, bytes] = field(init=False)
    """Of two that know as much of a value, the one that knows less besides comes first."""

    def __post_init__(self) -> None:
        self.order = len(self.conditions.known), self.digest


class Shapes:
    """The schemas of one side (input or output) of all skills."""

    def __init__(self) -> None:
        self._by_digest: dict[bytes, Shape] = {}
        self._by_property: dict[str, dict[bytes, Shape]] = {}
        self._open: dict[bytes, Shape] = {}
        """Those that require no property."""
        self._validators: OrderedDict[bytes, Any] = OrderedDict()
        self._forms: OrderedDict[bytes, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_digest)

    def add(self, schema: Any, skill: SkillKey) -> bytes:
        """File a skill under its schema; returns what `remove` needs."""
        raw = msgspec.json.encode(schema, order="sorted")
        digest = blake2b(raw, digest_size=16).digest()
        shape = self._by_digest.get(digest)
        if shape is None:
            shape = self._by_digest[digest] = Shape(digest, raw, conditions_of(schema))
            for name in shape.conditions.known:
                self._by_property.setdefault(name, {})[digest] = shape
            if not shape.conditions.required:
                self._open[digest] = shape
        insort(shape.skills, skill)
        return digest

    def remove(self, digest: bytes, skill: SkillKey) -> None:
        """Forget that a skill has a schema."""
        shape = self._by_digest[digest]
        place = bisect_left(shape.skills, skill)
        if place < len(shape.skills) and shape.skills[place] == skill:
            del shape.skills[place]
        if not shape.skills:
            del self._by_digest[digest]
            self._open.pop(digest, None)
            for name in shape.conditions.known:
                del self._by_property[name][digest]
                if not self._by_property[name]:
                    del self._by_property[name]
            self._validators.pop(digest, None)
            self._forms.pop(digest, None)

    def of(self, digest: bytes) -> Shape:
        return self._by_digest[digest]

    def that_may_take(self, value: Any) -> Iterator[Shape]:
        """Yield the shapes that may admit `value`, those that know most of it first."""
        keys = value.keys() if isinstance(value, dict) else frozenset[str]()
        return (shape for shape in self._knowing(keys) if shape.conditions.admit(value))

    def that_may_take_all_of(self, wanted: Conditions) -> Iterator[Shape]:
        """Yield the shapes that may admit whatever a schema with these conditions admits."""
        return (shape for shape in self._knowing(wanted.known) if may_hold(shape.conditions, wanted))

    def that_may_give(self, wanted: Conditions) -> Iterator[Shape]:
        """Yield the shapes of which everything may fit a schema with these conditions."""
        needed = [self._by_property.get(name, {}) for name in wanted.required]
        shapes = min(needed, key=len, default=self._by_digest).values()
        known = [shape for shape in shapes if may_hold(wanted, shape.conditions)]
        yield from sorted(known, key=lambda shape: (-len(shape.conditions.known & wanted.known), shape.order))

    def _knowing(self, keys: Collection[str]) -> Iterator[Shape]:
        """Yield the shapes that know any of these properties, most first; then those that require none."""
        counts = Counter[bytes]()
        for key in keys:
            counts.update(iter(self._by_property.get(key, ())))
        by_count: dict[int, list[Shape]] = {}
        for digest, count in counts.items():
            by_count.setdefault(count, []).append(self._by_digest[digest])
        for count in sorted(by_count, reverse=True):
            yield from sorted(by_count[count], key=_order)
        yield from sorted((shape for digest, shape in self._open.items() if digest not in counts), key=_order)

    def fits(self, shape: Shape, value: Any) -> bool:
        """Whether `value` fits the shape's schema; one that is no valid schema admits nothing."""
        validator = self._validators.get(shape.digest)
        if validator is None:
            validator = _compiled(msgspec.json.decode(shape.raw))
            _keep(self._validators, shape.digest, validator)
        return validator is not _NOTHING and bool(validator.is_valid(value))

    def form(self, shape: Shape, prepare: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        """Return the canonical form of a shape's schema, `prepare`d always alike; None where there is none."""
        if shape.digest not in self._forms:
            schema = msgspec.json.decode(shape.raw)
            _keep(self._forms, shape.digest, canonical(prepare(schema)) if isinstance(schema, dict) else None)
        return self._forms[shape.digest]


@dataclass
class Budget:
    """How many more schemas may be asked for one question."""

    left: int = CHECKS

    def spend(self) -> bool:
        """Whether another may be asked."""
        self.left -= 1
        return self.left >= 0


def conditions_of(schema: Any) -> Conditions:
    """Read off a schema what its values must be like; what is not understood demands nothing."""
    root = _resolved(schema, schema)
    if not isinstance(root, dict):
        return Conditions(None, frozenset(), None, frozenset(), {}, {})
    declared = root.get("properties")
    properties = (
        {intern(key): _resolved(part, schema) for key, part in declared.items()} if isinstance(declared, dict) else {}
    )
    required = root.get("required")
    closed = root.get("additionalProperties") is False and not root.get("patternProperties") and "$ref" not in root
    kinds = {key: found for key, part in properties.items() if (found := _types(part)) is not None}
    constants = {key: found for key, part in properties.items() if (found := _constants(part)) is not None}
    return Conditions(
        types=_types(root),
        required=frozenset(intern(key) for key in required if isinstance(key, str)) if isinstance(required, list) else frozenset(),
        closed=frozenset(properties) if closed else None, declared=frozenset(properties), properties=kinds,
        constants=constants,
    )  # fmt: skip


def canonical(schema: Any) -> Any:
    """Return the canonical form in which two schemas can be compared, or None."""
    if not isinstance(schema, dict) or len(msgspec.json.encode(schema)) > _MAX_CANONICAL_BYTES:
        return None
    try:
        return jsonschema_rs.canonicalize(schema, draft=jsonschema_rs.Draft202012)
    except (ValueError, jsonschema_rs.ReferencingError):
        return None


def holds(reader: Any, writer: Any) -> bool:
    """Whether it is proven that the canonical form `reader` admits all that `writer` admits."""
    if reader is None or writer is None:
        return False
    try:
        verdict: Verdict = reader.covers(writer)
    except ValueError:
        return False
    return verdict == Verdict.YES


def _order(shape: Shape) -> tuple[int, bytes]:
    return shape.order


def _compiled(schema: Any) -> Any:
    try:
        return jsonschema_rs.validator_for(schema, retriever=_no_retrieval)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        return _NOTHING


class _Nothing:
    """In place of a validator, where the schema is none."""


_NOTHING = _Nothing()


def _no_retrieval(uri: str) -> Any:
    """A schema may refer to itself only: the hub fetches nothing on an agent's word."""
    raise ValueError(f"{uri} is outside of the schema")


def _keep(cache: "OrderedDict[bytes, Any]", digest: bytes, value: Any) -> None:
    cache[digest] = value
    if len(cache) > _COMPILED:
        cache.popitem(last=False)


def may_hold(reader: Conditions, writer: Conditions) -> bool:
    """Whether nothing speaks against `reader` admitting all that `writer` admits."""
    if not reader.required <= writer.required:
        return False
    if _are_apart(reader.types, writer.types):
        return False
    return not any(
        _are_apart(kinds, writer.properties.get(key))
        for key, kinds in reader.properties.items()
        if key in writer.required
    )


def _are_apart(one: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    """Whether no value is of a type of both."""
    return one is not None and other is not None and not _widened(one) & _widened(other)


def _widened(kinds: frozenset[str]) -> frozenset[str]:
    return kinds | {"integer"} if "number" in kinds else kinds


def _is_any_of(value: Any, kinds: frozenset[str]) -> bool:
    kind = _JSON_TYPES.get(type(value), "object")
    if kind in kinds:
        return True
    return (kind == "integer" and "number" in kinds) or (
        kind == "number" and "integer" in kinds and float(value).is_integer()
    )


def _resolved(part: Any, root: Any) -> Any:
    """Follow references within the document, as far as one schema stands for another."""
    for _ in range(_MAX_HOPS):
        reference = part.get("$ref") if isinstance(part, dict) else None
        if reference is None:
            return part
        beside = part.keys() - {"$ref", "$defs", "definitions", "$schema", "$id", "title", "description"}
        if not isinstance(reference, str) or not reference.startswith("#/") or beside:
            return {}  # older drafts do not look at what stands beside a reference
        found: Any = root
        for step in reference[2:].split("/"):
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if found is None:
            return {}
        part = found
    return {}


def _types(part: Any) -> frozenset[str] | None:
    if not isinstance(part, dict):
        return None
    kinds = part.get("type")
    if isinstance(kinds, str):
        return _kinds((kinds,))
    if isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds):
        return _kinds(tuple(kinds))
    return None


@lru_cache(maxsize=1024)
def _kinds(kinds: tuple[str, ...]) -> frozenset[str]:
    """Return the one set of these types, however many schemas have it."""
    return frozenset(kinds)


def _constants(part: Any) -> frozenset[Any] | None:
    if not isinstance(part, dict):
        return None
    values = [part["const"]] if "const" in part else part.get("enum")
    if not isinstance(values, list) or not all(isinstance(value, _SCALARS) for value in values):
        return None
    return frozenset(values)
