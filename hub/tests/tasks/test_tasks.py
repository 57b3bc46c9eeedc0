"""Long work from its start to its end, as its caller and its worker see it."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import trunkline as tl
from support.hub import eventually
from trunkline.protocol.errors import (
    PayloadInvalidError,
    PermissionDeniedError,
    RequestInvalidError,
    SkillUnknownError,
    TaskBusyError,
    TaskFinishedError,
    TaskUnknownError,
)
from trunkline.protocol.resources import Task, TaskCourse, TaskStep
from trunkline.protocol.tasks import Part, TaskMessage


@dataclass
class Order:
    item: str
    count: int = 1


@pytest.fixture
def gate():
    return asyncio.Event()


@pytest.fixture
def agent(name, gate):
    """An agent whose skills are long work of every kind."""
    agent = tl.Agent(name, description="Does long work")

    @agent.skill(f"{name}.bake", task=True)
    async def bake(order: Order, ctx: tl.Context) -> dict:
        await ctx.task.status("kneading")
        await ctx.progress(0.5, "half")
        await ctx.task.artifact(f"{order.count} x {order.item}", name="receipt")
        return {"baked": order.item}

    @agent.skill(f"{name}.ask", task=True)
    async def ask(order: Order, ctx: tl.Context) -> str:
        colour = await ctx.task.ask("Which colour?")
        count = await ctx.task.ask("How many?", int)
        return f"{count} {colour} {order.item}"

    @agent.skill(f"{name}.hold", task=True)
    async def hold(order: Order, ctx: tl.Context) -> str:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            stopped.append(ctx.task.id)
            raise
        return "held"

    @agent.skill(f"{name}.fail", task=True)
    async def fail(ctx: tl.Context) -> None:
        raise RuntimeError("out of flour")

    @agent.skill(f"{name}.again", task=True, retry=tl.Retry(max_attempts=3, base_s=0.05))
    async def again(ctx: tl.Context) -> int:
        if ctx.attempt < 2:
            raise RuntimeError("not yet")
        return ctx.attempt

    @agent.skill(f"{name}.reject", task=True)
    async def reject(ctx: tl.Context) -> None:
        ctx.task.reject("not my line")

    @agent.skill(f"{name}.sign", task=True)
    async def sign(ctx: tl.Context) -> str:
        ctx.task.require_auth("Sign in at the bakery")
        return "signed"

    @agent.skill(f"{name}.talk", task=True)
    async def talk(message: TaskMessage, ctx: tl.Context) -> TaskMessage:
        return TaskMessage(id="reply", role="agent", parts=[Part(text=message.text.upper())])

    @agent.skill(f"{name}.large", task=True)
    async def large(ctx: tl.Context) -> bytes:
        return b"x" * 3_000_000

    @agent.skill(f"{name}.stream", task=True)
    async def stream(ctx: tl.Context) -> None:
        for word in ("one ", "two ", "three"):
            await ctx.task.artifact(word, id="words", append=True, last=word == "three")
        await gate.wait()

    @agent.skill(f"{name}.plain")
    async def plain(order: Order, ctx: tl.Context) -> str:
        await ctx.progress(0.3, "on it")
        return f"{order.item}!"

    stopped: list[str] = []
    agent.stopped = stopped
    return agent


@pytest_asyncio.fixture(loop_scope="session")
async def tasks(hub, agent, name):
    async with hub.serving(agent), hub.client() as client:
        yield client.tasks


async def test_a_task_is_done_and_its_course_is_on_record(tasks, name):
    done = await tasks.run(f"{name}.bake", Order("rye", 3))
    assert done.status.state == "completed"
    assert [(a.name, a.parts[0].text, a.parts[0].data) for a in done.artifacts] == [
        ("receipt", "3 x rye", msg_unset()),
        ("result", None, {"baked": "rye"}),
    ]
    assert [m.text for m in done.history if m.role == "agent"] == ["kneading"]
    assert done.history[0].parts[0].data == {"item": "rye", "count": 3}
    listed = (await tasks.list(skill=f"{name}.bake")).items
    assert [(t.id, t.status.state) for t in listed] == [(done.id, "completed")]


def msg_unset():
    import msgspec

    return msgspec.UNSET


async def test_its_changes_of_state_are_in_the_log(hub, tasks, name):
    done = await tasks.run(f"{name}.bake", Order("rye"))

    async def told():
        async with hub.client() as client:
            page = await client.events.query(type="trunkline.task.changed", subject=done.id)
        states = [event.event["data"]["state"] for event in page.items]
        return states[-1:] == ["completed"] and states

    assert set(await eventually(told)) <= {"submitted", "working", "completed"}


async def test_metrics_count_the_open_ones(hub, tasks, name):
    held = await tasks.start(f"{name}.hold", Order("x"))

    async def counted():
        text = (await hub.http("GET", "/metrics", token=hub.admin_token)).body.decode()
        return 'trunkline_tasks{state="working",workspace="default"}' in text

    await eventually(counted)
    await tasks.cancel(held.id)


async def test_it_is_followed_step_by_step(tasks, name, gate):
    started = await tasks.start(f"{name}.stream")
    seen = []
    async for one in tasks.follow(started.id):
        seen.append(one)
        gate.set()
    assert isinstance(seen[0], Task)
    last = await tasks.get(started.id)
    assert "".join(p.text for p in last.artifacts[0].parts) == "one two three"
    assert [one.seq for one in seen] == sorted({one.seq for one in seen})
    assert isinstance(seen[-1], TaskStep) and seen[-1].event.state == "completed"


async def test_an_answer_brings_it_on(tasks, name):
    task = await tasks.run(f"{name}.ask", Order("bows"))
    assert (task.status.state, task.status.message.text) == ("input-required", "Which colour?")
    await tasks.reply(task.id, "red")
    task = await tasks.wait(task.id)
    assert (task.status.state, task.status.message.text) == ("input-required", "How many?")
    await tasks.reply(task.id, "many")
    task = await tasks.wait(task.id)
    assert task.status.state == "input-required" and "could not be read" in task.status.message.text
    await tasks.reply(task.id, 7)
    task = await tasks.wait(task.id)
    assert (task.status.state, task.artifacts[0].parts[0].text, task.turn) == ("completed", "7 red bows", 4)
    assert [m.role for m in task.history] == ["user", "agent", "user", "agent", "user", "agent", "user"]


async def test_what_waits_for_a_sign_in_says_so(tasks, name):
    task = await tasks.run(f"{name}.sign")
    assert task.status.state == "auth-required"
    await tasks.reply(task.id, "done")
    assert (await tasks.wait(task.id)).status.state == "completed"


async def test_it_is_called_off_and_its_worker_stops(tasks, name, agent):
    task = await tasks.start(f"{name}.hold", Order("x"))
    await eventually(lambda: state(tasks, task.id, "working"))
    gone = await tasks.cancel(task.id, "no longer wanted")
    assert (gone.status.state, gone.status.message.text) == ("canceled", "no longer wanted")
    await eventually(lambda: agent.stopped == [task.id])
    with pytest.raises(TaskFinishedError):
        await tasks.cancel(task.id)
    with pytest.raises(TaskFinishedError):
        await tasks.reply(task.id, "more")
    assert (await tasks.get(task.id)).status.state == "canceled"


async def state(tasks, task_id, wanted):
    return (await tasks.get(task_id)).status.state == wanted


async def test_a_failure_ends_it_unless_its_policy_tries_again(tasks, name):
    failed = await tasks.run(f"{name}.fail")
    assert (failed.status.state, failed.error.code) == ("failed", "call.failed")
    assert failed.error.detail == "RuntimeError: out of flour"
    again = await tasks.run(f"{name}.again")
    assert (again.status.state, again.attempt, again.artifacts[0].parts[0].data) == ("completed", 2, 2)


async def test_an_agent_may_reject_it(tasks, name):
    task = await tasks.run(f"{name}.reject")
    assert (task.status.state, task.status.message.text) == ("rejected", "not my line")


async def test_a_skill_may_take_the_whole_message(tasks, name):
    task = await tasks.run(f"{name}.talk", parts=[Part(text="hello"), Part(text="there")])
    assert task.status.message.text == "HELLO\nTHERE"


async def test_a_large_artifact_lies_in_the_object_store(hub, tasks, name):
    task = await tasks.run(f"{name}.large")
    part = task.artifacts[0].parts[0]
    async with hub.client() as client:
        assert len(await (await client.blobs.at(part.dataref)).read()) == 3_000_000


async def test_a_plain_skill_can_be_a_task_too(tasks, name):
    task = await tasks.run(f"{name}.plain", Order("tea"))
    assert (task.status.state, task.artifacts[0].parts[0].text) == ("completed", "tea!")
    assert task.progress is None
    with pytest.raises(PayloadInvalidError):
        await tasks.start(f"{name}.plain", {"count": 1})


async def test_it_waits_for_an_agent_that_is_away(hub, agent, name, gate):
    async with hub.serving(agent):
        pass
    async with hub.client() as client:
        long = await client.tasks.start(f"{name}.bake", Order("rye"))
        plain = await client.tasks.start(f"{name}.plain", Order("tea"))
        assert (await client.tasks.get(long.id)).status.state == "submitted"
        async with hub.serving(agent):
            assert (await client.tasks.wait(long.id)).status.state == "completed"
            assert (await client.tasks.wait(plain.id)).status.state == "completed"


async def test_what_was_called_off_while_it_waited_is_not_begun(hub, agent, name, gate):
    async with hub.serving(agent):
        pass
    async with hub.client() as client:
        task = await client.tasks.start(f"{name}.hold", Order("x"))
        await client.tasks.cancel(task.id)
        await asyncio.sleep(2.1)
        async with hub.serving(agent):
            after = await client.tasks.run(f"{name}.bake", Order("rye"))
        assert after.status.state == "completed"
        assert (await client.tasks.get(task.id)).status.state == "canceled"
        assert not agent.stopped


async def test_waiting_is_part_of_asking_if_one_likes(tasks, name, gate):
    quick = await tasks.start(f"{name}.bake", Order("rye"), wait_s=20)
    assert quick.status.state == "completed"
    slow = await tasks.start(f"{name}.hold", Order("x"), wait_s=0.3)
    assert slow.status.state in {"submitted", "working"}
    gate.set()
    assert (await tasks.wait(slow.id)).status.state == "completed"


async def test_bad_requests_are_told_what_is_wrong(hub, tasks, name):
    with pytest.raises(SkillUnknownError):
        await tasks.start(f"{name}.nothing")
    with pytest.raises(PayloadInvalidError):
        await tasks.start(f"{name}.bake", {"count": "many"})
    with pytest.raises(RequestInvalidError):
        await tasks.start(f"{name}.talk", parts=[Part(text="a", url="b")])
    with pytest.raises(TaskUnknownError):
        await tasks.get("no-such-task")
    busy = await tasks.start(f"{name}.hold", Order("x"))
    with pytest.raises(TaskBusyError):
        await tasks.reply(busy.id, "hurry")
    await tasks.cancel(busy.id)


async def test_only_its_caller_and_those_who_may_see_all_see_it(hub, tasks, name):
    mine = await tasks.run(f"{name}.bake", Order("rye"))
    stranger = await hub.token("tasks:run")
    viewer = await hub.token("tasks:run", "tasks:read")
    async with hub.client(stranger) as other:
        with pytest.raises(TaskUnknownError):
            await other.tasks.get(mine.id)
        assert not (await other.tasks.list()).items
        theirs = await other.tasks.run(f"{name}.bake", Order("oat"))
        assert [task.id for task in (await other.tasks.list()).items] == [theirs.id]
    async with hub.client(viewer) as other:
        assert (await other.tasks.get(mine.id)).id == mine.id
        held = await tasks.start(f"{name}.hold", Order("x"))
        with pytest.raises(TaskUnknownError):
            await other.tasks.cancel(held.id)
    async with hub.client(await hub.token("events:read")) as other:
        with pytest.raises(PermissionDeniedError):
            await other.tasks.list()
    await tasks.cancel(held.id)


async def test_its_course_is_told_without_what_it_holds(hub, tasks, name):
    done = await tasks.run(f"{name}.bake", Order("rye"))
    async with hub.client() as client:
        told = (await client.api.get(f"/tasks/{done.id}/course", TaskCourse)).items
    steps = [step.event for step in told]
    assert (steps[0].kind, steps[0].seed) == ("created", None)
    assert steps[-1].state == "completed"
    assert [one.artifact.parts for one in steps if one.artifact is not None] == [[], []]
    assert told[-1].seq == done.seq
    async with hub.client(await hub.token("tasks:run")) as other:
        with pytest.raises(TaskUnknownError):
            await other.api.get(f"/tasks/{done.id}/course", TaskCourse)
