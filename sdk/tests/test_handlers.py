"""What a decorated function declares."""

import asyncio
import threading

import pytest
import trunkline as tl
from trunkline.handlers import Handler
from trunkline.protocol.errors import HandlerInvalidError


async def both(job: int, ctx: tl.Context) -> str: ...
async def reversed_(ctx: tl.Context, job: int): ...
async def payload_only(job: int): ...
async def context_only(ctx: tl.Context): ...
async def nothing(): ...
async def by_name(job, ctx): ...
async def two_payloads(a: int, b: int): ...
async def two_contexts(a: tl.Context, b: tl.Context): ...
async def unresolved(a: "Nowhere"): ...  # noqa: F821


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (both, [1, "C"]),
        (reversed_, ["C", 1]),
        (payload_only, [1]),
        (context_only, ["C"]),
        (nothing, []),
        (by_name, [1, "C"]),
    ],
)
async def test_arguments_arrive_in_the_order_of_the_signature(function, arguments):
    handler = Handler(function)
    seen = []

    async def spy(*given):
        seen.extend(given)

    handler.function = spy
    await handler(1, "C")
    assert seen == arguments
    assert handler.takes_payload == (1 in arguments)


@pytest.mark.parametrize("function", [two_payloads, two_contexts, unresolved])
def test_a_signature_that_cannot_be_served_is_refused_at_once(function):
    with pytest.raises(HandlerInvalidError) as caught:
        Handler(function)
    assert function.__name__ in caught.value.detail


async def test_a_plain_function_runs_beside_the_loop_not_in_it():
    def slow(job: int) -> str:
        return threading.current_thread().name

    assert await Handler(slow)(1, None) != threading.main_thread().name
    assert asyncio.get_running_loop().is_running()


@pytest.mark.parametrize("name", ["", "_x", "-x", ".x", "a b", "a/b", "ä", "a" * 128, "a\n", "a*", ">"])
def test_names_that_cannot_be_addressed_are_refused(name):
    with pytest.raises(HandlerInvalidError):
        tl.Agent(name)


def test_an_agent_tells_the_hub_all_it_offers():
    agent = tl.Agent("desk", version="1.2.0", description="Works.")

    @agent.skill(tags=["nlp"])
    async def shorten(text: str) -> str:
        """Shorten a text."""

    @agent.on("order.*", "refund.>", group="billing", retry=tl.Retry(max_attempts=2))
    async def bill(order: dict): ...

    @agent.task("invoices", ack_wait_s=5, concurrency=3)
    async def write(job: int): ...

    told = agent.registration()
    assert (told.version, told.description) == ("1.2.0", "Works.")
    (skill,) = told.skills
    assert (skill.name, skill.description, skill.tags) == ("shorten", "Shorten a text.", ["nlp"])
    assert skill.input_schema == {"type": "string"} == skill.output_schema
    group, queue = told.readers
    assert (group.lane, group.name, group.types, group.retry.max_attempts) == (
        "group",
        "billing",
        ["order.*", "refund.>"],
        2,
    )
    assert (queue.lane, queue.name, queue.ack_wait_s, queue.retry) == ("queue", "invoices", 5, None)
    assert queue.payload_schema == {"type": "integer"}


def test_a_group_without_a_name_has_the_agents():
    agent = tl.Agent("desk")
    agent.on("order.*")(payload_only)
    assert agent.registration().readers[0].name == "desk"


def test_decorated_functions_stay_ordinary_functions():
    agent = tl.Agent("desk")
    assert agent.task("q")(payload_only) is payload_only
    assert agent.skill()(payload_only) is payload_only
