"""A JSON Schema 2020-12 as a document: is it one, is it bounded, which schemas are in it, what is its fingerprint."""

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from trunkline.protocol.errors import FieldError, SchemaInvalidError, pointer
from trunkline_hub.core.retrieval import no_retrieval

Schema = dict[str, Any] | bool
Step = str | int

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ONE = frozenset(
    ("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
     "unevaluatedItems", "unevaluatedProperties")
)  # fmt: skip
_MANY = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_NAMED = frozenset(("$defs", "definitions", "dependentSchemas", "patternProperties", "properties"))
_MAX_PROBLEMS = 20
_BACKTRACKS = 100_000

Rebuild = Callable[[str, Any], Any]
"""(keyword, subschema) → the subschema to put in its place."""


def check_schema(schema: Any, where: str = "/schema") -> None:
    """Refuse what is no JSON Schema 2020-12, is too large, or refers to anything outside of itself.

    Raises:
        SchemaInvalidError: with a pointer for each thing that is wrong.
    """
    if not isinstance(schema, dict):
        raise _invalid(where, "must be an object")
    if schema.get("$schema", _DIALECT) not in (_DIALECT, _DIALECT + "#"):  # noqa: PLR6201 -- it may be unhashable
        raise _invalid(f"{where}/$schema", f"must be {_DIALECT} or left out")
    if _too_deep(schema):
        raise _invalid(where, f"must not be nested deeper than {MAX_DEPTH}")
    if len(canonical_text(schema)) > MAX_BYTES:
        raise _invalid(where, f"must not be larger than {MAX_BYTES} bytes")
    problems = [
        FieldError(where + pointer(error.instance_path), error.message) for error in _meta().iter_errors(schema)
    ]
    if problems:
        raise SchemaInvalidError(errors=problems[:_MAX_PROBLEMS])
    problems = [FieldError(where + at, detail) for at, detail in _foreign(schema)]
    if problems:
        raise SchemaInvalidError(errors=problems[:_MAX_PROBLEMS])
    compiled(schema, where)


def compiled(schema: Any, where: str = "/schema") -> jsonschema_rs.Draft202012Validator:
    """Return the validator of a schema; `format` is asserted, patterns cannot run away.

    Raises:
        SchemaInvalidError: a reference leads nowhere, or a pattern is not one.
    """
    try:
        return jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            retriever=no_retrieval,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
        )
    except jsonschema_rs.ValidationError as error:
        raise _invalid(where + pointer(error.instance_path), error.message) from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise _invalid(where, str(error)) from None


def canonical_text(schema: Any) -> str:
    """Return the one text that equal schemas share: sorted keys, no white space, one form for each number."""
    text: str = jsonschema_rs.canonical.json.to_string(schema)
    return text


def fingerprint(schema: Any) -> str:
    """Return the SHA-256 of the canonical text."""
    return hashlib.sha256(canonical_text(schema).encode()).hexdigest()


def children(schema: Any) -> Iterator[tuple[str, tuple[Step, ...], Any]]:
    """Yield (keyword, steps, subschema) for each schema directly inside `schema`."""
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        if keyword in _ONE:
            yield keyword, (keyword,), value
        elif keyword in _MANY and isinstance(value, list):
            for index, one in enumerate(value):
                yield keyword, (keyword, index), one
        elif keyword in _NAMED and isinstance(value, dict):
            for name, one in value.items():
                yield keyword, (keyword, name), one


def rebuilt(schema: dict[str, Any], change: Rebuild) -> dict[str, Any]:
    """Return a copy whose direct subschemas went through `change`."""
    copy = dict(schema)
    for keyword, value in schema.items():
        if keyword in _ONE:
            copy[keyword] = change(keyword, value)
        elif keyword in _MANY and isinstance(value, list):
            copy[keyword] = [change(keyword, one) for one in value]
        elif keyword in _NAMED and isinstance(value, dict):
            copy[keyword] = {name: change(keyword, one) for name, one in value.items()}
    return copy


def resolve(root: Any, fragment: str) -> Any:
    """Return what the JSON pointer `fragment` (without `#`) names inside `root`; None when nothing is there."""
    found = root
    if fragment and not fragment.startswith("/"):
        return None
    for raw in fragment.split("/")[1:]:
        step = unquote(raw).replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


@cache
def _meta() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": _DIALECT})


def _foreign(schema: Any, at: tuple[Step, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(schema, dict):
        reference = schema.get("$ref", schema.get("$dynamicRef", "#"))
        if isinstance(reference, str) and not reference.startswith("#"):
            yield pointer((*at, "$ref")), "must point into the schema itself: '#/…'"
        if at and "$id" in schema:
            yield pointer((*at, "$id")), "may stand at the root only"
    for _keyword, steps, child in children(schema):
        yield from _foreign(child, (*at, *steps))


def _too_deep(value: Any) -> bool:
    """Whether a document is nested deeper than allowed; looks level by level, so that no depth can exhaust the stack."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _invalid(where: str, detail: str) -> SchemaInvalidError:
    return SchemaInvalidError(errors=[FieldError(where, detail)])
