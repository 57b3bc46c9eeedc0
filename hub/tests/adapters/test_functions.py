"""Plain callables as skills, and skills as tools for whoever wants them."""

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest
import trunkline as tl
from support.hub import eventually
from trunkline.adapters import functions, loading
from trunkline.adapters.skill_tools import complaint
from trunkline.protocol.errors import (
    CallFailedError,
    CallTimeoutError,
    FrameworkMissingError,
    HandlerInvalidError,
    PayloadInvalidError,
    SkillUnknownError,
)
from trunkline.protocol.tasks import Part
from trunkline.testing import TestHub


def area(width: float, height: float = 1.0) -> float:
    """Area of a rectangle."""
    return width * height


class Counter:
    """Counts letters."""

    async def __call__(self, text: str) -> int:
        return len(text)


def words(text: str) -> Iterator[str]:
    yield from text.split("-")


async def pieces(text: str) -> AsyncIterator[str]:
    for word in text.split("-"):
        yield word


def numbers(count: int) -> Iterator[int]:
    yield from range(count)


def joined(agent, **skills):
    for skill, function in skills.items():
        functions.serve(function, agent, skill=skill)
    return agent


async def test_callables_of_every_kind_are_skills():
    double = functools.partial(area, height=2.0)
    agent = joined(
        tl.Agent("a"), area=area, count=Counter(), double=double, words=words, pieces=pieces, numbers=numbers
    )
    async with TestHub(agent) as hub:
        assert await hub.call("area", {"width": 2.0, "height": 3.0}) == 6.0
        assert await hub.call("area", {"width": 2.0}) == 2.0
        assert await hub.call("count", "four") == 4
        assert await hub.call("double", 2.0) == 4.0
        assert await hub.call("words", "a-b") == "ab"
        assert await hub.call("pieces", "a-b") == "ab"
        assert await hub.call("numbers", 3) == [0, 1, 2]
        with pytest.raises(PayloadInvalidError) as refused:
            await hub.call("area", {"width": "wide"})
        assert refused.value.errors[0].pointer == "/width"
        with pytest.raises(PayloadInvalidError):
            await hub.call("area", {"width": 1.0, "depth": 2.0})


def test_a_callable_describes_itself():
    agent = joined(tl.Agent("a"), area=area, count=Counter(), words=words, numbers=numbers)
    frames = {skill.name: skill for skill in agent.registration().skills}
    assert frames["area"].description == "Area of a rectangle."
    assert frames["area"].input_schema["required"] == ["width"]
    assert frames["area"].input_schema["properties"]["height"]["default"] == 1.0
    assert (frames["count"].description, frames["count"].output_schema) == ("Counts letters.", {"type": "integer"})
    assert frames["words"].output_schema == {"type": "string"}
    assert frames["numbers"].output_schema == {"type": "array", "items": {"type": "integer"}}


def test_a_new_agent_is_called_as_the_callable_unless_it_is_named():
    assert functions.serve(area).name == "area"
    named = functions.serve(area, "geometry", task=True, tags=["math"], description="Rectangles")
    frame = named.registration().skills[0]
    assert (named.name, frame.name, frame.task, frame.tags, frame.description) == (
        "geometry", "area", True, ["math"], "Rectangles",
    )  # fmt: skip


@pytest.mark.parametrize("function", [lambda *things: things, lambda **things: things])
def test_a_parameter_without_a_name_is_refused(function):
    with pytest.raises(HandlerInvalidError, match="needs a name"):
        functions.serve(function, "a")


def test_an_absent_framework_says_what_to_install():
    with pytest.raises(FrameworkMissingError, match=r"pip install 'trunkline\[pigeon\]'"):
        loading.need("pigeon_post", "pigeon")


async def test_a_generator_grows_the_result_of_its_task(sqlite_hub, name):
    half = asyncio.Event()

    async def story() -> AsyncIterator[str]:
        for word in ("once ", "upon ", "a "):
            yield word
            await asyncio.sleep(0.15)  # longer than the pace: so each is a piece of its own
        await half.wait()
        yield "time"

    agent = functions.serve(story, name, skill=name, task=True)
    async with sqlite_hub.serving(agent), sqlite_hub.client() as client:
        started = await client.tasks.start(name)

        async def told():
            return [part.text for a in (await client.tasks.get(started.id)).artifacts for part in a.parts]

        assert "".join(await eventually(told)) in {"once ", "once upon ", "once upon a "}
        half.set()
        done = await client.tasks.wait(started.id)
        (artifact,) = done.artifacts
        assert (artifact.id, "".join(part.text for part in artifact.parts)) == ("result", "once upon a time")
        assert len(artifact.parts) >= 2
        assert await client.call(name) == "once upon a time"


@pytest.fixture
def shop(name):
    """Skills of every shape."""
    agent = tl.Agent(name)
    stopped = asyncio.Event()
    agent.stopped = stopped

    class Order(msgspec.Struct):
        item: str
        count: int = 1

    @agent.skill(f"{name}.price", tags=[f"{name}-shop"], description="What it costs")
    async def price(order: Order, ctx: tl.Context) -> dict:
        agent.seen = (ctx.message.causationid, ctx.correlation_id, ctx.remaining_s, ctx.traceparent)
        return {"item": order.item, "total": order.count * 2}

    @agent.skill(f"{name}.shout", tags=[f"{name}-shop"])
    async def shout(text: str) -> str:
        return text.upper()

    @agent.skill(f"{name}.sum")
    async def total(numbers: list[int]) -> int:
        return sum(numbers)

    @agent.skill(f"{name}.break")
    async def broken() -> None:
        raise RuntimeError("no flour")

    @agent.skill(f"{name}.bake", task=True)
    async def bake(order: Order, ctx: tl.Context) -> str:
        if order.item == "ask":
            await ctx.task.ask("Which colour?")
        if order.item == "stay":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                stopped.set()
                raise
        return f"{order.count} baked"

    return agent


