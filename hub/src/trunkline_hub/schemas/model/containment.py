"""Does one schema admit every value that another admits? jsonschema-rs decides, on canonical forms; only its yes counts."""

from collections.abc import Callable
from typing import Any

import jsonschema_rs
from jsonschema_rs.canonical import Containment as Verdict
from jsonschema_rs.canonical import Satisfiability

from trunkline_hub.schemas.model.schema import children

_MAX_WEIGHT = 512
"""Alternatives of one question: deciding it may take time that grows with their product."""
_MAX_UNFOLDED = 10_000
"""Subschemas of one question with every reference replaced by what it names: canonical forms may do just that."""
_BUDGET = 20_000
"""Work of one comparison in all, in units of alternatives and of `_UNIT` subschemas."""
_UNIT = 50
_UNFOLDING = 4
"""What a `not` or a condition multiplies: it has to be turned round."""


class Containment:
    """Answers questions about two documents and fragments of them; gives up when they have cost too much."""

    def __init__(self, documents: list[tuple[str, Any]], target: Callable[[dict[str, Any]], Any]) -> None:
        self._registry = jsonschema_rs.Registry(
            [(uri, document) for uri, document in documents if isinstance(document, dict)],
            draft=jsonschema_rs.Draft202012,
        )
        self._target = target
        self._unfolded: dict[int, int] = {}
        self._left = _BUDGET
        self._canonical: dict[int, tuple[Any, Any, int]] = {}
        self._validators: dict[int, tuple[Any, Any]] = {}

    @property
    def is_exhausted(self) -> bool:
        return self._left <= 0

    def __call__(self, reader: Any, writer: Any) -> bool:
        """Whether it is proven that `reader` admits all that `writer` admits."""
        if writer is False or reader is True or reader == {} or reader is writer:
            return True
        sides = self._both(reader, writer)
        if sides is None:
            return False
        try:
            verdict: Verdict = sides[0].covers(sides[1])
        except ValueError:  # the canonical form cannot express the question
            return False
        return verdict == Verdict.YES

    def are_disjoint(self, one: Any, other: Any) -> bool:
        """Whether it is proven that no value fits both."""
        sides = self._both(one, other)
        if sides is None:
            return False
        try:
            found: Satisfiability = sides[0].intersect(sides[1]).satisfiability()
        except ValueError:
            return False
        return found == Satisfiability.NO

    def fits(self, schema: Any, value: Any) -> bool:
        """Whether `value` itself fits `schema`."""
        known = self._validators.get(id(schema))
        if known is None:
            validator = jsonschema_rs.Draft202012Validator(schema, registry=self._registry, validate_formats=True)
            known = self._validators[id(schema)] = (schema, validator)
        verdict: bool = known[1].is_valid(value)
        return verdict

    def _both(self, one: Any, other: Any) -> tuple[Any, Any] | None:
        if self.is_exhausted:
            return None
        first, second = self._form(one), self._form(other)
        return None if first is None or second is None else (first, second)

    def _form(self, schema: Any) -> Any:
        known = self._canonical.get(id(schema))
        if known is None:
            weight, size = _weight(schema), self._size(schema)
            if weight > _MAX_WEIGHT or size > _MAX_UNFOLDED:
                known = (schema, None, 1)
            else:
                known = (schema, self._canonicalize(schema), weight + size // _UNIT)
            self._canonical[id(schema)] = known
        self._left -= known[2]
        return known[1]

    def _canonicalize(self, schema: Any) -> Any:
        try:
            return jsonschema_rs.canonicalize(
                schema, draft=jsonschema_rs.Draft202012, validate_formats=True, registry=self._registry
            )
        except (ValueError, jsonschema_rs.ReferencingError):  # a pattern too large, a form that does not exist
            return None

    def _size(self, schema: Any) -> int:
        """Count the schemas in `schema`, those it refers to again each time; a recursion is entered once."""
        if not isinstance(schema, dict):
            return 1
        size = 1 + sum(self._size(child) for _keyword, _steps, child in children(schema))
        target = self._target(schema)
        if isinstance(target, dict):
            if id(target) not in self._unfolded:
                self._unfolded[id(target)] = 0
                self._unfolded[id(target)] = self._size(target)
            size += self._unfolded[id(target)]
        return size


def _weight(schema: Any) -> int:
    """Estimate how many alternatives a schema multiplies out to, where they rule one value."""
    if not isinstance(schema, dict):
        return 1
    product, inside = 1, 1
    sums = {"anyOf": 0, "oneOf": 0, "if": 0}
    for keyword, _steps, child in children(schema):
        weight = _weight(child)
        if keyword in {"anyOf", "oneOf"}:
            sums[keyword] += weight
        elif keyword in {"if", "then", "else"}:
            sums["if"] += weight
        elif keyword in {"allOf", "dependentSchemas"}:
            product *= weight
        elif keyword == "not":
            product *= weight * _UNFOLDING if weight > 1 else 1
        elif keyword not in {"$defs", "definitions"}:
            inside = max(inside, weight)
    for total in sums.values():
        product *= max(total, 1)
    return max(product, inside)
