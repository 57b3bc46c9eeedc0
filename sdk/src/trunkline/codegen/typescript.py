"""TypeScript types from a JSON Schema. What a type can say is said; bounds and formats stand in the comment.

What changes the shape and has no type in TypeScript (`not`, conditions,
dynamic references) is refused with its place, not left out in silence.
"""

import json
import re
from typing import Any
from urllib.parse import unquote

from trunkline.codegen.source import Source, pascal
from trunkline.protocol.errors import FieldError, SchemaUnsupportedError, pointer

_SIMPLE = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}
_REFUSED = ("not", "if", "dependentSchemas", "$dynamicRef")
_TOLD = (
    "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
)  # fmt: skip
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_INDENT = "  "

Steps = tuple[str | int, ...]


def write(source: Source) -> str:
    """Return the module of one event type.

    Raises:
        SchemaUnsupportedError: with a pointer to each thing that cannot be said.
    """
    writer = _Writer(source)
    parts = [f"// {line}" for line in source.header]
    parts += ["", writer.declaration(writer.root, source.schema, ())]
    while writer.waiting:
        fragment = writer.waiting.pop(0)
        target, steps = writer.resolve(fragment)
        parts += ["", writer.declaration(writer.names[fragment], target, steps)]
    if writer.problems:
        raise SchemaUnsupportedError(f"{source.name!r} cannot be written for typescript", errors=writer.problems)
    return "\n".join(parts) + "\n"


