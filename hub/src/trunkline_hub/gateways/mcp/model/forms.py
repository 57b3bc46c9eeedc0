"""Flat forms, which are all that MCP can ask a person with: of an answer, and of arguments that are missing. Pure."""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import msgspec

from trunkline.protocol.errors import FieldError, pointer
from trunkline_hub.core.retrieval import no_retrieval
from trunkline_hub.gateways.mcp.model.tools import Tool

ANSWER = "answer"
"""The one field of a form whose answer is no object."""
ASKED = "x-ask"
"""In the schema of a field of a skill's input: what to ask the caller's user where the field was left out."""
_PRIMITIVE = frozenset({"string", "number", "integer", "boolean"})
_KEPT = frozenset({
    "type", "title", "description", "default", "enum", "enumNames", "format", "minLength", "maxLength", "minimum",
    "maximum",
})  # fmt: skip


def fields_of(tool: Tool) -> dict[str, Mapping[str, Any]]:
    """Return the schemas of a tool's arguments, as far as they can be read."""
    found = tool.input_schema.get("properties")
    return {name: one for name, one in found.items() if isinstance(one, Mapping)} if isinstance(found, Mapping) else {}


def required_of(tool: Tool) -> list[Any]:
    """Return the names of the arguments that must be there."""
    found = tool.input_schema.get("required")
    return found if isinstance(found, list) else []


def missing_form(tool: Tool, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return (question, form) for the arguments that were left out and may be asked for, or None."""
    fields: dict[str, dict[str, Any]] = {}
    questions: list[str] = []
    for name, schema in fields_of(tool).items():
        question = schema.get(ASKED)
        field = field_of(resolved(schema, tool.input_schema)) if question and name not in arguments else None
        if field is not None:
            fields[name] = {"title": str(question)} | field
            questions.append(str(question))
    if not fields:
        return None
    required = [name for name in fields if name in required_of(tool)]
    form = {"type": "object", "properties": fields} | ({"required": required} if required else {})
    return " ".join(questions), form


def form_of(schema: Any, *, is_text: bool) -> tuple[dict[str, Any], bool]:
    """Return a flat form for an answer of this schema, and whether the answer is one field of it."""
    found = resolved(schema)
    if not is_text and found is None:
        return {"type": "object", "properties": {}}, False
    if found is not None and found.get("type") == "object" and isinstance(found.get("properties"), Mapping):
        fields = {name: field_of(resolved(one, schema)) for name, one in found["properties"].items()}
        if all(fields.values()):
            form: dict[str, Any] = {"type": "object", "properties": fields}
            return form | ({"required": list(found["required"])} if found.get("required") else {}), False
    field = field_of(found) or {"type": "string"}
    return {"type": "object", "properties": {ANSWER: field}, "required": [ANSWER]}, True


def resolved(schema: Any, root: Any = None) -> Mapping[str, Any] | None:
    if not isinstance(schema, Mapping):
        return None
    target = str(schema.get("$ref", ""))
    if not target.startswith("#/$defs/"):
        return schema
    definitions = (root if root is not None else schema).get("$defs", {})
    found = definitions.get(target.removeprefix("#/$defs/")) if isinstance(definitions, Mapping) else None
    return found if isinstance(found, Mapping) else None


def field_of(schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if schema is None or schema.get("type") not in _PRIMITIVE:
        return None
    return {key: value for key, value in schema.items() if key in _KEPT}


def misfits(schema: Mapping[str, Any], answer: Any) -> list[FieldError]:
    """Return what is wrong with an answer; a schema that is none, or that lies elsewhere, is fitted by everything."""
    try:
        validator = jsonschema_rs.validator_for(dict(schema), retriever=no_retrieval)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        return []
    return [FieldError(pointer(error.instance_path), error.message) for error in validator.iter_errors(answer)]


def typed(schema: Any, answer: Any) -> Any:
    """Read a text as what its field takes: people answer in words."""
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    if not isinstance(answer, str) or kind in {None, "string"}:
        return answer
    try:
        return msgspec.json.decode(answer.strip().lower() if kind == "boolean" else answer.strip())
    except msgspec.DecodeError:
        return answer
