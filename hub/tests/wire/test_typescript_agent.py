"""An agent in another language, written from `docs/protocol/`, against a real hub and beside agents in Python."""

import asyncio
import signal
import subprocess

import msgspec
import pytest
import pytest_asyncio
import trunkline as tl
from trunkline.protocol.errors import PayloadInvalidError
from trunkline.protocol.tasks import Part

from support.hub import eventually
from support.letters import dead_letters, history, publish_raw
from wire.conftest import ENVIRONMENT

SCOPES = ("agents:*", "queues:*", "events:*", "blobs:*", "tasks:*")


@pytest.fixture
def prefix(name):
    return f"{name}."


@pytest_asyncio.fixture(loop_scope="session")
async def token(sqlite_hub, name):
    return await sqlite_hub.token(*SCOPES, principal=f"owner-{name}")


@pytest_asyncio.fixture(loop_scope="session")
async def program(sqlite_hub, typescript, token, prefix):
    await declare(sqlite_hub, prefix)
    async with typescript(sqlite_hub, token, prefix) as running:
        yield running


async def declare(hub, prefix: str, **settings) -> None:
    retry = {"max_attempts": 3, "base_s": 0.05, "jitter": 0.0}
    body = {"retry": retry, "ack_wait_s": 1.0} | settings
    made = await hub.admin("PUT", f"queues/{prefix}texts", raw=msgspec.json.encode(body))
    assert made.status == 200, made.body


def python_agent(prefix: str) -> tl.Agent:
    """The same skill and the same queue."""
    agent = tl.Agent(f"{prefix}py-words")

    @agent.skill(f"{prefix}count-words")
    async def count(text: str) -> dict:
        return {"words": len(text.split()), "by": agent.name}

    @agent.task(f"{prefix}texts", concurrency=2)
    async def count_text(job: dict, ctx: tl.Context) -> None:
        await asyncio.sleep(job.get("ms", 0) / 1000)
        counted = {"id": ctx.id, "words": len(job["text"].split()), "by": agent.name, "attempt": ctx.attempt}
        await ctx.publish(f"{prefix}text.counted", counted)

    return agent


async def counted(hub, prefix: str, count: int) -> list[dict]:
    """Return what the workers say they have done, once there are `count` of them."""

    async def enough():
        answer = await hub.admin("GET", "events", params={"type": f"{prefix}text.counted", "limit": "200"})
        found = [item["event"]["data"] for item in answer.json["items"]]
        return found if len(found) >= count else None

    return await eventually(enough, timeout_s=30)


