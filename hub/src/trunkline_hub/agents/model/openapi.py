"""An OpenAPI document (3.0, 3.1, 3.2) as an agent: its operations are skills. Pure.

The input is one object: each parameter by its name, the request's body as
`body`. Schemas are made to stand alone: what they refer to comes along as `$defs`.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.frames import Interface, Registration, Skill

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_SAFE = frozenset({"get", "head", "options", "trace", "query", "put", "delete"})
"""Methods that HTTP itself calls idempotent."""
_JSON = re.compile(r"application/(?:.+\+)?json")
_NOT_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_COMPONENTS = "#/components/schemas/"
_NAME_CHARS = 120
_WORDS_CHARS = 255
_VERSION_CHARS = 63
_MAX_DEPTH = 60
_MAX_SCHEMA_BYTES = 256 * 1024
_MAX_DEFINITIONS = 500
_MAX_TAGS = 64


def registration_of(document: dict[str, Any]) -> tuple[Registration, list[str]]:
    """Return the agent that a document describes, and what of it was left out.

    Raises:
        RequestInvalidError: it is not an OpenAPI 3 document, or describes no operation.
    """
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith("3."):
        raise RequestInvalidError(errors=[FieldError("/document/openapi", "an OpenAPI document of version 3")])
    info = _dict(document.get("info"))
    skipped: list[str] = []
    skills: dict[str, Skill] = {}
    for path, method, operation, shared in _operations(document):
        try:
            skill = _skill(document, path, method, operation, shared)
        except ValueError as error:
            skipped.append(f"{method.upper()} {path}: {error}")
            continue
        skill.name = _unused(skill.name, skills)
        skills[skill.name] = skill
    if not skills:
        raise RequestInvalidError(errors=[FieldError("/document/paths", "no operation that could be a skill")])
    servers = [_text(server, "url") for server in _list(document.get("servers"))]
    found = Registration(
        version=_line(info.get("version"), _VERSION_CHARS) or "0.0.0", title=_line(info.get("title"), _WORDS_CHARS),
        description=_text(info, "description") or _text(info, "summary"),
        documentation_url=_text(_dict(document.get("externalDocs")), "url"),
        interfaces=[Interface(protocol="openapi", url=url, binding="HTTP", version=version) for url in servers if url],
        skills=list(skills.values()),
    )  # fmt: skip
    return found, skipped


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], list[Any]]]:
    for path, item in _dict(document.get("paths")).items():
        place = _dict(_followed(item, document))
        for method in _METHODS:
            if isinstance(place.get(method), dict):
                yield path, method, place[method], _list(place.get("parameters"))


def _skill(document: dict[str, Any], path: str, method: str, operation: dict[str, Any], shared: list[Any]) -> Skill:
    summary = _text(operation, "summary")
    return Skill(
        name=_name(operation.get("operationId"), method, path), title=_line(summary, _WORDS_CHARS),
        description=(_text(operation, "description") or summary).replace("\0", ""),
        tags=[tag for tag in (_line(tag, _WORDS_CHARS) for tag in _list(operation.get("tags"))) if tag][:_MAX_TAGS],
        input_schema=_input(document, operation, shared), output_schema=_output(document, operation),
        idempotent=method in _SAFE,
    )  # fmt: skip


def _input(document: dict[str, Any], operation: dict[str, Any], shared: list[Any]) -> dict[str, Any]:
    parameters: dict[tuple[str, str], dict[str, Any]] = {}
    for given in (*shared, *_list(operation.get("parameters"))):
        parameter = _dict(_followed(given, document))
        if isinstance(parameter.get("name"), str) and isinstance(parameter.get("in"), str):
            parameters[parameter["name"], parameter["in"]] = parameter
    names = [name for name, _place in parameters]
    properties: dict[str, Any] = {}
    required: list[str] = []
    for (name, place), parameter in parameters.items():
        called = name if names.count(name) == 1 and name != "body" else f"{name}_{place}"
        schema = parameter.get("schema") or _content(parameter.get("content"))
        properties[called] = _described(schema, parameter)
        if parameter.get("required") is True or place == "path":
            required.append(called)
    body = _dict(_followed(operation.get("requestBody"), document))
    if body:
        properties["body"] = _described(_content(body.get("content")), body)
        if body.get("required") is True:
            required.append("body")
    made = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return _alone(made, document)


def _output(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    responses = _dict(operation.get("responses"))
    for status in sorted(responses):
        if status.startswith("2"):
            schema = _content(_dict(_followed(responses[status], document)).get("content"))
            return _alone(schema, document) if isinstance(schema, dict) and schema else None
    return None


def _content(content: Any) -> Any:
    """Return the schema of the JSON representation; any value where there is only another."""
    for kind, media in _dict(content).items():
        if _JSON.match(kind):
            return _dict(media).get("schema", {})
    return {}


def _described(schema: Any, parameter: dict[str, Any]) -> Any:
    words = _text(parameter, "description")
    if not isinstance(schema, dict) or not words or "$ref" in schema or "description" in schema:
        return {} if schema is None else schema
    return {**schema, "description": words}


def _alone(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that refers to nothing outside of itself.

    Raises:
        ValueError: it refers to another document, to nothing, or is too large.
    """
    components = _dict(_dict(document.get("components")).get("schemas"))
    is_30 = str(document.get("openapi", "")).startswith("3.0")
    wanted: list[str] = []
    found = _moved(schema, wanted, is_30=is_30, depth=0)
    definitions: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name in definitions:
            continue
        if name not in components:
            raise ValueError(f"it refers to the schema {name!r}, which is not there")
        if len(definitions) >= _MAX_DEFINITIONS:
            raise ValueError("its schema refers to too many others")
        definitions[name] = _moved(components[name], wanted, is_30=is_30, depth=0)
    if definitions:
        found = {**found, "$defs": definitions}
    if len(msgspec.json.encode(found)) > _MAX_SCHEMA_BYTES:
        raise ValueError("its schema is too large")
    result: dict[str, Any] = found
    return result


