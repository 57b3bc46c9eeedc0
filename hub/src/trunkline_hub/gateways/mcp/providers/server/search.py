"""The two tools that stand for many."""

import mcp_types as types

SEARCH = "search_tools"
CALL = "call_tool"

SEARCH_TOOLS = (
    types.Tool(
        name=SEARCH,
        title="Find tools",
        description="Find the tools that fit a task, best first. Say in a few words what is to be done.",
        input_schema={
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "What the tool should do."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
            },
            "required": ["query"],
        },
        output_schema={
            "type": "object",
            "properties": {"tools": {"type": "array", "items": {"type": "object"}}},
            "required": ["tools"],
        },
        annotations=types.ToolAnnotations(read_only_hint=True, idempotent_hint=True),
    ),
    types.Tool(
        name=CALL,
        title="Call a tool that was found",
        description="Call a tool by the name that search_tools gave, with arguments that fit its input schema.",
        input_schema={
            "type": "object",
            "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
            "required": ["name"],
        },
    ),
)
