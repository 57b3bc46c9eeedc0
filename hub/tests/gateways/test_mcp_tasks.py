"""Long work by MCP: the Tasks extension, spoken as the wire has it, for no client library knows it yet."""

import asyncio
from dataclasses import dataclass

import aiohttp
import msgspec
import pytest_asyncio
import trunkline as tl
from trunkline.protocol.errors import TaskNeededError
from trunkline.protocol.tasks import Part

from support.hub import eventually

ERA = "2026-07-28"
TASKS = "io.modelcontextprotocol/tasks"
BOTH = {"elicitation": {}, "extensions": {TASKS: {}}}


class Wire:
    """A client of the 2026 era that says what it is told to say."""

    def __init__(self, http, hub, token, path):
        self.http, self.url, self.token = http, f"{hub.url}/mcp/w/default{path}", token

    def request(self, method, params, capabilities, name=None):
        meta = {
            "io.modelcontextprotocol/protocolVersion": ERA,
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        }
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**params, "_meta": meta}}
        headers = {
            "Authorization": f"Bearer {self.token}", "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json", "MCP-Protocol-Version": ERA, "Mcp-Method": method,
        }  # fmt: skip
        name = name or params.get("name") or params.get("taskId") or params.get("uri")
        return self.http.post(
            self.url, data=msgspec.json.encode(body), headers=headers | ({"Mcp-Name": name} if name else {})
        )

    async def ask(self, method, params, capabilities=BOTH, name=None):
        async with self.request(method, params, capabilities, name) as answer:
            return msgspec.json.decode(await answer.read())

    async def result(self, method, params, capabilities=BOTH):
        answer = await self.ask(method, params, capabilities)
        assert "result" in answer, answer
        return answer["result"]

    async def error(self, method, params, capabilities=BOTH, name=None):
        return (await self.ask(method, params, capabilities, name))["error"]

    async def start(self, tool, arguments=None):
        made = await self.result("tools/call", {"name": tool, "arguments": arguments or {}})
        assert made["resultType"] == "task", made
        return made["taskId"]

    async def until(self, task_id, *states):
        async def stands():
            task = await self.result("tasks/get", {"taskId": task_id})
            return task if task["status"] in states else None

        return await eventually(stands, timeout_s=20)


@pytest_asyncio.fixture(loop_scope="session")
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


@dataclass
class Colour:
    name: str
    dark: bool = False


def painter(name):
    agent = tl.Agent(name)

    @agent.skill(f"{name}-paint", task=True)
    async def paint(job: dict, ctx: tl.Context) -> dict:
        await ctx.task.status("mixing")
        if job.get("ask"):
            colour = await ctx.task.ask("Which colour?", Colour)
            await ctx.task.artifact(f"painted {colour.name}", name="note")
            await ctx.task.artifact(
                tl.Blob.from_bytes(b"\x00picture" * 40_000, content_type="image/png"), name="picture"
            )
            return {"colour": colour.name}
        if job.get("fail"):
            raise RuntimeError("out of paint")
        if job.get("needs"):
            raise TaskNeededError("Not without a record")
        if job.get("several"):
            answers = await ctx.task.ask(
                [Part(text=f"{one}?", metadata={"question": one}) for one in ("wall", "door")], dict[str, str]
            )
            return answers
        await asyncio.sleep(job.get("seconds", 0))
        return {"done": True}

    return agent, f"{name}-paint"


async def test_long_work_is_a_task_that_asks_and_brings_what_it_made(hub, http, name):
    agent, tool = painter(name)
    async with hub.serving(agent):
        mine = Wire(http, hub, await hub.token("mcp:use", principal=f"{name}-a"), f"/agents/{name}")
        task_id = await mine.start(tool, {"ask": True})
        task = await mine.until(task_id, "input_required")
        ((key, request),) = task["inputRequests"].items()
        assert (request["method"], request["params"]["message"]) == ("elicitation/create", "Which colour?")
        form = request["params"]["requestedSchema"]
        assert form["properties"]["name"]["type"] == "string"
        assert form["required"] == ["name"]

        unfit = {"taskId": task_id, "inputResponses": {key: {"action": "accept", "content": {"name": 3}}}}
        assert (await mine.error("tasks/update", unfit))["code"] == -32602
        unasked = {"taskId": task_id, "inputResponses": {"no-such-question": {"action": "accept", "content": {}}}}
        assert (await mine.result("tasks/update", unasked))["resultType"] == "complete"
        answer = {"taskId": task_id, "inputResponses": {key: {"action": "accept", "content": {"name": "red"}}}}
        assert set(await mine.result("tasks/update", answer)) <= {"resultType", "_meta"}

        task = await mine.until(task_id, "completed", "failed")
        assert task["result"]["structuredContent"] == {"colour": "red"}
        links = {block["name"]: block["uri"] for block in task["result"]["content"] if block["type"] == "resource_link"}
        note = (await mine.result("resources/read", {"uri": links["note"]}))["contents"]
        assert [(one["mimeType"], one["text"]) for one in note] == [("text/plain", "painted red")]
        picture = (await mine.result("resources/read", {"uri": links["picture"]}))["contents"]
        assert picture[0]["mimeType"] == "image/png"
        assert len(picture[0]["blob"]) > 400_000

        listed, cursor = [], None
        while True:
            page = await mine.result("resources/list", {"cursor": cursor} if cursor else {})
            listed += [one["uri"] for one in page["resources"]]
            cursor = page.get("nextCursor")
            if cursor is None:
                break
        assert set(links.values()) <= set(listed)

        other = Wire(http, hub, await hub.token("mcp:use", principal=f"{name}-b"), f"/agents/{name}")
        for method in ("tasks/get", "tasks/cancel"):
            assert (await other.error(method, {"taskId": task_id}))["code"] == -32602
        assert (await other.error("resources/read", {"uri": links["note"]}))["code"] == -32602
        assert not (await other.result("resources/list", {}))["resources"]


async def test_what_the_tool_does_wrong_completes_and_what_is_called_off_is_cancelled(sqlite_hub, http, name):
    agent, tool = painter(name)
    async with sqlite_hub.serving(agent):
        mine = Wire(http, sqlite_hub, await sqlite_hub.token("mcp:use"), f"/agents/{name}")
        failed = await mine.until(await mine.start(tool, {"fail": True}), "completed", "failed")
        assert (failed["status"], failed["result"]["isError"]) == ("completed", True)
        assert "out of paint" in failed["result"]["content"][0]["text"]

        task_id = await mine.start(tool, {"seconds": 60})
        await mine.result("tasks/cancel", {"taskId": task_id})
        await mine.until(task_id, "cancelled")
        await mine.result("tasks/cancel", {"taskId": task_id})  # once more does no harm

        task_id = await mine.start(tool, {"ask": True})
        (key,) = (await mine.until(task_id, "input_required"))["inputRequests"]
        await mine.result("tasks/update", {"taskId": task_id, "inputResponses": {key: {"action": "decline"}}})
        await mine.until(task_id, "cancelled")


async def test_several_questions_are_answered_one_by_one(sqlite_hub, http, name):
    agent, tool = painter(name)
    async with sqlite_hub.serving(agent):
        mine = Wire(http, sqlite_hub, await sqlite_hub.token("mcp:use"), f"/agents/{name}")
        task_id = await mine.start(tool, {"several": True})
        first, second = (await mine.until(task_id, "input_required"))["inputRequests"]
        for key, left in ((first, [second]), (second, None)):
            content = {"answer": f"blue-{key.rsplit('.', 1)[1]}"}
            update = {"taskId": task_id, "inputResponses": {key: {"action": "accept", "content": content}}}
            await mine.result("tasks/update", update)
            if left:
                task = await mine.result("tasks/get", {"taskId": task_id})
                assert (task["status"], list(task["inputRequests"])) == ("input_required", left)
        task = await mine.until(task_id, "completed", "failed")
        assert task["result"]["structuredContent"] == {"wall": "blue-wall", "door": "blue-door"}


async def test_a_client_that_knows_no_tasks_gets_none(sqlite_hub, http, name):
    agent, tool = painter(name)
    async with sqlite_hub.serving(agent):
        mine = Wire(http, sqlite_hub, await sqlite_hub.token("mcp:use"), f"/agents/{name}")
        plain = await mine.result("tools/call", {"name": tool, "arguments": {}}, {})
        assert (plain["resultType"], plain["structuredContent"]) == ("complete", {"done": True})
        for method in ("tasks/get", "tasks/cancel"):
            refused = await mine.error(method, {"taskId": "x"}, {})
            assert refused["code"] == -32021
            assert TASKS in refused["data"]["requiredCapabilities"]["extensions"]
        refused = await mine.error("tools/call", {"name": tool, "arguments": {"needs": True}}, {})
        assert refused["code"] == -32021
        task_id = await mine.start(tool)
        assert (await mine.error("tasks/get", {"taskId": task_id}, name="another"))["code"] == -32020
        assert (await mine.error("tasks/list", {}))["code"] == -32601


async def test_another_hub_answers_for_a_task_and_clients_hear_of_it(own_hub, postgres, http, name):
    url = await postgres.fresh()
    here, there = await own_hub(url=url, hub_id="here"), await own_hub(url=url, hub_id="there")
    agent, tool = painter(name)
    async with here.serving(agent):
        token = await here.token("mcp:use", principal=name)
        mine = Wire(http, here, token, f"/agents/{name}")
        task_id = await mine.start(tool, {"ask": True})
        await mine.until(task_id, "input_required")
        elsewhere = Wire(http, there, token, f"/agents/{name}")
        heard = []
        wanted = {"notifications": {"taskIds": [task_id, "unknown"]}}
        async with elsewhere.request("subscriptions/listen", wanted, BOTH) as stream:
            messages = (msgspec.json.decode(line[6:]) async for line in stream.content if line.startswith(b"data: "))
            first = await anext(messages)
            assert first["params"]["notifications"]["taskIds"] == [task_id]
            (key,) = (await elsewhere.result("tasks/get", {"taskId": task_id}))["inputRequests"]
            answer = {key: {"action": "accept", "content": {"name": "red"}}}
            await elsewhere.result("tasks/update", {"taskId": task_id, "inputResponses": answer})
            async with asyncio.timeout(20):
                while not heard or heard[-1]["status"] != "completed":
                    message = await anext(messages)
                    assert message["method"] == "notifications/tasks"
                    heard.append(message["params"])
        assert heard[-1]["result"]["structuredContent"] == {"colour": "red"}
        assert (await elsewhere.error("subscriptions/listen", wanted, {}))["code"] == -32021
