"""Types from what frameworks have: JSON Schemas, Pydantic's unions, types that only Pydantic can describe."""

from importlib import import_module
from typing import Any

import msgspec

from trunkline.payloads import is_pydantic
from trunkline.protocol.errors import FieldError, PayloadInvalidError, pointer

_TEXT = {"type": "string"}


def shaped(schema: dict[str, Any]) -> type:
    """Return a payload type for a JSON Schema: what fits it comes as plain data, all else is refused."""
    if {key: schema[key] for key in schema if key not in {"title", "description", "$schema"}} == _TEXT:
        return str
    import jsonschema_rs  # noqa: PLC0415 -- 15 MB that typed adapters never load

    validator = jsonschema_rs.validator_for(schema)

    def check(value: Any) -> Any:
        found = [FieldError(pointer(error.instance_path), error.message) for error in validator.iter_errors(value)]
        if found:
            raise PayloadInvalidError(errors=found)
        return value

    def check_json(raw: bytes) -> Any:
        return check(msgspec.json.decode(raw))

    members = {
        "model_validate": staticmethod(check), "model_validate_json": staticmethod(check_json),
        "model_json_schema": staticmethod(lambda: schema),
    }  # fmt: skip
    return type(str(schema.get("title", "Shaped")), (), members)


def described(kind: Any) -> Any:
    """Return a payload type for whatever Pydantic can describe; None is text."""
    if kind is None or kind is str:
        return str
    if is_pydantic(kind):
        return kind
    adapter = import_module("pydantic").TypeAdapter(kind)
    return shaped(adapter.json_schema())


def text_of(value: Any) -> str:
    """Return a payload as a prompt: text as it is, all else as JSON."""
    if isinstance(value, str):
        return value
    if is_pydantic(type(value)):
        return str(value.model_dump_json())
    return msgspec.json.encode(value).decode()
