"""What can be read off a schema at once, without asking the schema itself.

Two kinds of things: what each value that fits must be like (then a value that
is not so need not be asked about), and what some value that fits surely is
like (then the schema is surely not within one that refuses such values).
What is not understood demands nothing and promises nothing.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

NULL, BOOLEAN, INTEGER, NUMBER, STRING, ARRAY, OBJECT = (1 << place for place in range(7))
ANY = 127
FINITE = NULL | BOOLEAN
_BITS = {
    "null": NULL, "boolean": BOOLEAN, "integer": INTEGER, "number": NUMBER | INTEGER, "string": STRING, "array": ARRAY,
    "object": OBJECT,
}  # fmt: skip
SCALARS = (str, bool, int, float, type(None))
_BIT_OF = {type(None): NULL, bool: BOOLEAN, int: INTEGER, str: STRING, list: ARRAY, dict: OBJECT}
MAY, HAS, EXACTLY = 0, 1, 2
"""Of a property's types: it has no others; some value is of one of them; and for each of them there is one."""
_WORDS = frozenset(
    ("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$schema", "$id")
)
_PLAIN = _WORDS | {"type", "properties", "required", "additionalProperties", "$defs", "definitions"}


class _Part(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A property that says its type and nothing else that a value must be like."""

    type: str
    title: msgspec.Raw = msgspec.Raw()
    description: msgspec.Raw = msgspec.Raw()
    default: msgspec.Raw = msgspec.Raw()
    examples: msgspec.Raw = msgspec.Raw()


class _Simple(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The commonest of all schemas, which is read off in a tenth of the time: an object of such properties."""

    type: str
    properties: dict[str, _Part]
    required: list[str] = []
    additional: bool | None = msgspec.field(default=None, name="additionalProperties")
    title: msgspec.Raw = msgspec.Raw()
    description: msgspec.Raw = msgspec.Raw()
    dialect: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="$schema")


_SIMPLE = msgspec.json.Decoder(_Simple)
_MAX_HOPS = 8
_DEEP = 5


class Outline(msgspec.Struct, frozen=True, gc=False):
    """A schema, and what was read off it."""

    digest: bytes
    raw: bytes
    types: int
    required: tuple[str, ...]
    closed: bool
    """No properties but the declared."""
    properties: tuple[tuple[str, int, int], ...]
    """(name, types, MAY | HAS | EXACTLY): the declared ones, then the required ones besides."""
    constants: dict[str, frozenset[Any]] | None
    """Property to the plain values it may have."""
    plain: bool
    """All it demands is here, and some object fits it (where objects may)."""
    open: bool
    """Plain, and it lets in whatever is not declared."""


def outline_of(schema: Any) -> Outline:
    """Read a schema."""
    return outline_of_text(msgspec.json.encode(schema, order="sorted"))


@lru_cache(maxsize=8192)
def outline_of_text(raw: bytes) -> Outline:
    """Read a schema that is JSON text; most are declared by many skills."""
    try:
        return _simple(raw, _SIMPLE.decode(raw))
    except (msgspec.ValidationError, KeyError):
        return _any(raw, msgspec.json.decode(raw))


def _simple(raw: bytes, found: _Simple) -> Outline:
    if found.type != "object":
        raise KeyError(found.type)
    declared, required = found.properties, found.required
    plain = not required or all(key in declared for key in required)
    if not plain or (len(required) > 1 and len(set(required)) < len(required)):
        raise KeyError
    sure = tuple([(key, _BITS[part.type], EXACTLY) for key, part in declared.items()])
    further = found.additional
    is_open = further is True or (not declared and further is None)
    return Outline(digest_of(raw), raw, OBJECT, tuple(required), further is False, sure, None, plain=True, open=is_open)


def _any(raw: bytes, schema: Any) -> Outline:
    digest = digest_of(raw)
    root = resolved(schema, schema)
    if not isinstance(root, dict):
        return Outline(digest, raw, ANY, (), False, (), None, plain=False, open=False)
    declared = _dict(root.get("properties"))
    required = tuple(dict.fromkeys(key for key in _list(root.get("required")) if isinstance(key, str)))
    plain = _is_plain(root, declared, required, schema)
    properties: list[tuple[str, int, int]] = []
    constants: dict[str, frozenset[Any]] = {}
    for key, part in declared.items():
        mask, trust, values = _property(part, schema)
        properties.append((key, mask, trust if plain else MAY))
        if values is not None:
            constants[key] = values
    properties += [(key, ANY, MAY) for key in required if key not in declared]
    further = root.get("additionalProperties")
    is_closed = further is False and not root.get("patternProperties") and "$ref" not in root
    return Outline(
        digest, raw, types_of(root), required, is_closed, tuple(properties), constants or None, plain=plain,
        open=plain and further is not False and (further is True or further == {} or not declared),
    )  # fmt: skip


