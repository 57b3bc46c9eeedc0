"""Schemas of skills, found by what fits them: "who can take this?".

Skills that declare the same schema share one shape. What was read off the
schemas (`outline.py`) lies in columns and lists of places, so that what cannot
fit is passed over without being looked at; only what is left is asked itself.
Nothing that fits is ever passed over.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from trunkline_hub.agents.model.outline import (
    ANY,
    EXACTLY,
    FINITE,
    MAY,
    OBJECT,
    SCALARS,
    Outline,
    bit_of,
    digest_of,
    outline_of,
)
from trunkline_hub.agents.model.proof import canonical, compiled, witnesses

_COMPILED = 5_000
"""Validators kept, and as many canonical forms; one takes some kilobytes."""
CHECKS = 5_000
"""Schemas asked for one question about a value; beyond them the answer says that it is not complete."""
COMPARISONS = 1_500
"""The same of one about schemas, which costs more."""
_CLOSED, _PLAIN, _OPEN = 1, 2, 4
_AT_ONCE = 256


class Shapes:
    """The schemas of one side (input or output) of all skills; each is known by its place, never used twice."""

    def __init__(self) -> None:
        self._place_of: dict[bytes, int] = {}
        self._raw: list[bytes] = []
        self._holders: list[int | list[int]] = []
        """Who declares it: a skill's place, or several."""
        self._there = bytearray()
        self._types, self._flags = array("B"), array("B")
        self._required_count, self._known_count = array("H"), array("H")
        self._number = array("Q")
        self._required: dict[str, array[int]] = {}
        """Property to the shapes that require it."""
        self._declared: dict[str, dict[int, array[int]]] = {}
        """Property to the shapes that know it, by its types and how sure they are."""
        self._constants: dict[int, dict[str, frozenset[Any]]] = {}
        self._validators: OrderedDict[int, Any] = OrderedDict()
        self._forms: OrderedDict[int, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._place_of)

    def add(self, outline: Outline, skill: int) -> int:
        """File a skill under its schema; returns the place of it."""
        place = self._place_of.get(outline.digest)
        if place is None:
            return self._new(outline, skill)
        holders = self._holders[place]
        if isinstance(holders, list):
            holders.append(skill)
        else:
            self._holders[place] = [holders, skill]
        return place

    def remove(self, place: int, skill: int) -> None:
        """Forget that a skill has a schema."""
        holders = self._holders[place]
        if isinstance(holders, list):
            holders.remove(skill)
        if holders in ([], skill):
            self._there[place] = 0
            del self._place_of[digest_of(self._raw[place])]
            self._raw[place], self._holders[place] = b"", []
            for known in (self._constants, self._validators, self._forms):
                known.pop(place, None)

    def skills(self, place: int) -> list[int]:
        """Return who declares a schema."""
        holders = self._holders[place]
        return holders if isinstance(holders, list) else [holders]

    def that_may_take(self, value: Any) -> Iterator[int]:
        """Yield the shapes that may admit `value`, those that know most of it first."""
        chosen = self._admitting(value, is_lenient=False)
        keys = frozenset(value) if isinstance(value, dict) else frozenset[str]()
        return (place for place in self._ordered(chosen, keys) if self._has_constants(place, value))

    def that_may_take_all_of(self, schema: dict[str, Any]) -> Iterator[int]:
        """Yield the shapes that may admit, read leniently, whatever a schema admits."""
        chosen = self._existing()
        for value in witnesses(schema):
            chosen &= self._admitting(value, is_lenient=True)
        return self._ordered(chosen, frozenset(name for name, _types, _sure in outline_of(schema).properties))

    def that_may_give(self, schema: dict[str, Any]) -> Iterator[int]:
        """Yield the shapes of which everything may fit a schema that is read leniently."""
        asked = outline_of(schema)
        keys = frozenset(name for name, _types, _sure in asked.properties)
        return self._ordered(self.may_give(asked), keys)

    def may_give(self, asked: Outline) -> Any:
        """Return, by place, whether everything that fits a shape may fit what is asked for.

        A plain shape has a value for each thing it says; one of them that does
        not fit is enough. Of others nothing is known: they stay.
        """
        flags, types = np.frombuffer(self._flags, np.uint8), np.frombuffer(self._types, np.uint8)
        plain = flags & _PLAIN != 0
        objects = plain & (types & OBJECT != 0)
        away = plain & (types & (ANY & ~asked.types) != 0)
        met = np.zeros(len(self._raw), np.uint16)
        for name in asked.required:
            met[_view(self._required.get(name))] += 1
        away |= objects & (met != len(asked.required))
        away |= self._refused(asked, objects)
        return self._existing() & ~away

    def _refused(self, asked: Outline, objects: Any) -> Any:
        """Return the plain shapes with a property of which some value is refused."""
        away = np.zeros(len(self._raw), np.bool_)
        declared = np.zeros(len(self._raw), np.uint16)
        finite = asked.constants or {}
        minded = [(name, types) for name, types, _sure in asked.properties if types != ANY or name in finite]
        for name, types in minded:
            for mark, places in self._declared.get(name, {}).items():
                own, sure = mark >> 2, mark & 3
                declared[_view(places)] += 1
                beyond = own & ~types if sure == EXACTLY else own if not own & types else 0
                endless = sure == EXACTLY and name in finite and own & ~FINITE
                if sure != MAY and (beyond or endless):
                    away[_view(places)] = True
        is_open = np.frombuffer(self._flags, np.uint8) & _OPEN != 0
        return objects & (away | (is_open & (declared != len(minded))))

    def fits(self, place: int, value: Any) -> bool:
        """Whether `value` fits a shape's schema; one that is no valid schema admits nothing."""
        validator = self._validators.get(place)
        if validator is None:
            validator = compiled(msgspec.json.decode(self._raw[place]))
            _keep(self._validators, place, validator)
        return bool(validator.is_valid(value))

    def form(self, place: int, prepare: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        """Return the canonical form of a shape's schema, `prepare`d always alike; None where there is none."""
        if place not in self._forms:
            schema = msgspec.json.decode(self._raw[place])
            _keep(self._forms, place, canonical(prepare(schema)) if isinstance(schema, dict) else None)
        return self._forms[place]

    def _new(self, outline: Outline, skill: int) -> int:
        place = self._place_of[outline.digest] = len(self._raw)
        self._raw.append(outline.raw)
        self._holders.append(skill)
        self._there.append(1)
        self._types.append(outline.types)
        self._flags.append(_CLOSED * outline.closed | _PLAIN * outline.plain | _OPEN * outline.open)
        self._required_count.append(min(len(outline.required), 65_535))
        self._known_count.append(min(len(outline.properties), 65_535))
        self._number.append(int.from_bytes(outline.digest[:5], "big"))
        for name in outline.required:
            places = self._required.get(name)
            if places is None:
                places = self._required[name] = array("I")
            places.append(place)
        for name, types, sure in outline.properties:
            by_mark = self._declared.setdefault(name, {})
            places = by_mark.get(types << 2 | sure)
            if places is None:
                places = by_mark[types << 2 | sure] = array("I")
            places.append(place)
        if outline.constants is not None:
            self._constants[place] = outline.constants
        return place

    def _existing(self) -> Any:
        return np.frombuffer(bytes(self._there), np.uint8) != 0

    def _admitting(self, value: Any, *, is_lenient: bool) -> Any:
        """Return, by place, whether nothing speaks against a value."""
        chosen = self._existing() & (np.frombuffer(self._types, np.uint8) & bit_of(value) != 0)
        if not isinstance(value, dict):
            return chosen
        met, known = np.zeros(len(self._raw), np.uint16), np.zeros(len(self._raw), np.uint16)
        wrong = np.zeros(len(self._raw), np.bool_)
        for name, part in value.items():
            met[_view(self._required.get(name))] += 1
            bit = bit_of(part)
            for mark, places in self._declared.get(name, {}).items():
                known[_view(places)] += 1
                if not mark >> 2 & bit:
                    wrong[_view(places)] = True
        chosen &= (met == np.frombuffer(self._required_count, np.uint16)) & ~wrong
        if not is_lenient:
            closed = np.frombuffer(self._flags, np.uint8) & _CLOSED != 0
            chosen &= ~closed | (known >= len(value))
        return chosen

    def _ordered(self, chosen: Any, keys: frozenset[str]) -> Iterator[int]:
        """Yield places: those that know most of the keys first, of these those that know least besides."""
        known = np.zeros(len(self._raw), np.uint64)
        for name in keys:
            for places in self._declared.get(name, {}).values():
                known[_view(places)] += np.uint64(1)
        left = np.flatnonzero(chosen)
        besides = np.frombuffer(self._known_count, np.uint16)[left].astype(np.uint64)
        numbers = np.frombuffer(self._number, np.uint64)[left]
        most = np.minimum(known[left], np.uint64(255))
        rank = (
            (np.uint64(255) - most) << np.uint64(56) | np.minimum(besides, np.uint64(65_535)) << np.uint64(40) | numbers
        )
        return _sorted(left, rank)

    def _has_constants(self, place: int, value: Any) -> bool:
        constants = self._constants.get(place)
        if constants is None or not isinstance(value, dict):
            return True
        return all(
            value[name] in values
            for name, values in constants.items()
            if name in value and isinstance(value[name], SCALARS)
        )


@dataclass
class Budget:
    """How many more schemas may be asked for one question."""

    left: int = CHECKS

    def spend(self) -> bool:
        """Whether another may be asked."""
        self.left -= 1
        return self.left >= 0


def _sorted(places: Any, rank: Any) -> Iterator[int]:
    """Yield places by rank; most askers stop soon, so not all are sorted at first."""
    size = _AT_ONCE
    while len(places) > size:
        split = np.argpartition(rank, size)
        first, rest = split[:size], split[size:]
        yield from places[first][np.argsort(rank[first])].tolist()
        places, rank, size = places[rest], rank[rest], size * 8
    yield from places[np.argsort(rank)].tolist()


def _view(places: "array[int] | None") -> Any:
    return _NOWHERE if places is None else np.frombuffer(places, np.uint32)


_NOWHERE = np.zeros(0, np.uint32)


def _keep(cache: "OrderedDict[int, Any]", place: int, value: Any) -> None:
    cache[place] = value
    if len(cache) > _COMPILED:
        cache.popitem(last=False)
