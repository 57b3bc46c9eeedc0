"""Skills that are prompts: listed, filled in, and what their arguments may be."""

from collections.abc import Callable
from typing import Any

import mcp_types as types
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from pydantic import ValidationError

from trunkline.protocol.errors import CallFailedError
from trunkline_hub.gateways.mcp.model import Tool
from trunkline_hub.gateways.mcp.model import prompts as words
from trunkline_hub.gateways.mcp.ports import unheard
from trunkline_hub.gateways.mcp.providers.server.errors import as_protocol_errors
from trunkline_hub.gateways.mcp.providers.server.pages import page_of
from trunkline_hub.gateways.mcp.service import Desk, Mount

_Context = ServerRequestContext[Any, Any]


class Prompts:
    """Answers what MCP asks of prompts."""

    def __init__(self, desk: Desk, enter: Callable[[_Context], Mount]) -> None:
        self._desk = desk
        self._enter = enter

    async def page(self, ctx: _Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        """List them."""
        mount = self._enter(ctx)
        with as_protocol_errors():
            found = await self._desk.prompts(mount)
        shown, onward = page_of(found, params.cursor if params else None)
        return types.ListPromptsResult(prompts=[_prompt(tool) for tool in shown], next_cursor=onward)

    async def get(self, ctx: _Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        """Call the skill, and return what it answers as messages; whatever goes wrong is a protocol error."""
        mount = self._enter(ctx)
        with as_protocol_errors():
            tool = await self._find(mount, params.name)
            arguments = words.read_arguments(tool, params.arguments)
            try:
                output = await self._desk.call(mount, tool, arguments, unheard)
                return types.GetPromptResult.model_validate(words.messages_of(output))
            except ValidationError as error:
                said = error.errors()[0]["msg"]
                raise CallFailedError(f"The skill returned messages that are none of MCP's: {said}") from None

    async def complete(self, ctx: _Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        """Return the values that an argument may have."""
        mount = self._enter(ctx)
        values: list[str] = []
        total = 0
        if isinstance(params.ref, types.PromptReference):
            with as_protocol_errors():
                tool = await self._find(mount, params.ref.name)
            values, total = words.values_of(tool, params.argument.name, params.argument.value)
        return types.CompleteResult(
            completion=types.Completion(values=values, total=total, has_more=total > len(values))
        )

    async def _find(self, mount: Mount, name: str) -> Tool:
        found = next((tool for tool in await self._desk.prompts(mount) if tool.name == name), None)
        if found is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {name}")
        return found


def _prompt(tool: Tool) -> types.Prompt:
    told = {"name": tool.name, "title": tool.title or None, "description": tool.description or None}
    return types.Prompt.model_validate(told | {"arguments": words.arguments_of(tool)})
