"""Lenient reading: properties that a schema says nothing about are neither sent nor minded.

Almost every schema leaves its objects open by saying nothing. Taken at its
word, adding an optional property to such a schema breaks it: an old message
might have carried anything under that name. Read leniently, it does not.
"""

from collections.abc import Iterator
from typing import Any

from trunkline_hub.schemas.model.schema import children, rebuilt, resolve

_BRANCHES = ("allOf", "anyOf", "oneOf", "dependentSchemas")
_IN_PLACE = frozenset((*_BRANCHES, "then", "else", "if"))
_CLOSERS = ("additionalProperties", "unevaluatedProperties")
_LEFT_ALONE = frozenset(("not", "if", "contains"))
"""Narrowing what stands in these would widen what the whole admits, and the other way round."""


def as_read(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema as a lenient reader applies it: undeclared properties are not minded.

    The alternatives of a `oneOf` stay closed: opened, two of them might fit at once.
    """
    kept: set[int] = set()
    for alternative in _alternatives(schema):
        _keep(alternative, schema, kept)

    def opened(part: Any) -> Any:
        if not isinstance(part, dict) or id(part) in kept:
            return part
        bare = {key: value for key, value in part.items() if not (key in _CLOSERS and value is False)}
        return rebuilt(bare, lambda keyword, sub: sub if keyword in _LEFT_ALONE else opened(sub))

    result: dict[str, Any] = opened(schema)
    return result


def as_written(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema as lenient writers use it: objects hold declared properties only.

    An object that declares none is a free map and stays so; one that says
    something about further properties is taken at its word.
    """
    result: dict[str, Any] = _written(schema, schema, is_place=True)
    return result


def _alternatives(schema: Any) -> Iterator[Any]:
    for keyword, _steps, child in children(schema):
        if keyword == "oneOf":
            yield child
        yield from _alternatives(child)


def _keep(schema: Any, root: Any, kept: set[int]) -> None:
    if not isinstance(schema, dict) or id(schema) in kept:
        return
    kept.add(id(schema))
    _keep(_target(schema, root), root, kept)
    for _keyword, _steps, child in children(schema):
        _keep(child, root, kept)


def _written(schema: Any, root: Any, *, is_place: bool) -> Any:
    """`is_place`: this schema alone rules a value, rather than being one branch among others of another."""
    if not isinstance(schema, dict):
        return schema

    def change(keyword: str, sub: Any) -> Any:
        if keyword in _LEFT_ALONE:
            return sub
        return _written(sub, root, is_place=keyword not in _IN_PLACE | {"$defs", "definitions"})

    written = rebuilt(schema, change)
    if is_place:
        found = _Declared()
        found.gather(schema, root)
        if found.names and not found.is_open:
            _close(written, found.names, found.patterns)
    return written


class _Declared:
    """Property names that a schema and its branches declare, and whether one of them lets in others."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.patterns: set[str] = set()
        self.is_open = False
        self._seen: set[int] = set()

    def gather(self, schema: Any, root: Any) -> None:
        if not isinstance(schema, dict) or id(schema) in self._seen:
            return
        self._seen.add(id(schema))
        self.names.update(schema.get("properties", {}))
        self.patterns.update(schema.get("patternProperties", {}))
        self.is_open |= any(schema.get(keyword, False) is not False for keyword in _CLOSERS)
        for keyword, _steps, child in children(schema):
            if keyword in _IN_PLACE:
                self.is_open |= keyword in {"anyOf", "oneOf"} and _is_free_map(child)
                self.gather(child, root)
        self.gather(_target(schema, root), root)


def _is_free_map(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "object" and not schema.get("properties")


def _target(schema: dict[str, Any], root: Any) -> Any:
    reference = schema.get("$ref", "")
    return resolve(root, reference[1:]) if reference.startswith("#") else None


def _close(written: dict[str, Any], names: set[str], patterns: set[str]) -> None:
    known: list[Any] = [{"enum": sorted(names)}, *({"pattern": pattern} for pattern in sorted(patterns))]
    only: Any = known[0] if len(known) == 1 else {"anyOf": known}
    present = written.get("propertyNames")
    written["propertyNames"] = only if present is None else {"allOf": [present, only]}