async def test_skills_are_tools_with_names_schemas_and_answers(sqlite_hub, shop, name):
    async with sqlite_hub.serving(shop), sqlite_hub.client() as client:
        price, summed, bake = await functions.tools(client, skills=[f"{name}.price", f"{name}.sum", f"{name}.bake"])
        assert (price.name, price.description) == (f"{name}_price", "What it costs")
        assert price.schema["required"] == ["item"]
        assert summed.schema["properties"]["input"] == {"type": "array", "items": {"type": "integer"}}
        assert await price(item="rye", count=2) == {"item": "rye", "total": 4}
        assert await summed(input=[1, 2]) == 3
        assert await bake(item="rye") == "1 baked"
        assert await price.tell({"item": "rye"}) == '{"item":"rye","total":2}'
        said = await price.tell({"item": 1, "count": "two"})
        assert "/item" in said and "call again" in said


async def test_tools_are_found_by_tag_and_by_words_each_once(sqlite_hub, shop, name):
    async with sqlite_hub.serving(shop), sqlite_hub.client() as client:
        tagged = await functions.tools(client, tags=[f"{name}-shop"])
        assert {tool.skill.name for tool in tagged} == {f"{name}.price", f"{name}.shout"}
        found = await functions.tools(client, search=f"{name} COSTS")
        assert [tool.skill.name for tool in found] == [f"{name}.price"]
        both = await functions.tools(client, skills=[f"{name}.price"], tags=[f"{name}-shop"], limit=1)
        assert [tool.skill.name for tool in both] == [f"{name}.price"]
        assert await functions.tools(client, tags=["nobody has this"]) == []
        with pytest.raises(SkillUnknownError):
            await functions.tools(client, skills=[f"{name}.price"], agent="somebody-else")


async def test_what_goes_wrong_is_told_in_words(sqlite_hub, shop, name):
    async with sqlite_hub.serving(shop), sqlite_hub.client() as client:
        broken, bake = await functions.tools(client, skills=[f"{name}.break", f"{name}.bake"])
        assert await broken.tell({}) == (
            "Error call.failed: RuntimeError: no flour. The agent's log has the traceback under the same trace id."
        )
        with pytest.raises(CallFailedError, match=r"is input-required: Which colour\?"):
            await bake(item="ask")
        (asked,) = (await client.tasks.list(skill=f"{name}.bake")).items
        assert asked.status.state == "canceled"  # nobody is left who could answer
    assert "call.timeout" in complaint(CallTimeoutError("late"))


async def test_names_that_models_cannot_say_are_made_so(sqlite_hub, name):
    agent = tl.Agent(name)
    for skill in (f"{name}.a.b", f"{name}.a_b", f"{name}." + "x" * 80):
        functions.serve(area, agent, skill=skill)
    async with sqlite_hub.serving(agent), sqlite_hub.client() as client:
        names = [tool.name for tool in await functions.tools(client, search=name)]
    assert len(set(names)) == 3
    assert all(len(said) <= 64 and said.replace("_", "").replace("-", "").isalnum() for said in names)


async def test_a_nested_call_is_caused_by_the_message_and_has_no_more_time(sqlite_hub, shop, name):
    async with sqlite_hub.serving(shop), sqlite_hub.client() as client:
        (price,) = await functions.tools(client, skills=[f"{name}.price"])
        seen = []

        async def buy(item: str, ctx: tl.Context) -> dict:
            seen.extend([ctx.id, ctx.correlation_id, ctx.remaining_s, ctx.traceparent])
            return await price(item=item)

        buyer = functions.serve(buy, f"{name}-buyer", skill=f"{name}.buy")
        async with sqlite_hub.serving(buyer):
            assert await client.call(f"{name}.buy", "rye", timeout_s=7.0) == {"item": "rye", "total": 2}
        cause, correlation, remaining_s, traceparent = shop.seen
        assert (cause, correlation) == (seen[0], seen[1])
        assert remaining_s <= 7.0 < price.timeout_s
        assert traceparent.split("-")[1] == seen[3].split("-")[1]


async def test_long_work_behind_a_tool_stops_when_nobody_waits(sqlite_hub, shop, name):
    async with sqlite_hub.serving(shop), sqlite_hub.client() as client:
        (bake,) = await functions.tools(client, skills=[f"{name}.bake"], timeout_s=0.5)
        with pytest.raises(CallTimeoutError):
            await bake(item="stay")
        async with asyncio.timeout(20):
            await shop.stopped.wait()
        (task,) = (await client.tasks.list(skill=f"{name}.bake")).items
        assert task.status.state == "canceled"


async def test_prepare_and_extract_stand_between(sqlite_hub, name):
    agent = functions.serve(
        area, name, skill=name, input_type=list[float], prepare=lambda sides: functions_sides(*sides),
        extract=lambda found: f"{found} m²", output_type=str,
    )  # fmt: skip
    async with TestHub(agent) as hub:
        assert await hub.call(name, [2.0, 3.0]) == "6.0 m²"


def functions_sides(width, height):
    return type("Sides", (), {"width": width, "height": height})()


async def test_a_task_can_ask_through_a_callable(sqlite_hub, name):
    async def colour(ctx: tl.Context) -> str:
        return await ctx.task.ask("Which?")

    async with sqlite_hub.serving(functions.serve(colour, name, skill=name, task=True)), sqlite_hub.client() as client:
        task = await client.tasks.run(name)
        await client.tasks.reply(task.id, "red")
        done = await client.tasks.wait(task.id)
        assert done.artifacts[0].parts == [Part(text="red")]
