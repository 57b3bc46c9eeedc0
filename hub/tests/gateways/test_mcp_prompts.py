"""Skills that are prompts: listed, filled in and completed by the library's own client in both eras."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import httpx2
import mcp_types as types
import msgspec
import pytest
import pytest_asyncio
import trunkline as tl
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from trunkline.protocol.resources import ToolsetDeclaration

from support.hub import eventually

ERAS = ["auto", "legacy"]


@asynccontextmanager
async def client(hub, name, mode="auto", path="/agents/{name}"):
    secret = await hub.token("mcp:use")
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=30) as http:
        transport = streamable_http_client(f"{hub.url}/mcp/w/default{path.format(name=name)}", http_client=http)
        async with Client(transport, mode=mode, cache=None) as opened:
            yield opened


@dataclass
class Review:
    code: Annotated[str, msgspec.Meta(description="What to review.")]
    tone: Literal["kind", "brief", "blunt"] = "kind"
    remarks: int = 3


@pytest_asyncio.fixture(loop_scope="session")
async def agent(sqlite_hub, name):
    agent = tl.Agent(name)

    @agent.skill("review", prompt=True, title="Review code")
    async def review(order: Review) -> str:
        """Ask for a review."""
        return f"Review this, {order.tone}, {order.remarks} remarks: {order.code}"

    @agent.skill("dialogue", prompt=True)
    async def dialogue(_nothing: dict) -> dict:
        picture = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
        return {
            "description": "A talk",
            "messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": picture}],
        }

    @agent.skill("wrong", prompt=True)
    async def wrong(order: dict) -> Any:
        bad = (
            {"role": "system", "content": "x"}
            if order.get("a") == "role"
            else {"role": "user", "content": {"type": "?"}}
        )
        return {"messages": [bad]} if order else 7

    @agent.skill("plain")
    async def plain(_nothing: dict) -> str:
        return "a tool"

    async with sqlite_hub.serving(agent):
        yield agent


@pytest.mark.parametrize("mode", ERAS)
async def test_prompts_are_listed_with_their_arguments_and_are_no_tools(sqlite_hub, agent, name, mode):
    async with client(sqlite_hub, name, mode) as mcp:
        prompts = {one.name: one for one in (await mcp.list_prompts()).prompts}
        assert set(prompts) == {"review", "dialogue", "wrong"}
        review = prompts["review"]
        assert (review.title, review.description) == ("Review code", "Ask for a review.")
        told = [(one.name, one.required, one.description) for one in review.arguments]
        assert told == [("code", True, "What to review."), ("tone", False, None), ("remarks", False, None)]
        assert [tool.name for tool in (await mcp.list_tools()).tools] == ["plain"]
        with pytest.raises(MCPError, match="Unknown tool"):
            await mcp.call_tool("review", {"code": "x"})


@pytest.mark.parametrize("mode", ERAS)
async def test_a_prompt_is_filled_in_by_its_agent(sqlite_hub, agent, name, mode):
    async with client(sqlite_hub, name, mode) as mcp:
        found = await mcp.get_prompt("review", {"code": "a = 1", "remarks": "5"})
        ((role, text),) = [(one.role, one.content.text) for one in found.messages]
        assert (role, text) == ("user", "Review this, kind, 5 remarks: a = 1")

        talk = await mcp.get_prompt("dialogue")
        assert talk.description == "A talk"
        assert [(one.role, one.content.type) for one in talk.messages] == [("user", "text"), ("assistant", "image")]


@pytest.mark.parametrize(
    ("prompt", "arguments", "told", "code"),
    [
        ("review", {"code": "x", "remarks": "many"}, "does not match", -32602),
        ("review", {}, "does not match", -32602),
        ("nothing", {}, "Unknown prompt", -32602),
        ("wrong", {}, "neither a text nor messages", -32603),
        ("wrong", {"a": "role"}, "no role", -32603),
        ("wrong", {"a": "content"}, "none of MCP's", -32603),
    ],
)
async def test_what_is_wrong_is_said(sqlite_hub, agent, name, prompt, arguments, told, code):
    async with client(sqlite_hub, name) as mcp:
        with pytest.raises(MCPError) as caught:
            await mcp.get_prompt(prompt, arguments)
        assert (caught.value.error.code, told in caught.value.error.message) == (code, True), caught.value.error


@pytest.mark.parametrize("mode", ERAS)
async def test_what_an_argument_may_be_is_completed(sqlite_hub, agent, name, mode):
    async with client(sqlite_hub, name, mode) as mcp:
        ref = types.PromptReference(name="review")
        found = (await mcp.complete(ref, {"name": "tone", "value": "b"})).completion
        assert (found.values, found.total, found.has_more) == (["blunt", "brief"], 2, False)
        assert (await mcp.complete(ref, {"name": "code", "value": ""})).completion.values == []


async def test_a_toolset_narrows_prompts_too(sqlite_hub, agent, name):
    async with sqlite_hub.client() as admin:
        await admin.mcp.store_toolset(name, ToolsetDeclaration(skills=["review"]))

        async def listed():
            async with client(sqlite_hub, name, path="?toolset={name}") as mcp:
                return [one.name for one in (await mcp.list_prompts()).prompts]

        assert await eventually(listed) == ["review"]
