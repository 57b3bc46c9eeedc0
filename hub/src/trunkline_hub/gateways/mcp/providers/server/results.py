"""Tools, outputs and errors in MCP's words."""

from collections.abc import Sequence
from typing import Any

import mcp_types as types
import msgspec
from pydantic import TypeAdapter, ValidationError

from trunkline.protocol.errors import TrunklineError
from trunkline_hub.gateways.mcp.model import Tool
from trunkline_hub.gateways.mcp.model.tools import WRAPPED_OUTPUT

_BLOCKS: TypeAdapter[list[types.ContentBlock]] = TypeAdapter(list[types.ContentBlock])


def as_tool(tool: Tool) -> types.Tool:
    """Return a tool as it is listed."""
    hints = types.ToolAnnotations(title=tool.title or None, idempotent_hint=True if tool.idempotent else None)
    return types.Tool(
        name=tool.name, title=tool.title or None, description=tool.description or None,
        input_schema=dict(tool.input_schema), output_schema=dict(tool.output_schema) if tool.output_schema else None,
        annotations=hints if hints.model_fields_set and (tool.title or tool.idempotent) else None,
    )  # fmt: skip


def as_result(tool: Tool, output: Any) -> dict[str, Any]:
    """Return a skill's output as a tool's result, as it goes over the wire: structure for programs, text for models."""
    if tool.output_schema is None and (blocks := _blocks(output)) is not None:
        return {"content": blocks}
    structured = {WRAPPED_OUTPUT: output} if tool.wraps_output else output
    text = output if isinstance(output, str) else msgspec.json.encode(output).decode()
    result: dict[str, Any] = {"content": [{"type": "text", "text": text}]}
    if isinstance(structured, dict):
        result["structuredContent"] = structured
    return result


def as_failure(error: TrunklineError) -> dict[str, Any]:
    """Return an error that the model should see, so that it can do better."""
    wrong = "".join(f"\n{field.pointer or '/'}: {field.detail}" for field in error.errors)
    problem = {"code": error.code, "title": error.title, "detail": error.detail, "remedy": error.remedy}
    return {
        "content": [{"type": "text", "text": f"{error.title}: {error.detail}{wrong}"}], "isError": True,
        "_meta": {"trunkline/problem": problem},
    }  # fmt: skip


def found_tools(tools: Sequence[Tool]) -> types.CallToolResult:
    """Return what a search found, ready to be called by name."""
    found = [{"name": tool.name, "description": tool.description, "input_schema": tool.input_schema} for tool in tools]
    text = msgspec.json.encode({"tools": found}).decode()
    return types.CallToolResult(content=[types.TextContent(text=text)], structured_content={"tools": found})


def _blocks(output: Any) -> list[dict[str, Any]] | None:
    """Return the content blocks that an output consists of, if it does: pictures stay pictures."""
    if not isinstance(output, dict) or output.keys() != {"content"} or not isinstance(output["content"], list):
        return None
    try:
        found = _BLOCKS.validate_python(output["content"], by_alias=True)
    except ValidationError:
        return None
    return [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in found]
