"""`TestHub` behaves as a hub does, without one."""

import msgspec
import pytest
import trunkline as tl
from trunkline.protocol.errors import (
    CallFailedError,
    PayloadInvalidError,
    QueueUnknownError,
    SkillUnknownError,
    TaskNeededError,
)
from trunkline.testing import TestHub


class Order(msgspec.Struct):
    id: int


def an_agent() -> tl.Agent:
    agent = tl.Agent("orders", version="1.0.0")

    @agent.skill()
    async def double(number: int, ctx: tl.Context) -> int:
        await ctx.progress(0.5, "half way")
        return number * 2

    @agent.skill()
    def fail(number: int) -> int:
        raise ValueError("no luck")

    @agent.on("order.created", "invoice.*", group="billing")
    async def bill(order: Order, ctx: tl.Context) -> None:
        await ctx.enqueue("invoices", order)

    @agent.task("invoices", retry=tl.Retry(max_attempts=3))
    async def write(order: Order, ctx: tl.Context) -> None:
        if order.id == 13:
            raise tl.PermanentError("we do not serve number 13")
        if order.id < 0:
            raise RuntimeError(f"attempt {ctx.attempt}")
        await ctx.publish("invoice.written.late", order)

    return agent


async def test_call_returns_the_output_and_reports_progress():
    async with TestHub(an_agent()) as hub:
        assert await hub.call("double", 21) == 42
        assert [step.message for step in hub.progress] == ["half way"]


async def test_call_refuses_input_that_does_not_fit_the_schema():
    async with TestHub(an_agent()) as hub:
        with pytest.raises(PayloadInvalidError):
            await hub.call("double", "twenty-one")


async def test_an_error_of_the_handler_becomes_call_failed():
    async with TestHub(an_agent()) as hub:
        with pytest.raises(CallFailedError, match="no luck"):
            await hub.call("fail", 1)


async def test_what_nobody_offers_is_refused():
    async with TestHub(an_agent()) as hub:
        with pytest.raises(SkillUnknownError):
            await hub.call("triple", 1)
        with pytest.raises(QueueUnknownError):
            await hub.enqueue("parcels", {})


async def test_an_event_runs_its_handlers_and_what_they_send_is_linked_to_it():
    async with TestHub(an_agent()) as hub:
        ack = await hub.publish("order.created", Order(id=1))

        (task,) = hub.tasks["invoices"]
        assert task.causationid == ack.id
        assert task.correlationid == ack.id
        assert [event.type for event in hub.events] == ["order.created", "invoice.written.late"]
        assert hub.dead_letters == []


async def test_the_same_id_is_handled_once():
    async with TestHub(an_agent()) as hub:
        assert not (await hub.publish("order.created", Order(id=1), id="a")).duplicate
        assert (await hub.publish("order.created", Order(id=1), id="a")).duplicate
        assert len(hub.tasks["invoices"]) == 1


async def test_failed_work_is_tried_again_and_then_dead_lettered_with_every_error():
    async with TestHub(an_agent()) as hub:
        await hub.enqueue("invoices", Order(id=-1))

        (letter,) = hub.dead_letters
        assert letter.reason == "attempts_exhausted"
        assert [error.message for error in letter.errors] == ["attempt 1", "attempt 2", "attempt 3"]


@pytest.mark.parametrize(
    ("payload", "reason"), [({"id": 13}, "rejected"), ({"id": "x"}, "invalid"), ({}, "invalid"), ("junk", "invalid")]
)
async def test_hopeless_work_is_dead_lettered_at_once(payload, reason):
    async with TestHub(an_agent()) as hub:
        await hub.enqueue("invoices", payload)

        (letter,) = hub.dead_letters
        assert (letter.reason, len(letter.errors)) == (reason, 1)


def a_baker() -> tl.Agent:
    agent = tl.Agent("baker")

    @agent.skill(task=True)
    async def bake(order: Order, ctx: tl.Context) -> dict:
        await ctx.progress(0.5, "kneading")
        await ctx.task.save({"kneaded": order.id})
        glaze = await ctx.task.ask("Which glaze?")
        await ctx.task.artifact(b"x" * 10, name="picture")
        return {"glaze": glaze, "saved": ctx.task.load()}

    @agent.skill(task=True, retry=tl.Retry(max_attempts=2))
    async def burn(ctx: tl.Context) -> None:
        raise RuntimeError(f"attempt {ctx.attempt}")

    @agent.skill()
    async def plain(ctx: tl.Context) -> str:
        await ctx.task.status("at it")
        await ctx.task.ask("Really?")
        return ""

    return agent


async def test_a_task_runs_until_it_asks_and_on_when_it_is_answered():
    async with TestHub(a_baker()) as hub:
        task = await hub.start_task("bake", Order(id=7))
        assert (task.state, task.message.text, task.progress[0].fraction) == ("input-required", "Which glaze?", 0.5)
        await task.reply("red")
        assert (task.state, task.result) == ("completed", {"glaze": "red", "saved": {"kneaded": 7}})
        assert hub.blobs[task.artifacts[0].parts[0].dataref] == b"x" * 10


async def test_a_task_that_fails_says_why_when_its_policy_is_at_its_end():
    async with TestHub(a_baker()) as hub:
        task = await hub.start_task("burn")
        assert (task.state, task.error.detail) == ("failed", "RuntimeError: attempt 2")


async def test_nobody_can_be_asked_in_a_plain_call():
    async with TestHub(a_baker()) as hub:
        with pytest.raises(TaskNeededError):
            await hub.call("plain")
        assert hub.progress[0].message == "at it"


async def test_a_call_may_ask_for_a_version_an_instance_or_a_key():
    agents = [tl.Agent(f"a-{version[0]}", version=version) for version in ("1.0.0", "2.1.0")]
    for number, agent in enumerate(agents):
        _offer(agent, number)
    async with TestHub(*agents) as hub:
        assert await hub.call("who", {}, version="^2") == 1
        assert await hub.call("who", {}, instance=agents[1].instance) == 1
        assert await hub.call("who", {}, key="customer-7") == 0
        with pytest.raises(tl.AgentOfflineError):
            await hub.call("who", {}, version="^3")


def _offer(agent, number):
    @agent.skill("who")
    async def who(job: dict) -> int:
        return number