def digest_of(raw: bytes) -> bytes:
    """Return what tells one schema's text from another's."""
    return blake2b(raw, digest_size=16).digest()


def bit_of(value: Any) -> int:
    """Return the type of a value."""
    if type(value) is float:
        return INTEGER if value.is_integer() else NUMBER
    return _BIT_OF.get(type(value), OBJECT)


def types_of(part: Any) -> int:
    """Return the types that a schema's own `type` lets in."""
    kinds = part.get("type") if isinstance(part, dict) else None
    if isinstance(kinds, str):
        return _BITS.get(kinds, ANY)
    if isinstance(kinds, list) and kinds and all(isinstance(kind, str) and kind in _BITS for kind in kinds):
        mask = 0
        for kind in kinds:
            mask |= _BITS[kind]
        return mask
    return ANY


def resolved(part: Any, root: Any) -> Any:
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


def constants_of(part: Any) -> frozenset[Any] | None:
    """Return the plain values that a schema names, if it names all there are."""
    if not isinstance(part, dict):
        return None
    values = [part["const"]] if "const" in part else part.get("enum")
    if not isinstance(values, list) or not all(isinstance(value, SCALARS) for value in values):
        return None
    return frozenset(values)


def _property(part: Any, root: Any) -> tuple[int, int, frozenset[Any] | None]:
    found = resolved(part, root)
    mask = types_of(found)
    if isinstance(found, dict) and (not found or found.keys() <= _WORDS | {"type"}):
        kinds = found.get("type", "string")
        is_known = kinds in _BITS if isinstance(kinds, str) else mask != ANY
        return mask, EXACTLY if is_known else MAY, None
    return mask, HAS if _has_value(found, root, _DEEP) else MAY, constants_of(found)


def _is_plain(root: dict[str, Any], declared: dict[str, Any], required: tuple[str, ...], schema: Any) -> bool:
    further = root.get("additionalProperties", True)
    return (
        root.keys() <= _PLAIN
        and ("type" not in root or types_of(root) != ANY)
        and isinstance(root.get("properties", {}), dict)
        and isinstance(root.get("required", []), list)
        and (isinstance(further, bool) or further == {})
        and (all(key in declared for key in required) if declared or further is False else True)
        and all(_has_value(resolved(declared[key], schema), schema, _DEEP) for key in required if key in declared)
    )


def _has_value(part: Any, root: Any, deep: int) -> bool:
    """Whether it is sure that something fits a schema; of a doubt, no."""
    if not isinstance(part, dict) or deep == 0:
        return part is True
    demands = part.keys() - _WORDS - {"format"}
    if demands in ({"$ref"}, {"anyOf"}):
        ways = _list(part["anyOf"]) if "anyOf" in part else [part]
        return any(_has_value(resolved(one, root), root, deep - 1) for one in ways)
    if demands <= {"type", "enum"} or demands <= {"type", "const"}:
        return _has_constant(part)
    kind = part.get("type")
    if kind == "object":
        return demands <= _PLAIN and _has_object(part, root, deep)
    if demands == {"type", "items"}:
        return kind == "array" and isinstance(part["items"], dict | bool)
    return (
        kind in ("string", "integer", "number")
        and demands <= {"type", "minLength", "minimum"}
        and all(type(part[key]) is int and part[key] >= 0 for key in demands - {"type"})
    )


def _has_constant(part: dict[str, Any]) -> bool:
    values = [part["const"]] if "const" in part else part.get("enum")
    if "type" in part and types_of(part) == ANY:
        return False
    if values is None:
        return True
    return isinstance(values, list) and any(bit_of(value) & types_of(part) for value in values)


def _has_object(part: dict[str, Any], root: Any, deep: int) -> bool:
    declared = _dict(part.get("properties"))
    return all(
        isinstance(key, str) and key in declared and _has_value(resolved(declared[key], root), root, deep - 1)
        for key in _list(part.get("required"))
    )


def _dict(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []
