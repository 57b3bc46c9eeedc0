"""Why a value that one schema lets be written may not be read by another: one sentence each."""

from typing import Any

_SHOWN = 5
_BOUNDS = {
    "minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than", "exclusiveMaximum": "less than",
    "minLength": "at least that many characters:", "maxLength": "at most that many characters:",
    "minItems": "at least that many items:", "maxItems": "at most that many items:",
    "minProperties": "at least that many properties:", "maxProperties": "at most that many properties:",
    "multipleOf": "a multiple of",
}  # fmt: skip


def required(name: str) -> str:
    return f"{name!r} is required here, but may be absent from what the other schema admits"


def undeclared(name: str) -> str:
    return f"{name!r} may be written by the other schema, but does not fit here: it is not declared"


def extra_pattern(pattern: str) -> str:
    return f"properties that match {pattern!r} may be written by the other schema, but do not fit here"


def extra_any() -> str:
    return "the other schema lets further properties be written, with values that do not fit here"


def pattern_properties(pattern: str) -> str:
    return f"it cannot be proven that properties matching {pattern!r} always fit"


def alternatives(keyword: str) -> str:
    if keyword == "oneOf":
        return "it cannot be proven that exactly one alternative fits everything the other schema admits"
    return "none of the alternatives is proven to fit everything the other schema admits"


def keyword(name: str, value: Any, writer: list[Any]) -> str:
    """Say why the reader's keyword may be broken by what the writer's parts admit."""
    given = [part[name] for part in writer if name in part]
    if name == "type":
        wanted, other = _kinds(value), _kinds(given[0]) if given else "any type"
        return f"takes {wanted} only, while the other schema admits {other}"
    if name in {"enum", "const"}:
        return _values(value if name == "enum" else [value], writer)
    if name in _BOUNDS:
        said = f"; there it is {given[0]}" if given else "; there nothing is said about it"
        return f"must be {_BOUNDS[name]} {value}, which the other schema does not ensure{said}"
    if name == "format":
        return f"must be a {value!r}, which the other schema does not ensure"
    return f"it cannot be proven that {name!r} holds for everything the other schema admits"


def _kinds(value: Any) -> str:
    return " or ".join(value) if isinstance(value, list) else str(value)


def _values(wanted: list[Any], writer: list[Any]) -> str:
    for part in writer:
        given = part.get("enum", [part["const"]] if "const" in part else None)
        if given is not None:
            missing = [one for one in given if one not in wanted]
            if missing:
                more = " …" if len(missing) > _SHOWN else ""
                return f"does not take {', '.join(map(repr, missing[:_SHOWN]))}{more}, which the other schema admits"
    return "takes only the listed values, while the other schema admits others"
