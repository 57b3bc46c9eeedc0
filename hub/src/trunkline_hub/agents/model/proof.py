"""Whether a value fits a schema, and whether one schema provably takes all that another gives."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import msgspec
from jsonschema_rs.canonical import Containment as Verdict

from trunkline_hub.core.retrieval import no_retrieval

_MAX_CANONICAL_BYTES = 32_768
_DEEP = 6
_MOST_WITNESSES = 12
_OF_TYPE: Mapping[str, Any] = {
    "null": None, "boolean": True, "integer": 7, "number": 7.5, "string": "text", "array": [], "object": {},
}  # fmt: skip


class _Nothing:
    """In place of a validator, where the schema is none."""

    def is_valid(self, _value: Any) -> bool:
        return False


NOTHING = _Nothing()


def compiled(schema: Any) -> Any:
    """Return what tells whether a value fits; nothing fits what is no valid schema."""
    try:
        return jsonschema_rs.validator_for(schema, retriever=no_retrieval)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        return NOTHING


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


def witnesses(schema: dict[str, Any]) -> list[Any]:
    """Return some values that are sure to fit a schema: what takes all that fits takes these too."""
    judge = compiled(schema)
    found: list[Any] = []
    for value in _guesses(schema, schema, _DEEP):
        if value not in found and judge.is_valid(value):
            found.append(value)
        if len(found) >= _MOST_WITNESSES:
            break
    return found


def _guesses(part: Any, root: Any, deep: int) -> Iterator[Any]:
    """Yield values that might fit, the likeliest first."""
    if deep == 0 or not isinstance(part, dict):
        yield "text"
        return
    if "const" in part:
        yield part["const"]
    for key in ("enum", "examples"):
        yield from part[key] if isinstance(part.get(key), list) else ()
    if isinstance(part.get("$ref"), str):
        yield from _guesses(_target(part["$ref"], root), root, deep - 1)
    for branch in (*_list(part.get("anyOf")), *_list(part.get("oneOf"))):
        yield from _guesses(branch, root, deep - 1)
    kinds = part.get(
        "type", ["object"] if "properties" in part or "required" in part or "allOf" in part else [*_OF_TYPE]
    )
    for kind in [kinds] if isinstance(kinds, str) else _list(kinds):
        yield from _of_kind(kind, part, root, deep)


def _of_kind(kind: Any, part: dict[str, Any], root: Any, deep: int) -> Iterator[Any]:
    if kind in ("integer", "number"):
        for key in ("minimum", "maximum"):
            if isinstance(part.get(key), int | float):
                yield part[key]
    if kind == "string" and isinstance(part.get("minLength"), int):
        yield "x" * min(part["minLength"], 64)
    if kind != "object":
        if isinstance(kind, str) and kind in _OF_TYPE:
            yield _OF_TYPE[kind]
        return
    properties, required = _declared(part, root, deep)
    first = {key: next(_guesses(one, root, deep - 1)) for key, one in properties.items()}
    yield {key: first.get(key, "text") for key in required}
    yield first
    for key, one in properties.items():
        for value in _guesses(one, root, deep - 1):
            if value != first[key]:
                yield {**first, key: value}
                break


def _declared(part: dict[str, Any], root: Any, deep: int) -> tuple[dict[str, Any], list[str]]:
    """Return the properties and requirements of a schema and of what it adds up from."""
    properties = dict(part["properties"]) if isinstance(part.get("properties"), dict) else {}
    required = [key for key in _list(part.get("required")) if isinstance(key, str)]
    for branch in _list(part.get("allOf")) if deep else ():
        whole = (
            _target(branch["$ref"], root)
            if isinstance(branch, dict) and isinstance(branch.get("$ref"), str)
            else branch
        )
        if isinstance(whole, dict):
            more, needed = _declared(whole, root, deep - 1)
            properties, required = {**more, **properties}, [*required, *needed]
    return properties, required


def _target(reference: str, root: Any) -> Any:
    found: Any = root if reference.startswith("#") else None
    for step in reference[2:].split("/") if reference.startswith("#/") else ():
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []
