"""Pydantic AI in this process: its types, its words, its errors; and what waits for another process."""

import asyncio

import pytest
import trunkline as tl
from pydantic import BaseModel
from support.hub import eventually
from trunkline.adapters import pydantic_ai as adapter
from trunkline.protocol.errors import CallFailedError, ModelUnavailableError, RunLimitError, TaskNeededError
from trunkline.testing import TestHub

pydantic_ai = pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed: `make install` installs it")
from pydantic_ai.exceptions import ModelHTTPError  # noqa: E402
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart  # noqa: E402
from pydantic_ai.models.function import DeltaToolCall, FunctionModel  # noqa: E402
from pydantic_ai.models.test import TestModel  # noqa: E402


class City(BaseModel):
    name: str
    people: int


def model_of(thought, pace=None):
    """A model that says `thought(messages)`: words, or (tool, arguments)."""

    def answer(messages, _info):
        said = thought(messages)
        return ModelResponse([TextPart(said) if isinstance(said, str) else ToolCallPart(*said, tool_call_id="c1")])

    async def speak(messages, _info):
        said = thought(messages)
        if isinstance(said, str):
            for word in said.split(" "):
                yield f"{word} "
                if pace is not None:
                    await pace(word)
        else:
            yield {0: DeltaToolCall(*said, tool_call_id="c1")}

    return FunctionModel(answer, stream_function=speak)


def buyer():
    def thought(messages):
        bought = [p.content for m in messages for p in m.parts if isinstance(p, ToolReturnPart)]
        return f"Done: {bought[0]}" if bought else ("buy", '{"count": 3}')

    agent = pydantic_ai.Agent(model_of(thought), name="buyer")

    @agent.tool_plain(requires_approval=True)
    def buy(count: int) -> str:
        return f"{count} bought"

    return agent


async def test_the_output_type_is_the_schema_and_the_answer():
    guest = pydantic_ai.Agent(TestModel(custom_output_args={"name": "Ulm", "people": 3}), output_type=City, name="Geo")
    agent = adapter.serve(guest)
    frame = agent.registration().skills[0]
    assert (agent.name, frame.name, frame.input_schema) == ("Geo", "Geo", {"type": "string"})
    assert frame.output_schema["properties"].keys() == {"name", "people"}
    async with TestHub(agent) as hub:
        assert await hub.call("Geo", "Where?") == {"name": "Ulm", "people": 3}


def _fail(error):
    def thought(_messages):
        raise error

    return thought


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (ModelHTTPError(429, "m"), ModelUnavailableError),
        (ModelHTTPError(503, "m"), ModelUnavailableError),
        (pydantic_ai.UsageLimitExceeded("enough"), RunLimitError),
        (RuntimeError("odd"), CallFailedError),
    ],
)
async def test_errors_are_ours(error, ours):
    async with TestHub(adapter.serve(pydantic_ai.Agent(model_of(_fail(error))), "a")) as hub:
        with pytest.raises(ours):
            await hub.call("a", "hello")


async def test_words_stream_into_the_result(sqlite_hub, name):
    half = asyncio.Event()

    async def pace(word):
        await asyncio.sleep(0.15)  # longer than the pace of pieces
        if word == "c":
            await half.wait()

    agent = adapter.serve(pydantic_ai.Agent(model_of(lambda _: "a b c d", pace)), name, task=True)
    async with sqlite_hub.serving(agent), sqlite_hub.client() as client:
        started = await client.tasks.start(name, "speak")

        async def told():
            return [part.text for a in (await client.tasks.get(started.id)).artifacts for part in a.parts]

        assert "a b ".startswith("".join(await eventually(told)))
        half.set()
        (artifact,) = (await client.tasks.wait(started.id)).artifacts
        assert "".join(part.text for part in artifact.parts) == "a b c d "
        assert len(artifact.parts) >= 2


async def test_an_approval_waits_while_its_process_goes_away(sqlite_hub, name):
    async with sqlite_hub.client() as client:
        async with sqlite_hub.serving(adapter.serve(buyer(), name, skill=name, task=True)):
            task = await client.tasks.run(name, "Buy")
            assert task.status.state == "input-required"
            assert task.status.message.parts[1].data == {
                "tool": "buy",
                "arguments": {"count": 3},
                "answers": ["yes", "no"],
            }
            with pytest.raises(TaskNeededError):
                await client.call(name, "Buy")
        async with sqlite_hub.serving(adapter.serve(buyer(), name, skill=name, task=True)):
            await client.tasks.reply(task.id, "perhaps")
            task = await client.tasks.wait(task.id)
            assert task.status.state == "input-required"  # that was neither yes nor no
            await client.tasks.reply(task.id, {"approved": True, "arguments": {"count": 2}})
            task = await client.tasks.wait(task.id)
    assert "".join(part.text for part in task.artifacts[0].parts).strip() == "Done: 2 bought"


async def test_cancelling_the_task_stops_the_model(sqlite_hub, name):
    at_work, stopped = asyncio.Event(), asyncio.Event()

    async def pace(_word):
        at_work.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise

    agent = adapter.serve(pydantic_ai.Agent(model_of(lambda _: "a b", pace)), name, task=True)
    async with sqlite_hub.serving(agent), sqlite_hub.client() as client:
        started = await client.tasks.start(name, "speak")
        async with asyncio.timeout(20):
            await at_work.wait()
            await client.tasks.cancel(started.id)
            await stopped.wait()
        assert (await client.tasks.get(started.id)).status.state == "canceled"


async def test_a_tool_tells_the_model_what_is_wrong(sqlite_hub, name):
    agent = tl.Agent(name)

    @agent.skill(name)
    async def double(count: int) -> int:
        return 2 * count

    async with sqlite_hub.serving(agent), sqlite_hub.client() as client:
        (tool,) = await adapter.tools(client, skills=[name])
        with pytest.raises(pydantic_ai.ModelRetry, match="call again"):
            await tool.function(input="two")
        assert await tool.function(input=2) == "4"
        assert tool.tool_def.parameters_json_schema["required"] == ["input"]
