"""MCP servers that speak stdio, passed through over HTTP in both eras: everything they offer, and every way they end."""

import asyncio
import contextlib
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import mcp_types as types
import pytest
import pytest_asyncio
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from support.broker import Broker
from support.hub import Hub, eventually
from trunkline.protocol.errors import McpUpstreamUnknownError
from trunkline.protocol.resources import McpUpstreamDeclaration

ERAS = ["auto", "legacy"]
_SERVER = Path(__file__).parents[1] / "support" / "mcp_stdio.py"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def allowing(tmp_path_factory):
    """A hub that may start this Python."""
    root = tmp_path_factory.mktemp("stdio")
    broker = Broker(root / "broker")
    await broker.start()
    hub = Hub(broker, f"sqlite:///{root / 'hub.db'}", mcp={"stdio_commands": [sys.executable], "max_processes": 3})
    await hub.start()
    yield hub
    await hub.stop()
    await broker.stop()


class Piped:
    """An upstream that is a command, and the file in which that says what befell it."""

    def __init__(self, hub, name, mark):
        self.hub, self.name, self.mark = hub, name, mark
        self.url = f"{hub.url}/mcp/w/default/upstreams/{name}"

    async def token(self):
        return await self.hub.token("mcp:use")

    @asynccontextmanager
    async def client(self, mode, *, token=None, **options):
        secret = token or await self.token()
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=30) as http:
            async with Client(
                streamable_http_client(self.url, http_client=http), mode=mode, cache=None, **options
            ) as mcp:
                yield mcp


def _declared(mark):
    return McpUpstreamDeclaration(transport="stdio", command=[sys.executable, "-P", str(_SERVER), str(mark)])


@pytest_asyncio.fixture(loop_scope="session")
async def piped(allowing, name, tmp_path):
    mark = tmp_path / "mark"
    async with allowing.client() as admin:
        await admin.mcp.add(name, _declared(mark))
        yield Piped(allowing, name, mark)
        with contextlib.suppress(McpUpstreamUnknownError):
            await admin.mcp.remove(name)


@pytest.mark.parametrize("mode", ERAS)
async def test_all_that_it_offers_is_there(piped, mode):
    heard, logged, asked = [], [], []

    async def on_progress(progress, total, message):
        heard.append((progress, total, message))

    async def on_log(params):
        logged.append(params.data)

    async def on_question(_ctx, params):
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"colour": "red"})

    options = {"elicitation_callback": on_question, "logging_callback": on_log}
    if mode == "auto":
        options["log_level"] = "info"
    async with piped.client(mode, **options) as mcp:
        assert (mcp.server_info.name, mcp.server_info.version) == ("by-stdio", "7.0")
        assert mcp.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")
        assert {"add", "paint"} <= {tool.name for tool in (await mcp.list_tools()).tools}
        assert (await mcp.call_tool("add", {"a": 1, "b": 2})).structured_content == {"result": 3}
        assert (await mcp.read_resource("note://one")).contents[0].text == "a note"
        assert (await mcp.get_prompt("greet", {"who": "Ada"})).messages[0].content.text == "Greet Ada"
        reference = types.PromptReference(name="greet")
        assert (await mcp.complete(reference, {"name": "who", "value": "Al"})).completion.values == ["Alan"]
        await mcp.call_tool("slow", {}, progress_callback=on_progress)
        assert heard == [(n, 5.0, f"step {n:.0f}") for n in (1.0, 2.0, 3.0, 4.0, 5.0)]
        assert (await mcp.call_tool("paint", {})).structured_content == {"result": "painted red"}
        assert asked == ["Which colour?"]
        many = await asyncio.gather(*(mcp.call_tool("add", {"a": n, "b": n}) for n in range(30)))
        assert [one.structured_content["result"] for one in many] == [2 * n for n in range(30)]
        with pytest.raises(MCPError) as missing:
            await mcp.read_resource("note://none")
        assert "note://none" in str(missing.value)
        await eventually(lambda: _is(logged, ["all steps"]))


async def _is(found, wanted):
    return found == wanted


async def test_news_of_its_tools_reach_listeners(piped):
    async with piped.client("auto") as mcp, mcp.listen(tools_list_changed=True) as news:
        await mcp.call_tool("grow", {})
        async with asyncio.timeout(10):
            async for _event in news:
                break
        assert "grown" in {tool.name for tool in (await mcp.list_tools()).tools}


async def test_news_of_its_tools_reach_sessions(piped):
    heard = asyncio.Event()

    async def on_message(message):
        if isinstance(message, types.ToolListChangedNotification):
            heard.set()

    async with piped.client("legacy", message_handler=on_message) as mcp:
        await asyncio.sleep(0.3)  # until the client has opened its stream for news
        await mcp.call_tool("grow", {})
        async with asyncio.timeout(10):
            await heard.wait()


