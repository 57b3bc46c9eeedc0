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


def as_result(tool: Tool, output: Any) -> types.CallToolResult:
    """Return a skill's output as a tool's result: structure for programs, text for models."""
    if tool.output_schema is None and (blocks := _blocks(output)) is not None:
        return types.CallToolResult(content=blocks)
    structured = {WRAPPED_OUTPUT: output} if tool.wraps_output else output
    text = output if isinstance(output, str) else msgspec.json.encode(output).decode()
    return types.CallToolResult(
        content=[types.TextContent(text=text)],
        structured_content=structured if isinstance(structured, dict) else None,
    )  # fmt: skip


def as_failure(error: TrunklineError) -> types.CallToolResult:
    """Return an error that the model should see, so that it can do better."""
    wrong = "".join(f"\n{field.pointer or '/'}: {field.detail}" for field in error.errors)
    problem = {"code": error.code, "title": error.title, "detail": error.detail, "remedy": error.remedy}
    return types.CallToolResult(
        content=[types.TextContent(text=f"{error.title}: {error.detail}{wrong}")], is_error=True,
        _meta={"trunkline/problem": problem},
    )  # fmt: skip


def found_tools(tools: Sequence[Tool]) -> types.CallToolResult:
    """Return what a search found, ready to be called by name."""
    found = [{"name": tool.name, "description": tool.description, "input_schema": tool.input_schema} for tool in tools]
    text = msgspec.json.encode({"tools": found}).decode()
    return types.CallToolResult(content=[types.TextContent(text=text)], structured_content={"tools": found})


def _blocks(output: Any) -> list[types.ContentBlock] | None:
    """Return the content blocks that an output consists of, if it does: pictures stay pictures."""
    if not isinstance(output, dict) or output.keys() != {"content"} or not isinstance(output["content"], list):
        return None
    try:
        return _BLOCKS.validate_python(output["content"], by_alias=True)
    except ValidationError:
        return None
