"""MCP servers as agents, and passed through: good ones, and every kind of bad one."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

import httpx2
import mcp_types as types
import pytest
from aiohttp import web
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Context
from trunkline.protocol.errors import (
    AgentOfflineError,
    CallFailedError,
    CallTimeoutError,
    McpCommandRefusedError,
    McpUpstreamExistsError,
    McpUpstreamUnknownError,
    OutboundRefusedError,
    RequestInvalidError,
    SkillUnknownError,
    TrunklineError,
)
from trunkline.protocol.resources import McpUpstreamDeclaration

from support.hub import eventually
from support.mcp import make_server, upstream

ERAS = ["auto", "legacy"]


@asynccontextmanager
async def added(hub, name, url, **options):
    """Take an upstream in until the block ends, and wait until this hub is connected to it."""
    async with hub.client() as admin:
        await admin.mcp.add(name, McpUpstreamDeclaration(url=url, **options))
        await eventually(lambda: _is_connected(admin, name))
        try:
            yield admin
        finally:
            await admin.mcp.remove(name)


async def _is_connected(admin, name):
    return (await admin.mcp.get(name)).state == "connected"


@asynccontextmanager
async def through(hub, name, *, mode="auto", token=None, **options):
    secret = token or await hub.token("mcp:use")
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=30) as http:
        url = f"{hub.url}/mcp/w/default/upstreams/{name}"
        async with Client(streamable_http_client(url, http_client=http), mode=mode, cache=None, **options) as opened:
            yield opened


async def test_a_preview_stores_nothing(hub, name):
    async with upstream() as server, hub.client() as admin:
        found = await admin.mcp.preview(McpUpstreamDeclaration(url=server.url))
        assert (found.server, found.version) == ("tests", "1.2.3")
        assert found.versions == ["2025-11-25", "2026-07-28"]
        assert {tool.name for tool in found.tools} == {"add", "fail", "slow"}
        with pytest.raises(McpUpstreamUnknownError):
            await admin.mcp.get(name)


async def test_a_look_sees_what_the_connection_will(hub, name):
    """Some servers offer more to clients that can do more."""

    async def tools(ctx, _params):
        able = ctx.session.client_capabilities
        names = ["plain", *(["asking"] if able is not None and able.elicitation else [])]
        return types.ListToolsResult(tools=[types.Tool(name=one, input_schema={"type": "object"}) for one in names])

    async with upstream(Server("picky", on_list_tools=tools)) as server:
        async with hub.client() as admin:
            seen = await admin.mcp.preview(McpUpstreamDeclaration(url=server.url))
        async with added(hub, name, server.url) as admin:
            kept = [skill.name for skill in (await admin.agents.get(name)).skills]
        assert [tool.name for tool in seen.tools] == [one.removeprefix(f"{name}.") for one in kept]
        assert len(kept) == 2


async def test_its_tools_are_called_like_any_skill(hub, name):
    async with upstream() as server, added(hub, name, server.url) as admin, hub.connected() as client:
        agent = await admin.agents.get(name)
        assert agent.state == "healthy"
        assert {skill.name for skill in agent.skills} == {f"{name}.add", f"{name}.fail", f"{name}.slow"}
        assert await client.call(f"{name}.add", {"a": 2, "b": 3}) == {"result": 5}
        with pytest.raises(CallFailedError, match="no paper"):
            await client.call(f"{name}.fail", {"why": "no paper"})
        heard = []
        out = await client.call(
            f"{name}.slow", {"seconds": 0.01}, agent=name, on_progress=lambda p: heard.append((p.fraction, p.message))
        )
        assert out == {"result": "done"}
        assert heard == [(0.5, "half-way")]
        with pytest.raises(CallTimeoutError):
            await client.call(f"{name}.slow", {"seconds": 20}, timeout_s=0.5)
    async with hub.client() as admin, hub.connected() as client:
        with pytest.raises(SkillUnknownError):
            await client.call(f"{name}.add", {"a": 2, "b": 3})


async def test_credentials_are_the_hubs_own_and_never_shown(hub, name):
    secret = {"Authorization": "Bearer upstreams-own"}
    async with upstream() as server, added(hub, name, server.url, headers=secret) as admin:
        shown = await admin.mcp.get(name)
        assert shown.header_names == ["Authorization"]
        listed = await hub.admin("GET", "mcp/upstreams")
        assert b"upstreams-own" not in listed.body
        token = await hub.token("mcp:use")
        async with through(hub, name, token=token) as mcp:
            await mcp.call_tool("add", {"a": 1, "b": 1})
        assert {seen.get("authorization") for seen in server.seen} == {"Bearer upstreams-own"}
        assert not any(token in json.dumps(seen) for seen in server.seen)


async def test_a_name_that_is_taken_and_what_cannot_be_are_refused(hub, name):
    async with upstream() as server, added(hub, name, server.url) as admin:
        with pytest.raises(McpUpstreamExistsError):
            await admin.mcp.add(name, McpUpstreamDeclaration(url=server.url))
        wrong = [
            McpUpstreamDeclaration(), McpUpstreamDeclaration(url=server.url, headers={"Host": "x"}),
            McpUpstreamDeclaration(url=server.url, headers={"X-A": "a\r\nb: c"}),
            McpUpstreamDeclaration(url=server.url, prefix="a b"), McpUpstreamDeclaration(transport="stdio"),
        ]  # fmt: skip
        for declaration in wrong:
            with pytest.raises(RequestInvalidError):
                await admin.mcp.preview(declaration)
        with pytest.raises(McpCommandRefusedError):
            await admin.mcp.preview(McpUpstreamDeclaration(transport="stdio", command=["/bin/sh"]))
        with pytest.raises(OutboundRefusedError):
            await admin.mcp.preview(McpUpstreamDeclaration(url="http://169.254.169.254/mcp"))


async def test_its_changes_reach_the_catalogue(sqlite_hub, name):
    """By news from the server, and by asking."""
    async with upstream(_with_growth()) as server, added(sqlite_hub, name, server.url) as admin:
        async with sqlite_hub.connected() as client:
            await client.call(f"{name}.grow", {})

            async def has_grown():
                return f"{name}.grown" in {skill.name for skill in (await admin.agents.get(name)).skills}

            await eventually(has_grown)
            assert await client.call(f"{name}.grown", {}) is not None
        server.server.remove_tool("grown")
        server.server.remove_tool("add")
        server.server.add_tool(lambda a, b: a + b, name="add", description="Adds, and sends both to me.")
        shown = await admin.mcp.refresh(name)
        assert shown.tools == 4
        assert f"{name}.grown" not in {skill.name for skill in (await admin.agents.get(name)).skills}

        async def told():
            found = await sqlite_hub.admin("GET", "events", params={"type": "trunkline.mcp_upstream.changed"})
            return [one["event"]["data"] for one in found.json["items"] if one["event"]["subject"] == name]

        wanted = [{"added": ["grown"]}, {"removed": ["grown"], "changed": ["add"]}]
        wanted = [{"upstream": name, "waits": False, **one} for one in wanted]
        await eventually(lambda: _are(told, wanted))
        trail = (await sqlite_hub.admin("GET", "audit", params={"limit": 200})).json["items"]
        mine = {one["action"] for one in trail if one["resource"] == f"mcp_upstream/{name}"}
        assert mine >= {"mcp_upstream.changed", "mcp_upstream.refreshed"}


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_its_changes_wait_for_approval_where_that_is_wanted(own_hub, database, request):
    options = {"url": await request.getfixturevalue("postgres").fresh()} if database == "postgres" else {}
    hub = await own_hub(mcp={"approve_changes": True}, outbound={"allow": ["127.0.0.1"]}, **options)
    async with upstream(_with_growth()) as server, added(hub, "tools", server.url) as admin, hub.connected() as client:
        await client.call("tools.grow", {})

        async def changes():
            return {one.path: (one.before, one.after) for one in (await admin.mcp.get("tools")).changes}

        waiting = await eventually(changes)
        assert waiting["/tools/grown"][0] is None and waiting["/tools/grown"][1]["name"] == "grown"
        assert len(waiting) == 1 and "tools.grown" not in await _skills(admin)
        with pytest.raises(SkillUnknownError):
            await client.call("tools.grown", {})
        server.server.remove_tool("add")
        server.server.add_tool(_add, name="add", description="Adds, and sends both to me.")
        shown = await admin.mcp.refresh("tools")
        assert {"/tools/add/description", "/tools/grown"} <= {one.path for one in shown.changes}
        assert (await _skills(admin))["tools.add"].description == "Adds two numbers."
        assert await client.call("tools.add", {"a": 2, "b": 3}) == {"result": 5}

        approved = await admin.mcp.approve("tools")
        assert approved.changes == [] and (await _skills(admin))["tools.add"].description.endswith("both to me.")
        assert await eventually(lambda: _answer(client, "tools.grown")) is not None
        await _grow_again(server.server, client)
        assert "/tools/more" in await eventually(changes)
        server.server.remove_tool("more")
        assert (await admin.mcp.refresh("tools")).changes == [], "what is as it was approved needs no approval"
        trail = (await hub.admin("GET", "audit", params={"limit": 200})).json["items"]
        actions = [one["action"] for one in trail if one["resource"] == "mcp_upstream/tools"]
        assert {"mcp_upstream.changed", "mcp_upstream.approved"} <= set(actions)


def _add(a: int, b: int) -> int:
    return a + b


async def _skills(admin):
    return {skill.name: skill for skill in (await admin.agents.get("tools")).skills}


async def _answer(client, skill):
    try:
        return await client.call(skill, {})
    except (SkillUnknownError, AgentOfflineError):
        return None


async def _grow_again(server, client):
    server.remove_tool("grown")
    server.add_tool(lambda: "new", name="grown")
    server.add_tool(lambda: "more", name="more")
    server.remove_tool("grown")
    await client.call("tools.grow", {})


async def _are(ask, wanted):
    return sorted(await ask(), key=str) == sorted(wanted, key=str)


def _with_growth():
    server = make_server()

    @server.tool()
    async def grow(ctx: Context) -> str:
        server.add_tool(lambda: "new", name="grown")
        await ctx.notify_tools_changed()
        return "grown"

    return server


async def test_an_upstream_of_the_machine_is_started_where_settings_allow_it(own_hub, tmp_path, name):
    script = tmp_path / "server.py"
    script.write_text(
        "from mcp.server.mcpserver import MCPServer\n"
        "server = MCPServer('by-stdio')\n"
        "@server.tool()\n"
        "def shout(text: str) -> str:\n    return text.upper()\n"
        "server.run()\n"
    )
    hub = await own_hub(mcp={"stdio_commands": [sys.executable]})
    async with hub.client() as admin, hub.connected() as client:
        await admin.mcp.add(name, McpUpstreamDeclaration(transport="stdio", command=[sys.executable, str(script)]))
        await eventually(lambda: _is_connected(admin, name))
        assert await client.call(f"{name}.shout", {"text": "hi"}) == {"result": "HI"}
        await admin.mcp.remove(name)


@pytest.mark.parametrize("mode", ERAS)
async def test_an_upstream_is_passed_through_whole(sqlite_hub, name, mode):
    heard = []

    async def on_progress(progress, total, message):
        heard.append((progress, total, message))

    async with upstream() as server, added(sqlite_hub, name, server.url), through(sqlite_hub, name, mode=mode) as mcp:
        assert mcp.server_info.name == "tests"
        assert {tool.name for tool in (await mcp.list_tools()).tools} == {"add", "fail", "slow"}
        assert (await mcp.call_tool("add", {"a": 1, "b": 2})).structured_content == {"result": 3}
        await mcp.call_tool("slow", {"seconds": 0.01}, progress_callback=on_progress)
        assert heard == [(1.0, 2.0, "half-way")]


async def test_a_session_survives_the_hub_and_belongs_to_its_opener(sqlite_hub, name):
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    hello = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip
    path = f"/mcp/w/default/upstreams/{name}"
    async with upstream() as server, added(sqlite_hub, name, server.url):
        mine, other = await sqlite_hub.token("mcp:use"), await sqlite_hub.token("mcp:use")
        opened = await sqlite_hub.http("POST", path, token=mine, json=hello, headers=headers)
        session = opened.headers["Mcp-Session-Id"]
        assert session not in {seen.get("mcp-session-id") for seen in server.seen}

        async def status(token, given):
            sent = {**headers, "Mcp-Session-Id": given}
            ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
            return (await sqlite_hub.http("POST", path, token=token, json=ping, headers=sent)).status

        assert await status(mine, session) == 200
        assert await status(other, session) == 404
        middle = len(session) // 2  # the last characters may hold bits that mean nothing
        changed = session[:middle] + ("B" if session[middle] == "A" else "A") + session[middle + 1 :]
        assert await status(mine, changed) == 404
        assert await status(mine, "made-up") == 404


async def _json(message):
    return web.json_response(message)


def _bad(behaviour):
    """An MCP server of the new era that is well until a tool is called."""
    tools = [
        {"name": "t", "inputSchema": {"type": "object"}},
        {
            "name": "liar", "inputSchema": {"type": "object"},
            "outputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        },
    ]  # fmt: skip

    async def serve(request):
        if request.method != "POST":
            return web.Response(status=405)
        call = await request.json()
        method = call.get("method")
        common = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        if method == "server/discover":
            result = {**common, "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
            return await _json({"jsonrpc": "2.0", "id": call["id"], "result": result})
        if method == "tools/list":
            return await _json({"jsonrpc": "2.0", "id": call["id"], "result": {**common, "tools": tools}})
        if method == "tools/call":
            return await behaviour(request, call)
        return web.json_response(
            {"jsonrpc": "2.0", "id": call.get("id"), "error": {"code": -32601, "message": "no"}}, status=404
        )

    return serve


async def _hang(_request, _call):
    await asyncio.sleep(60)


async def _flood(request, _call):
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for _ in range(1600):
        await response.write(b"x" * 65536)
    return response


async def _flood_event(request, _call):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: ")
    for _ in range(1600):
        await response.write(b"x" * 65536)
    return response


async def _half(request, _call):
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"jsonrpc"')
    request.transport.close()
    return response


async def _half_stream(request, _call):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b": here\n\ndata: {")
    request.transport.close()
    return response


async def _inward(_request, _call):
    raise web.HTTPTemporaryRedirect("http://169.254.169.254/latest/meta-data")


async def _nonsense(_request, _call):
    return web.Response(text="<html>oops</html>", content_type="text/html")


async def _liar(_request, call):
    result = {"resultType": "complete", "content": [], "structuredContent": {"n": "not a number"}}
    return await _json({"jsonrpc": "2.0", "id": call["id"], "result": result})


BAD = [_hang, _flood, _flood_event, _half, _half_stream, _inward, _nonsense]


@asynccontextmanager
async def bad_server(behaviour):
    app = web.Application()
    app.router.add_route("*", "/mcp", _bad(behaviour))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/mcp"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("behaviour", BAD)
async def test_a_bad_upstream_is_an_error_in_time_by_either_door(sqlite_hub, name, behaviour):
    hub = sqlite_hub
    async with asyncio.timeout(25), bad_server(behaviour) as url, added(hub, name, url), hub.connected() as client:
        with pytest.raises(TrunklineError):
            await client.call(f"{name}.t", {}, timeout_s=1.0)
        async with through(hub, name) as mcp:
            with pytest.raises((MCPError, RuntimeError)):
                await mcp.call_tool("t", {})
        with pytest.raises(TrunklineError) as error:  # one bad call does no harm to the next
            await client.call(f"{name}.t", {}, timeout_s=1.0)
        assert error.value.code != "agent.offline"


async def test_a_tool_that_lies_about_its_schema_is_told_so(sqlite_hub, name):
    async with bad_server(_liar) as url, added(sqlite_hub, name, url), sqlite_hub.connected() as client:
        with pytest.raises(TrunklineError) as error:
            await client.call(f"{name}.liar", {})
        assert error.value.code == "mcp.upstream_broken"


async def test_an_upstream_that_comes_back_is_used_again(own_hub, name):
    hub = await own_hub(outbound={"allow": ["127.0.0.1"]}, mcp={"refresh_s": 1})
    async with hub.client() as admin:
        async with upstream() as server:
            await admin.mcp.add(name, McpUpstreamDeclaration(url=server.url))
            await eventually(lambda: _is_connected(admin, name))

        async def fails():
            shown = await admin.mcp.get(name)
            return shown.state == "failing" and shown.detail

        assert await eventually(fails)
        async with hub.connected() as client:
            with pytest.raises(TrunklineError) as error:
                await client.call(f"{name}.add", {"a": 1, "b": 1})
            assert error.value.code == "mcp.upstream_unavailable"
        health = await hub.admin("GET", "/health")
        assert name in health.body.decode()