def test_the_agent_passes_the_strictest_type_check(example):
    done = subprocess.run(
        ["node", "node_modules/typescript/bin/tsc"], cwd=example, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


async def test_it_is_in_the_catalogue_and_alive_until_it_leaves(sqlite_hub, program, prefix):
    async def state():
        return (await sqlite_hub.admin("GET", f"agents/{prefix}ts-words")).json

    found = await eventually(lambda: state_is(state, "healthy"))
    assert [skill["name"] for skill in found["skills"]] == [f"{prefix}count-words", f"{prefix}word-report"]
    assert len(found["instances"]) == 1
    program.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(program.process.wait(), 10) == 0
    gone = await eventually(lambda: state_is(state, "offline"))
    assert gone["instances"] == []


async def state_is(ask, wanted: str):
    found = await ask()
    return found if found["state"] == wanted else None


async def test_calls_reach_instances_in_both_languages(sqlite_hub, program, token, prefix):
    skill, heard = f"{prefix}count-words", []
    async with sqlite_hub.serving(python_agent(prefix), token), sqlite_hub.connected(token) as client:
        answers = [await client.call(skill, "to be or not", timeout_s=10) for _ in range(40)]
        assert {answer["words"] for answer in answers} == {4}
        assert {answer["by"] for answer in answers} == {f"{prefix}ts-words", f"{prefix}py-words"}
        only = [await client.call(skill, "a", agent=f"{prefix}ts-words", timeout_s=10) for _ in range(5)]
        assert {answer["by"] for answer in only} == {f"{prefix}ts-words"}
        await client.call(skill, "a " * 1001, agent=f"{prefix}ts-words", timeout_s=10, on_progress=heard.append)
    assert [(said.fraction, said.message) for said in heard] == [(0.5, "a long text")]


async def test_every_way_to_call_gets_an_answer_and_errors_keep_their_code(sqlite_hub, program, token, prefix):
    skill, agent = f"{prefix}count-words", f"{prefix}ts-words"
    body = msgspec.json.encode({"input": "größe über alles", "agent": agent})
    over_http = await sqlite_hub.admin("POST", f"skills/{skill}/call", raw=body)
    assert over_http.json["output"]["words"] == 3
    instance = (await sqlite_hub.admin("GET", f"agents/{agent}")).json["instances"][0]["id"]
    async with sqlite_hub.connected(token) as client:
        exact = await client.call(skill, "one", agent=agent, instance=instance, timeout_s=10)
        assert exact["by"] == agent
        in_text = await client.call(skill, "one two", content_type="text/plain", agent=agent, timeout_s=10)
        assert in_text["words"] == 2
        with pytest.raises(PayloadInvalidError, match="must be a string"):
            await client.call(skill, 5, agent=agent, timeout_s=10)
        large = "word " * 2_000_000
        assert (await client.call(skill, large, agent=agent, timeout_s=30))["words"] == 2_000_000


async def test_queue_work_is_shared_between_both_languages(sqlite_hub, program, token, prefix):
    async with sqlite_hub.serving(python_agent(prefix), token), sqlite_hub.connected(token) as client:
        ids = [(await client.enqueue(f"{prefix}texts", {"text": "a b", "ms": 30})).id for _ in range(60)]
        done = await counted(sqlite_hub, prefix, 60)
    assert sorted(one["id"] for one in done) == sorted(ids)
    shares = [sum(one["by"] == f"{prefix}{who}-words" for one in done) for who in ("ts", "py")]
    assert min(shares) >= 10, shares


async def test_work_of_an_agent_that_is_killed_goes_to_another(sqlite_hub, program, token, prefix):
    async with sqlite_hub.connected(token) as client:
        ack = await client.enqueue(f"{prefix}texts", {"text": "a b c", "ms": 1500})
        await program.line(f"begin {ack.id} 1")
        program.process.kill()
        await program.process.wait()
        async with sqlite_hub.serving(python_agent(prefix), token):
            done = await counted(sqlite_hub, prefix, 1)
    assert done == [{"id": ack.id, "words": 3, "by": f"{prefix}py-words", "attempt": 2}]


async def test_long_work_keeps_its_lease(sqlite_hub, program, token, prefix):
    """Three times the lease of one second, beside a worker that would take the message."""
    async with sqlite_hub.connected(token) as client:
        ack = await client.enqueue(f"{prefix}texts", {"text": "a", "ms": 3000})
        await program.line(f"begin {ack.id} 1")
        async with sqlite_hub.serving(python_agent(prefix), token):
            done = await counted(sqlite_hub, prefix, 1)
    assert [one["by"] for one in done] == [f"{prefix}ts-words"]
    assert [line for line in program.lines if line.startswith("begin")] == [f"begin {ack.id} 1"]


async def test_failed_work_is_tried_again_and_its_dead_letter_tells_all(sqlite_hub, program, token, prefix):
    async with sqlite_hub.connected(token) as client:
        ack = await client.enqueue(f"{prefix}texts", {"text": ""})
    (letter,) = await dead_letters(sqlite_hub, f"{prefix}texts")
    detail = await history(sqlite_hub, letter["id"], 3)
    assert (letter["reason"], letter["agent"], letter["attempts"], letter["message_id"]) == (
        "attempts_exhausted", f"{prefix}ts-words", 3, ack.id,
    )  # fmt: skip
    assert letter["error"] == "there is nothing to count"
    attempts = detail["history"]
    assert [one["number"] for one in attempts] == [1, 2, 3]
    assert [one["outcome"] for one in attempts] == ["retry", "retry", "dead_letter"]
    assert {one["error"]["code"] for one in attempts} == {"handler.raised"}
    assert "main.ts" in attempts[0]["error"]["traceback"]
    assert attempts[0]["handler"] == "countText"


async def test_what_is_hopeless_dies_at_once_for_the_right_reason(sqlite_hub, program, token, prefix):
    queue = f"{prefix}texts"
    async with sqlite_hub.connected(token) as client:
        rejected = await client.enqueue(queue, {"text": "?"})
        invalid = await client.enqueue(queue, {"text": 5})
        expired = await client.enqueue(queue, {"text": "a"}, expires_at="2020-01-01T00:00:00Z")
    await publish_raw(sqlite_hub, queue, b"no event at all")
    letters = await dead_letters(sqlite_hub, queue, 4)
    found = {letter["message_id"]: (letter["reason"], letter["attempts"]) for letter in letters}
    assert found[rejected.id] == ("rejected", 1)
    assert found[invalid.id] == ("invalid", 1)
    assert found[expired.id] == ("expired", 1)
    assert sorted(reason for reason, _attempts in found.values()) == ["expired", "invalid", "invalid", "rejected"]


async def test_a_dead_letter_is_redriven_to_it_as_to_any_other(sqlite_hub, program, token, prefix):
    async with sqlite_hub.connected(token) as client:
        await client.enqueue(f"{prefix}texts", {"text": ""})
    (letter,) = await dead_letters(sqlite_hub, f"{prefix}texts")
    edited = msgspec.json.encode({"edited": {"data": {"text": "now there is"}}})
    answer = await sqlite_hub.admin("POST", f"dead-letters/{letter['id']}/redrive", raw=edited)
    assert answer.status in {200, 201}, answer.body
    assert [one["words"] for one in await counted(sqlite_hub, prefix, 1)] == [3]


async def test_a_queue_that_gets_classes_while_it_runs_is_read_on(sqlite_hub, program, token, prefix):
    await declare(sqlite_hub, prefix, classes={"high": 4})
    async with sqlite_hub.connected(token) as client:
        for priority in ("high", "normal") * 5:
            await client.enqueue(f"{prefix}texts", {"text": "a"}, priority=priority)
        assert len(await counted(sqlite_hub, prefix, 10)) == 10


async def under_way(client, task_id: str) -> None:
    """Wait until somebody has begun."""

    async def begun():
        return (await client.tasks.get(task_id)).progress is not None

    await eventually(begun, timeout_s=20)


async def test_a_task_has_progress_artifacts_and_an_end(sqlite_hub, program, token, prefix):
    async with sqlite_hub.connected(token) as client:
        task = await client.tasks.start(f"{prefix}word-report", "to be or not")
        task = await client.tasks.wait(task.id, timeout_s=20)
    assert (task.status.state, task.error) == ("completed", None)
    assert {artifact.name: artifact.parts[0].data for artifact in task.artifacts} == {
        "words": ["to", "be", "or", "not"], "result": {"words": 4},
    }  # fmt: skip
    assert [message.text for message in task.history if message.role == "agent"] == ["reading"]


async def test_a_task_asks_and_is_answered(sqlite_hub, program, token, prefix):
    async with sqlite_hub.connected(token) as client:
        task = await client.tasks.run(f"{prefix}word-report", "")
        assert (task.status.state, task.status.message.text) == ("input-required", "Which text?")
        await client.tasks.reply(task.id, parts=[Part(text="one two")])
        task = await client.tasks.wait(task.id, timeout_s=20)
    assert (task.status.state, task.turn) == ("completed", 2)
    assert task.artifacts[-1].parts[0].text == "your text has 2 words"


async def test_a_task_that_is_called_off_is_let_go(sqlite_hub, program, token, prefix):
    async with sqlite_hub.connected(token) as client:
        task = await client.tasks.start(f"{prefix}word-report", "for ever")
        await under_way(client, task.id)
        await client.tasks.cancel(task.id)

        async def idle():
            queue = (await sqlite_hub.admin("GET", f"queues/agent.{prefix}ts-words")).json
            return queue["in_flight"] == 0 and queue["depth"] == 0

        await eventually(idle)
        assert (await client.tasks.get(task.id)).status.state == "canceled"


async def test_a_task_outlives_the_process_that_worked_on_it(sqlite_hub, typescript, program, token, prefix):
    async with sqlite_hub.connected(token) as client:
        queue = msgspec.json.encode({"ack_wait_s": 1.0})
        assert (await sqlite_hub.admin("PUT", f"queues/agent.{prefix}ts-words", raw=queue)).status == 200
        task = await client.tasks.start(f"{prefix}word-report", "for ever")
        await under_way(client, task.id)
        program.process.kill()
        async with typescript(sqlite_hub, token, prefix):

            async def tried_again():
                return (await client.tasks.get(task.id)).attempt == 2

            await eventually(tried_again, timeout_s=20)
            await client.tasks.cancel(task.id)


@pytest.mark.slow
async def test_it_is_back_at_work_when_the_broker_is(own_hub, broker, typescript, name):
    hub, prefix = await own_hub(), f"{name}."
    token = await hub.token(*SCOPES, principal=f"owner-{name}")
    await declare(hub, prefix)
    async with typescript(hub, token, prefix):
        await broker.kill()
        await broker.start()
        await eventually(hub.is_ready)

        async def answers():
            body = msgspec.json.encode({"input": "a b", "timeout_s": 2.0})
            answer = await hub.admin("POST", f"skills/{prefix}count-words/call", raw=body)
            return answer.status == 200 and answer.json["output"]["words"] == 2

        await eventually(answers, timeout_s=30)
        async with hub.connected(token) as client:
            await client.enqueue(f"{prefix}texts", {"text": "a b"})
        assert [one["words"] for one in await counted(hub, prefix, 1)] == [2]
