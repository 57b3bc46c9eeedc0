"""Upstream tools that ask (multi round-trip requests), called as skills: their questions are those of a task."""

from contextlib import asynccontextmanager

import mcp_types as types
import pytest
from mcp.server.mcpserver import Context
from trunkline.protocol.errors import TaskNeededError
from trunkline.protocol.resources import McpUpstreamDeclaration
from trunkline_hub.gateways.mcp.model.forms import misfits

from support.hub import eventually
from support.mcp import make_server, upstream

COLOUR = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}},
    "required": ["colour"],
}
COATS = {"type": "object", "properties": {"coats": {"type": "integer"}}, "required": ["coats"]}


def form(message, schema):
    params = types.ElicitRequestFormParams.model_validate({"message": message, "requestedSchema": schema})
    return types.ElicitRequest(params=params)


def painter():
    """A server whose tools ask one thing after the other, or two at once; it keeps nothing between the rounds."""
    server = make_server()
    server.calls = []

    @server.tool()
    async def paint(what: str, ctx: Context) -> str | types.InputRequiredResult:
        answers = ctx.input_responses or {}
        server.calls.append((what, sorted(answers), ctx.request_state))
        if not ctx.request_state:
            return types.InputRequiredResult(input_requests={"c": form("Which colour?", COLOUR)}, request_state="one")
        if ctx.request_state == "one":
            colour = answers["c"].content["colour"]
            return types.InputRequiredResult(
                input_requests={"n": form("How many coats?", COATS)}, request_state=f"two:{colour}"
            )
        return f"{what}: {answers['n'].content['coats']} x {ctx.request_state.split(':')[1]}"

    @server.tool()
    async def both(ctx: Context) -> str | types.InputRequiredResult:
        answers = ctx.input_responses
        if not answers:
            return types.InputRequiredResult(
                input_requests={"c": form("Which colour?", COLOUR), "n": form("How many coats?", COATS)}
            )
        return f"{answers['n'].content['coats']} x {answers['c'].content['colour']}"

    @server.tool()
    async def sample(ctx: Context) -> str | types.InputRequiredResult:
        wanted = types.CreateMessageRequestParams(messages=[], max_tokens=1)
        return types.InputRequiredResult(input_requests={"s": types.CreateMessageRequest(params=wanted)})

    return server


@asynccontextmanager
async def added(hub, name, server):
    async with upstream(server) as running, hub.client() as admin:
        await admin.mcp.add(name, McpUpstreamDeclaration(url=running.url))

        async def is_connected():
            return (await admin.mcp.get(name)).state == "connected"

        await eventually(is_connected)
        yield admin
        await admin.mcp.remove(name)


async def until(admin, task_id, *states):
    async def stands():
        task = await admin.tasks.get(task_id)
        return task if task.status.state in states else None

    return await eventually(stands, timeout_s=20)


async def test_what_a_tool_asks_is_asked_by_a_task_and_answered_in_its_turns(hub, name):
    server = painter()
    async with added(hub, name, server) as admin:
        task = await admin.tasks.start(f"{name}.paint", {"what": "door"})
        asks = await until(admin, task.id, "input-required", "failed")
        assert asks.status.message.text == "Which colour?"
        assert asks.status.message.metadata["schema"] == COLOUR

        await admin.tasks.reply(task.id, {"colour": "green"})
        asks = await until(admin, task.id, "input-required", "failed")
        assert asks.status.message.text.endswith(". Which colour?")
        assert "green" in asks.status.message.text

        await admin.tasks.reply(task.id, {"colour": "red"})

        async def next_question():
            told = await admin.tasks.get(task.id)
            said = told.status.message
            return said is not None and said.text == "How many coats?" and told.status.state == "input-required"

        await eventually(next_question, timeout_s=20)
        await admin.tasks.reply(task.id, "2")
        done = await until(admin, task.id, "completed", "failed")
        assert done.artifacts[0].parts[0].data == {"result": "door: 2 x red"}
    assert server.calls == [("door", [], None), ("door", ["c"], "one"), ("door", ["n"], "two:red")]


async def test_several_questions_at_once_take_one_answer_for_each(sqlite_hub, name):
    async with added(sqlite_hub, name, painter()) as admin:
        task = await admin.tasks.start(f"{name}.both", {})
        asks = await until(admin, task.id, "input-required", "failed")
        assert [part.metadata["question"] for part in asks.status.message.parts] == ["c", "n"]
        await admin.tasks.reply(task.id, {"c": {"colour": "blue"}, "n": {"coats": 3}})
        done = await until(admin, task.id, "completed", "failed")
        assert done.artifacts[0].parts[0].data == {"result": "3 x blue"}


async def test_a_plain_call_becomes_a_task_that_can_be_answered(sqlite_hub, name):
    async with added(sqlite_hub, name, painter()) as admin, sqlite_hub.connected() as client:
        with pytest.raises(TaskNeededError, match=r"Which colour\?; answer the task (\S+)") as caught:
            await client.call(f"{name}.paint", {"what": "wall"})
        task_id = caught.value.detail.rsplit(" ", 1)[1]
        assert (await until(admin, task_id, "input-required")).skill == f"{name}.paint"
        await admin.tasks.reply(task_id, {"colour": "blue"})
        await eventually(lambda: _asks(admin, task_id, "How many coats?"), timeout_s=20)
        await admin.tasks.reply(task_id, {"coats": 1})
        done = await until(admin, task_id, "completed", "failed")
        assert done.artifacts[0].parts[0].data == {"result": "wall: 1 x blue"}


async def _asks(admin, task_id, text):
    said = (await admin.tasks.get(task_id)).status.message
    return said is not None and said.text == text


async def test_a_tool_may_ask_for_nothing_but_answers(sqlite_hub, name):
    async with added(sqlite_hub, name, painter()) as admin:
        task = await admin.tasks.start(f"{name}.sample", {})
        failed = await until(admin, task.id, "failed", "completed")
        assert failed.error.code == "mcp.upstream_broken"


async def test_the_questions_outlive_the_hub_that_asked_them(own_hub, name):
    server = painter()
    allow = {"allow": ["127.0.0.1"]}
    first = await own_hub(outbound=allow)
    async with upstream(server) as running, first.client() as admin:
        await admin.mcp.add(name, McpUpstreamDeclaration(url=running.url))
        task = await eventually(lambda: _started(admin, name), timeout_s=20)
        await until(admin, task.id, "input-required")
        await first.stop()
        second = await own_hub(outbound=allow)
        async with second.client() as other:
            await other.tasks.reply(task.id, {"colour": "red"})
            await eventually(lambda: _asks(other, task.id, "How many coats?"), timeout_s=30)
            await other.tasks.reply(task.id, {"coats": 4})
            done = await until(other, task.id, "completed", "failed")
            assert done.artifacts[0].parts[0].data == {"result": "door: 4 x red"}


async def _started(admin, name):
    if (await admin.mcp.get(name)).state != "connected":
        return None
    return await admin.tasks.start(f"{name}.paint", {"what": "door"})


@pytest.mark.parametrize("schema", [{"$ref": "http://127.0.0.1:1/evil"}, {"type": 7}, {"properties": "none"}])
def test_a_schema_that_is_none_or_lies_elsewhere_is_not_looked_for(schema):
    assert misfits(schema, {"a": 1}) == []