async def test_callers_have_processes_of_their_own(piped):
    one, other = await piped.token(), await piped.token()

    async def pid(mcp):
        return (await mcp.call_tool("pid", {})).structured_content["result"]

    async with (
        piped.client("auto", token=one) as first,
        piped.client("auto", token=one) as again,
        piped.client("auto", token=other) as second,
        piped.client("legacy", token=one) as session,
    ):
        pids = [await pid(mcp) for mcp in (first, again, second, session)]
        assert pids[0] == pids[1] and len(set(pids)) == 3
        with pytest.raises((MCPError, ExceptionGroup)) as refused:
            async with piped.client("legacy", token=other):
                pass
        assert "3 processes" in repr(refused.value)
    await eventually(lambda: _gone(pids[3]))  # the session's end is its process's
    async with piped.hub.client() as admin:
        await admin.mcp.remove(piped.name)
    for left in pids:
        await eventually(lambda left=left: _gone(left))


async def _gone(pid):
    return not Path(f"/proc/{pid}").exists() if sys.platform == "linux" else _is_gone(pid)


def _is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_what_the_server_gave_out_opens_for_its_caller_only(piped):
    """A request state is sealed, and a session is of whom it was opened by."""
    secret = await piped.token()
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    }
    headers = {
        "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call", "Mcp-Name": "paint",
    }  # fmt: skip

    async def paint(token, **more):
        params = {"name": "paint", "arguments": {}, "_meta": meta, **more}
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            return (await http.post(piped.url, json=body, headers=headers)).json()

    asked = (await paint(secret))["result"]
    assert asked["resultType"] == "input_required" and "secret" not in asked["requestState"]
    answer = {"inputResponses": {"c": {"action": "accept", "content": {"colour": "blue"}}}}
    stolen = await paint(await piped.token(), **answer, requestState=asked["requestState"])
    assert "requestState" in stolen["error"]["message"]
    done = await paint(secret, **answer, requestState=asked["requestState"])
    assert done["result"]["structuredContent"] == {"result": "painted blue"}

    async with piped.client("legacy", token=secret) as mcp:
        await mcp.call_tool("add", {"a": 1, "b": 1})
        headers = {"Accept": "application/json, text/event-stream", "Mcp-Session-Id": "0" * 32}
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}", **headers}) as http:
            body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
            answer = await http.post(piped.url, json=body)
            assert answer.status_code == 404


@pytest.mark.parametrize("mode", ERAS)
async def test_a_call_that_is_given_up_is_cancelled_there(piped, mode):
    async with piped.client(mode) as mcp:
        calling = asyncio.ensure_future(mcp.call_tool("hang", {}))
        await eventually(lambda: _is(piped.mark.exists() and piped.mark.read_text(), "hanging"))
        calling.cancel()
        await asyncio.wait({calling})
        await eventually(lambda: _is(piped.mark.read_text(), "cancelled"))
        assert (await mcp.call_tool("add", {"a": 1, "b": 2})).structured_content == {"result": 3}


@pytest.mark.parametrize("mode", ERAS)
async def test_a_process_that_dies_is_told_of_and_another_started(piped, mode):
    secret = await piped.token()
    async with piped.client(mode, token=secret) as mcp:
        with pytest.raises(MCPError, match="has ended"):
            await mcp.call_tool("die", {})
        if mode == "auto":
            assert (await mcp.call_tool("add", {"a": 1, "b": 2})).structured_content == {"result": 3}
    async with piped.client(mode, token=secret) as mcp:
        assert (await mcp.call_tool("add", {"a": 1, "b": 2})).structured_content == {"result": 3}


async def test_a_command_that_settings_no_longer_allow_is_not_run(own_hub, tmp_path):
    options = {"url": f"sqlite:///{tmp_path / 'kept.db'}"}
    hub = await own_hub(mcp={"stdio_commands": [sys.executable]}, **options)
    async with hub.client() as admin:
        await admin.mcp.add("pipe", _declared(tmp_path / "mark"))
    await hub.stop()
    hub = await own_hub(**options)
    answer = await hub.admin("POST", "/mcp/w/default/upstreams/pipe", raw=b"{}")
    assert (answer.status, answer.code) == (403, "mcp.command_refused")
    async with hub.client() as admin:

        async def is_refused():
            found = await admin.mcp.get("pipe")
            return found.state == "failing" and "stdio_commands" in found.detail

        await eventually(is_refused)