class _Writer:
    def __init__(self, source: Source) -> None:
        self.root = pascal(source.name)
        self.names: dict[str, str] = {"": self.root}
        """Name of the type for each place that something refers to."""
        self.waiting: list[str] = []
        self.problems: list[FieldError] = []
        self._schema = source.schema

    def declaration(self, name: str, schema: Any, at: Steps) -> str:
        comment = _comment(schema, "")
        return f"{comment}export type {name} = {self._type(schema, at, '')};"

    def resolve(self, fragment: str) -> tuple[Any, Steps]:
        """Return what a reference names, and where that is; True where there is nothing."""
        steps = tuple(unquote(step).replace("~1", "/").replace("~0", "~") for step in fragment.split("/")[1:])
        found: Any = self._schema
        for step in steps:
            if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            elif isinstance(found, dict) and step in found:
                found = found[step]
            else:
                self._refuse((*steps,), "nothing is there to refer to")
                return True, steps
        return found, steps

    def _type(self, schema: Any, at: Steps, indent: str) -> str:
        if schema is False:
            return "never"
        if not isinstance(schema, dict):
            return "unknown"
        for keyword in _REFUSED:
            if keyword in schema:
                self._refuse((*at, keyword), f"TypeScript has no type for {keyword!r}")
        parts: list[str] = []
        if "$ref" in schema:
            parts.append(self._named(schema["$ref"], at))
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                branches = [self._type(one, (*at, keyword, i), indent) for i, one in enumerate(schema[keyword])]
                parts.append(_union(branches))
        parts += [self._type(one, (*at, "allOf", i), indent) for i, one in enumerate(schema.get("allOf", []))]
        own = self._own(schema, at, indent)
        parts = ([own] if own is not None else []) + [part for part in parts if part != "unknown"]
        unique = list(dict.fromkeys(parts))
        if not unique:
            return "unknown"
        return unique[0] if len(unique) == 1 else " & ".join(f"({p})" if " | " in p else p for p in unique)

    def _own(self, schema: dict[str, Any], at: Steps, indent: str) -> str | None:
        """Return what a schema says by itself, without what it is composed of."""
        if "const" in schema:
            return _literal(schema["const"])
        if "enum" in schema:
            return _union([_literal(value) for value in schema["enum"]])
        kinds = schema.get("type", self._implied(schema))
        if kinds is None:
            return None
        found = []
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            if kind == "object":
                found.append(self._object(schema, at, indent))
            elif kind == "array":
                found.append(self._array(schema, at, indent))
            else:
                found.append(_SIMPLE[kind])
        return _union(found)

    def _implied(self, schema: dict[str, Any]) -> str | None:
        """Return the kind that a schema without `type` plainly speaks of."""
        if {"properties", "additionalProperties", "patternProperties", "required"} & set(schema):
            return "object"
        return "array" if {"items", "prefixItems"} & set(schema) else None

    def _object(self, schema: dict[str, Any], at: Steps, indent: str) -> str:
        inner = indent + _INDENT
        required = set(schema.get("required", []))
        named = schema.get("properties", {})
        lines, types = [], []
        for name, one in named.items():
            kind = self._type(one, (*at, "properties", name), inner)
            types.append(kind if name in required else f"{kind} | undefined")
            mark = "" if name in required else "?"
            lines.append(f"{_comment(one, inner)}{inner}{_key(name)}{mark}: {kind};")
        lines += [f"{inner}{_key(name)}: unknown;" for name in sorted(required - set(named))]
        types += ["unknown"] if required - set(named) else []
        others = [
            self._type(one, (*at, "patternProperties", p), inner)
            for p, one in schema.get("patternProperties", {}).items()
        ]
        rest = schema.get("additionalProperties")
        if rest is not None and rest is not False and (rest is not True or not lines):
            others.append(self._type(rest, (*at, "additionalProperties"), inner))
        if others or not (lines or rest is False):
            lines.append(f"{inner}[key: string]: {_union([*(others or ['unknown']), *types])};")
        return "{\n" + "\n".join(lines) + f"\n{indent}}}" if lines else "Record<string, never>"

    def _array(self, schema: dict[str, Any], at: Steps, indent: str) -> str:
        items = schema.get("items", True)
        rest = self._type(items, (*at, "items"), indent)
        head = schema.get("prefixItems", [])
        if not head:
            return f"{_grouped(rest)}[]"
        sure = schema.get("minItems", 0)
        parts = [self._type(one, (*at, "prefixItems", i), indent) for i, one in enumerate(head)]
        parts = [part if index < sure else f"{_grouped(part)}?" for index, part in enumerate(parts)]
        if items is not False and schema.get("maxItems", len(head) + 1) > len(head):
            parts.append(f"...{_grouped(rest)}[]")
        return f"[{', '.join(parts)}]"

    def _named(self, reference: str, at: Steps) -> str:
        fragment = reference.removeprefix("#")
        if not reference.startswith("#") or (fragment and not fragment.startswith("/")):
            self._refuse((*at, "$ref"), "only references of the form '#/…' can be followed")
            return "unknown"
        if fragment not in self.names:
            wanted = pascal(unquote(fragment.rpartition("/")[2]))
            name, again = wanted, 2
            while name in self.names.values():
                name, again = f"{wanted}{again}", again + 1
            self.names[fragment] = name
            self.waiting.append(fragment)
        return self.names[fragment]

    def _refuse(self, at: Steps, detail: str) -> None:
        self.problems.append(FieldError(pointer(at), detail))


def _union(types: list[str]) -> str:
    parts = list(dict.fromkeys(types))
    if "unknown" in parts:
        return "unknown"
    return " | ".join(parts) or "never"


def _grouped(kind: str) -> str:
    return f"({kind})" if " | " in kind or " & " in kind else kind


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_literal(one) for one in value)}]"
    if isinstance(value, dict):
        return "{ " + "; ".join(f"{_key(name)}: {_literal(one)}" for name, one in value.items()) + " }"
    return json.dumps(value)


def _key(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else json.dumps(name)


def _comment(schema: Any, indent: str) -> str:
    """Return the words about a schema, and what its type cannot say, as a comment of its own lines."""
    if not isinstance(schema, dict):
        return ""
    lines = str(schema.get("description") or schema.get("title") or "").splitlines()
    lines += [f"@{keyword} {json.dumps(schema[keyword])}" for keyword in _TOLD if keyword in schema]
    lines += ["@deprecated"] if schema.get("deprecated") is True else []
    if not lines:
        return ""
    safe = [line.replace("*/", "*\\/").rstrip() for line in lines]
    if len(safe) == 1:
        return f"{indent}/** {safe[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in safe) + f"{indent} */\n"
