"""Skills as prompts: their arguments are texts, and what they return is messages. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.protocol.errors import CallFailedError
from trunkline_hub.gateways.mcp.model.forms import fields_of, required_of, resolved, typed
from trunkline_hub.gateways.mcp.model.tools import Tool

_ROLES = frozenset({"user", "assistant"})
_MOST_VALUES = 100


def arguments_of(tool: Tool) -> list[dict[str, Any]]:
    """Return a prompt's arguments as MCP tells them."""
    return [
        {"name": name, "required": name in required_of(tool)}
        | {key: schema[key] for key in ("title", "description") if isinstance(schema.get(key), str)}
        for name, schema in _fields(tool).items()
    ]


def read_arguments(tool: Tool, arguments: Mapping[str, str] | None) -> dict[str, Any]:
    """Return texts as what the schema wants."""
    fields = _fields(tool)
    return {name: typed(fields.get(name), value) for name, value in (arguments or {}).items()}


def values_of(tool: Tool, argument: str, begin: str) -> tuple[list[str], int]:
    """Return (values that an argument may have, those that begin so; how many there are in all)."""
    schema = _fields(tool).get(argument, {})
    values = [True, False] if schema.get("type") == "boolean" else [schema["const"]] if "const" in schema else []
    texts = [one if isinstance(one, str) else msgspec.json.encode(one).decode() for one in schema.get("enum", values)]
    fitting = [text for text in texts if text.casefold().startswith(begin.casefold())]
    return fitting[:_MOST_VALUES], len(fitting)


def messages_of(output: Any) -> dict[str, Any]:
    """Return what a skill answered as the result of `prompts/get`: a text is what a user says.

    Raises:
        CallFailedError: it is neither a text nor messages.
    """
    if isinstance(output, str):
        return {"messages": [_message({"role": "user", "content": output}, 0)]}
    said = output.get("messages") if isinstance(output, Mapping) else output
    if not isinstance(said, list):
        raise CallFailedError("The skill returned neither a text nor messages")
    about = {"description": output["description"]} if isinstance(output, Mapping) and output.get("description") else {}
    return about | {"messages": [_message(one, place) for place, one in enumerate(said)]}


def _message(said: Any, place: int) -> dict[str, Any]:
    content = said.get("content") if isinstance(said, Mapping) else None
    if not isinstance(said, Mapping) or said.get("role") not in _ROLES or not isinstance(content, str | Mapping):
        raise CallFailedError(f"Message {place} of what the skill returned has no role (user, assistant) or no content")
    return {"role": said["role"], "content": {"type": "text", "text": content} if isinstance(content, str) else content}


def _fields(tool: Tool) -> dict[str, Mapping[str, Any]]:
    return {name: resolved(schema, tool.input_schema) or {} for name, schema in fields_of(tool).items()}
