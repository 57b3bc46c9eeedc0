"""An MCP server on standard input and output, in both eras; run as a program by the tests of pass-through."""

import asyncio
import os
import sys
from pathlib import Path

import mcp_types as types
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel

server = MCPServer("by-stdio", version="7.0", instructions="Speaks by pipe.")
MARK = Path(sys.argv[1])


class Colour(BaseModel):
    colour: str


@server.tool()
def add(a: int, b: int) -> int:
    return a + b


@server.tool()
def pid() -> int:
    return os.getpid()


@server.tool()
async def slow(ctx: Context) -> str:
    for step in range(1, 6):
        await ctx.report_progress(step, 5, f"step {step}")
    await ctx.info("all steps")
    return "done"


@server.tool()
async def hang(ctx: Context) -> str:
    MARK.write_text("hanging")
    try:
        await asyncio.sleep(60)
    finally:
        MARK.write_text("cancelled")
    return "never"


@server.tool()
def die() -> str:
    os._exit(3)


@server.tool()
async def paint(ctx: Context) -> str | types.InputRequiredResult:
    if ctx.protocol_version < "2026":
        found = await ctx.elicit("Which colour?", Colour)
        return f"painted {found.data.colour}"
    if not ctx.request_state:
        schema = {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]}
        params = types.ElicitRequestFormParams.model_validate({"message": "Which colour?", "requestedSchema": schema})
        return types.InputRequiredResult(
            input_requests={"c": types.ElicitRequest(params=params)}, request_state="the server's own secret"
        )
    return f"painted {ctx.input_responses['c'].content['colour']}"


@server.tool()
async def grow(ctx: Context) -> str:
    server.add_tool(lambda: "new", name="grown")
    await ctx.notify_tools_changed()
    if ctx.protocol_version < "2026":
        await ctx.session.send_tool_list_changed()
    return "grown"


@server.resource("note://one")
def note() -> str:
    return "a note"


@server.prompt()
def greet(who: str) -> str:
    return f"Greet {who}"


@server.completion()
async def complete(ref, argument, context):
    return types.Completion(values=[one for one in ("Ada", "Alan") if one.startswith(argument.value)])


if __name__ == "__main__":
    server.run()