def _moved(part: Any, wanted: list[str], *, is_30: bool, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError("its schema is nested too deeply")
    if isinstance(part, list):
        return [_moved(inner, wanted, is_30=is_30, depth=depth + 1) for inner in part]
    if not isinstance(part, dict):
        return part
    reference = part.get("$ref")
    if isinstance(reference, str):
        if not reference.startswith(_COMPONENTS) or "/" in reference.removeprefix(_COMPONENTS):
            raise ValueError(f"it refers to {reference!r}, outside of the document's schemas")
        wanted.append(reference.removeprefix(_COMPONENTS).replace("~1", "/").replace("~0", "~"))
        return {"$ref": f"#/$defs/{reference.removeprefix(_COMPONENTS)}"}
    made = {key: _moved(inner, wanted, is_30=is_30, depth=depth + 1) for key, inner in part.items()}
    return _modern(made) if is_30 else made


def _modern(schema: dict[str, Any]) -> dict[str, Any]:
    """Say in JSON Schema 2020-12 what OpenAPI 3.0 says in a dialect of its own."""
    nullable = schema.pop("nullable") if isinstance(schema.get("nullable"), bool) else False
    if nullable and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    for exclusive, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(exclusive), bool) and schema.pop(exclusive) and plain in schema:
            schema[exclusive] = schema.pop(plain)
    return schema


def _followed(part: Any, document: dict[str, Any]) -> Any:
    """Follow a reference to a parameter, body, response or path item, once."""
    reference = part.get("$ref") if isinstance(part, dict) else None
    if not isinstance(reference, str):
        return part
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = _dict(found).get(step.replace("~1", "/").replace("~0", "~"))
    return found


def _name(operation_id: Any, method: str, path: str) -> str:
    wanted = operation_id if isinstance(operation_id, str) and operation_id else f"{method}{path}"
    return _NOT_NAME.sub("_", wanted).strip("_.-")[:_NAME_CHARS].rstrip("_.-") or method


def _unused(name: str, taken: dict[str, Skill]) -> str:
    number, found = 2, name
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(part: Any, key: str) -> str:
    value = _dict(part).get(key)
    return value if isinstance(value, str) else ""


def _line(value: Any, chars: int) -> str:
    """Return text as one printable line."""
    text = " ".join(str(value).split()) if isinstance(value, str | int | float) else ""
    return "".join(char for char in text if char.isprintable())[:chars]
