"""Skills as MCP tools, asked for by the library's own client in both eras."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import trunkline as tl
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from trunkline.protocol.resources import ToolsetDeclaration

from support.hub import eventually

ERAS = ["auto", "legacy"]


@asynccontextmanager
async def client(hub, path="", *, mode="auto", token=None, **options):
    secret = token or await hub.token("mcp:use", principal="caller")
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=30) as http:
        url = f"{hub.url}/mcp/w/default{path}"
        async with Client(streamable_http_client(url, http_client=http), mode=mode, cache=None, **options) as opened:
            yield opened


@dataclass
class Order:
    item: str
    count: int


@pytest.fixture
def agent(name):
    agent = tl.Agent(name)

    @agent.skill(f"{name}.price")
    async def price(order: Order, ctx: tl.Context) -> dict:
        """Say what an order costs."""
        await ctx.progress(0.5, "looking it up")
        return {"total": order.count * 2, "caller": ctx.message.source}

    @agent.skill(f"{name}.words")
    async def words(text: str) -> list[str]:
        return text.split()

    @agent.skill(f"{name}.fail")
    async def fail(_anything: Any) -> None:
        raise RuntimeError("out of paper")

    return agent


@pytest.mark.parametrize("mode", ERAS)
async def test_skills_are_tools_with_schemas_structure_and_progress(sqlite_hub, agent, name, mode):
    heard = []

    async def on_progress(progress, total, message):
        heard.append((progress, total, message))

    async with sqlite_hub.serving(agent), client(sqlite_hub, f"/agents/{name}", mode=mode) as mcp:
        tools = {tool.name: tool for tool in (await mcp.list_tools()).tools}
        price = tools[f"{name}_price"]
        assert price.description == "Say what an order costs."
        assert price.input_schema["type"] == "object"
        result = await mcp.call_tool(
            f"{name}_price", {"item": "pen", "count": 3}, progress_callback=on_progress, meta=None
        )
        assert result.structured_content == {"total": 6, "caller": "/default/caller"}
        assert heard == [(0.5, 1.0, "looking it up")]
        result = await mcp.call_tool(f"{name}_words", {"input": "a b"})
        assert result.structured_content == {"result": ["a", "b"]}


@pytest.mark.parametrize("mode", ERAS)
async def test_what_an_agent_does_wrong_is_the_models_to_see_and_what_the_client_does_wrong_is_not(
    sqlite_hub, agent, name, mode
):
    async with sqlite_hub.serving(agent), client(sqlite_hub, f"/agents/{name}", mode=mode) as mcp:
        wrong = await mcp.call_tool(f"{name}_price", {"item": "pen"})
        assert wrong.is_error
        assert "count" in wrong.content[0].text
        failed = await mcp.call_tool(f"{name}_fail", {})
        assert failed.is_error
        assert "out of paper" in failed.content[0].text
        assert failed.meta["trunkline/problem"]["code"] == "call.failed"
        with pytest.raises(MCPError) as unknown:
            await mcp.call_tool("nobody_has_this", {})
        assert unknown.value.code == -32602
    async with client(sqlite_hub, f"/agents/{name}", mode=mode) as mcp:
        gone = await mcp.call_tool(f"{name}_price", {"item": "pen", "count": 1})
        assert gone.is_error
        assert gone.meta["trunkline/problem"]["code"] == "agent.offline"


async def test_a_client_that_gives_up_cancels_the_call(sqlite_hub, name):
    """The broker hears of it under the call's own id."""
    agent, begun, cancelled = tl.Agent(name), asyncio.Event(), asyncio.Queue()
    ids = []

    @agent.skill(f"{name}.never")
    async def never(_anything: Any, ctx: tl.Context) -> None:
        ids.append(ctx.id)
        begun.set()
        await asyncio.sleep(5)

    bus = sqlite_hub.component("bus").bus

    async def hear(msg):
        cancelled.put_nowait(msg.subject.rsplit(".", 1)[1])

    listener = await bus.subscribe("tl.default.cancel.caller.>", hear)
    async with sqlite_hub.serving(agent), client(sqlite_hub, f"/agents/{name}") as mcp:
        work = asyncio.get_running_loop().create_task(mcp.call_tool(f"{name}_never", {}))
        await asyncio.wait_for(begun.wait(), 10)
        work.cancel()
        assert await asyncio.wait_for(cancelled.get(), 10) == ids[0]
    await bus.unsubscribe(listener)


async def test_many_tools_are_found_by_search_and_called_by_name(sqlite_hub, name):
    agent = tl.Agent(name)
    for number in range(60):

        @agent.skill(f"{name}.filler-{number}")
        async def filler(_anything: Any) -> None: ...

    @agent.skill(f"{name}.weather")
    async def weather(city: str) -> str:
        """Tell how the weather will be."""
        return f"rain in {city}"

    async with sqlite_hub.serving(agent), client(sqlite_hub, f"/agents/{name}") as mcp:
        assert {tool.name for tool in (await mcp.list_tools()).tools} == {"search_tools", "call_tool"}
        found = await mcp.call_tool("search_tools", {"query": "what will the weather be like", "limit": 3})
        assert found.structured_content["tools"][0]["name"] == f"{name}_weather"
        result = await mcp.call_tool("call_tool", {"name": f"{name}_weather", "arguments": {"input": "Bergen"}})
        assert result.content[0].text == "rain in Bergen"
        async with sqlite_hub.client() as admin:
            await admin.mcp.store_toolset(name, ToolsetDeclaration(skills=[f"{name}.w*"]))
        async with client(sqlite_hub, f"?toolset={name}") as few:
            assert [tool.name for tool in (await few.list_tools()).tools] == [f"{name}_weather"]
            with pytest.raises(MCPError):
                await few.call_tool(f"{name}_filler-1", {})
        async with client(sqlite_hub, "?toolset=nobody-stored-this") as none:
            with pytest.raises(MCPError):
                await none.list_tools()


@pytest.mark.parametrize("mode", ERAS)
async def test_clients_hear_when_tools_change(sqlite_hub, agent, name, mode):
    changed = asyncio.Event()

    async def on_message(message):
        if type(message).__name__ == "ToolListChangedNotification":
            changed.set()

    async with client(sqlite_hub, mode=mode, message_handler=on_message) as mcp:
        await mcp.list_tools()
        if mode == "legacy":
            async with sqlite_hub.serving(agent):
                await asyncio.wait_for(changed.wait(), 15)
        else:
            async with mcp.listen(tools_list_changed=True) as news, sqlite_hub.serving(agent):
                assert type(await asyncio.wait_for(anext(news), 15)).__name__ == "ToolsListChanged"


async def test_event_schemas_are_resources_for_those_who_may_see_them(sqlite_hub, name):
    declared = {"owner": "me", "description": "d", "schema": {"type": "object"}}
    made = await sqlite_hub.admin("PUT", f"event-types/{name}", json=declared)
    assert made.status in {200, 201}, made.body
    uri = f"trunkline://event-types/{name}"
    token = await sqlite_hub.token("mcp:use", "event_types:read")
    async with client(sqlite_hub, token=token) as mcp:
        assert uri in {str(resource.uri) for resource in (await mcp.list_resources()).resources}
        assert '"object"' in (await mcp.read_resource(uri)).contents[0].text
    async with client(sqlite_hub) as mcp:
        assert not (await mcp.list_resources()).resources
        with pytest.raises(MCPError):
            await mcp.read_resource(uri)


INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}  # fmt: skip
ACCEPT = {"Accept": "application/json, text/event-stream"}
MOUNTS = ["/mcp/w/default", "/mcp/w/default/agents/a", "/mcp/w/default/upstreams/u"]


@pytest.mark.parametrize("path", MOUNTS)
async def test_every_mount_passes_the_same_guard_as_the_rest_api(sqlite_hub, path):
    async def ask(token=None, where=path, **headers):
        return await sqlite_hub.http("POST", where, token=token, json=INITIALIZE, headers={**ACCEPT, **headers})

    nobody = await ask()
    assert (nobody.status, nobody.code) == (401, "access.token_missing")
    challenge = nobody.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    assert f'resource_metadata="{sqlite_hub.url}/.well-known/oauth-protected-resource{path}"' in challenge
    assert (await ask("tl_" + "0" * 16 + "_" + "0" * 48)).status == 401
    poor = await ask(await sqlite_hub.token("agents:call"))
    assert (poor.status, poor.code) == (403, "access.denied")
    assert 'error="insufficient_scope"' in poor.headers["WWW-Authenticate"]
    token = await sqlite_hub.token("mcp:use")
    assert (await ask(token, path.replace("default", "other"))).status == 404
    assert (await ask(token, Host="evil.example")).status == 403
    assert (await ask(token, Origin="https://evil.example")).status == 403


async def test_the_metadata_says_where_and_what_for(sqlite_hub):
    found = await sqlite_hub.http("GET", "/.well-known/oauth-protected-resource/mcp/w/default/agents/a")
    assert found.status == 200
    assert found.json["resource"] == f"{sqlite_hub.url}/mcp/w/default/agents/a"
    assert found.json["scopes_supported"] == ["mcp:use"]


async def test_a_session_is_its_openers_alone_and_its_mounts(sqlite_hub, agent, name):
    mine, other = await sqlite_hub.token("mcp:use"), await sqlite_hub.token("mcp:use")
    opened = await sqlite_hub.http("POST", "/mcp/w/default", token=mine, json=INITIALIZE, headers=ACCEPT)
    session = {**ACCEPT, "Mcp-Session-Id": opened.headers["Mcp-Session-Id"], "MCP-Protocol-Version": "2025-11-25"}
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}

    async def status(token, path="/mcp/w/default"):
        return (await sqlite_hub.http("POST", path, token=token, json=ping, headers=session)).status

    assert await status(mine) == 200
    assert await status(other) == 404
    assert await status(mine, f"/mcp/w/default/agents/{name}") == 404


async def test_without_the_setting_nobody_is_anonymous_and_it_refuses_other_machines(own_hub):
    hub = await own_hub(mcp={"anonymous": True})
    answer = await hub.http("POST", "/mcp/w/default", json=INITIALIZE, headers=ACCEPT)
    assert answer.status == 200
    assert (await hub.http("GET", "agents")).status == 401
    with pytest.raises(tl.TrunklineError, match="anonymous"):
        await own_hub(mcp={"anonymous": True}, web={"host": "0.0.0.0"})  # noqa: S104


async def test_tools_follow_the_catalogue(sqlite_hub, agent, name):
    async with client(sqlite_hub) as mcp:

        async def names():
            found = await mcp.call_tool("search_tools", {"query": f"{name} price", "limit": 50})
            return f"{name}_price" in {tool["name"] for tool in found.structured_content["tools"]}

        assert not await names()
        async with sqlite_hub.serving(agent):
            await eventually(names)
