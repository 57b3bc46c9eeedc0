"""Graphs as tasks: what they ask, where they go on, what is left when their process dies."""

import pytest
import pytest_asyncio
from support.frameworks import ROOT, python_with, serving
from support.hub import eventually
from trunkline.protocol.errors import PayloadInvalidError, RunLimitError
from trunkline.protocol.ids import new_token

PROGRAM = ROOT / "hub/tests/adapters/agents/graphs.py"


@pytest.fixture(scope="module")
def python():
    return python_with("langgraph")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """What ran: lines of topic and step."""
    file = tmp_path_factory.mktemp("graphs") / "log"
    file.write_text("")
    return file


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def graphs(sqlite_hub, python, log):
    """The name of an agent, and its program, that serve them."""
    name = f"graphs-{new_token(4)}"
    async with serving(python, PROGRAM, sqlite_hub, name, str(log)):
        yield name


@pytest.fixture
def ran(log, name):
    """The steps that ran for this test's topic."""
    return lambda: [line.split()[1] for line in log.read_text().splitlines() if line.startswith(f"{name} ")]


@pytest_asyncio.fixture(loop_scope="session")
async def client(sqlite_hub):
    async with sqlite_hub.client() as client:
        yield client


async def answer(client, task, said):
    await client.tasks.reply(task.id, said)
    return await client.tasks.wait(task.id, timeout_s=60)


def notes(task):
    return task.artifacts[-1].parts[-1].data["notes"]


async def test_a_graph_shows_the_schema_of_its_state_and_answers_calls(graphs, client, name):
    skill = next(s for s in (await client.agents.get(graphs)).skills if s.name == f"{graphs}.state")
    assert skill.input_schema["properties"]["topic"]["type"] == "string"
    assert skill.input_schema["type"] == skill.output_schema["type"] == "object"
    assert await client.call(f"{graphs}.state", {"topic": name}) == {"topic": name, "notes": [f"about {name}"]}
    with pytest.raises(PayloadInvalidError) as refused:
        await client.call(f"{graphs}.state", {"topic": 7})
    assert refused.value.errors[0].pointer == "/topic"
    with pytest.raises(RunLimitError, match="GraphRecursionError"):
        await client.call(f"{graphs}.loop", {"topic": name})


@pytest.mark.parametrize("kind", ["ask", "own"])
async def test_questions_wait_and_what_was_done_is_not_done_again(graphs, client, name, ran, kind):
    task = await client.tasks.run(f"{graphs}.{kind}", {"topic": name})
    assert (task.status.state, task.status.message.text) == ("input-required", "Which colour?")
    task = await answer(client, task, "red")
    assert task.status.message.text == "Which size?"
    assert task.status.message.parts[1].data["sizes"] == [1, 2]
    task = await answer(client, task, 2)
    assert (task.status.state, notes(task)) == ("completed", [f"about {name}", "red 2"])
    assert ran() == ["first", "asked"]


async def test_questions_asked_at_once_are_answered_one_by_one(graphs, client, name):
    task = await client.tasks.run(f"{graphs}.both", {"topic": name})
    answers = {}
    for _ in range(2):
        question = task.status.message.text
        answers[question] = f"to {question}"
        task = await answer(client, task, answers[question])
    assert task.status.state == "completed", task.error
    assert sorted(notes(task)) == ["left to left?", "right to right?"]


async def test_a_graph_within_a_graph_asks_too(graphs, client, name, ran):
    task = await client.tasks.run(f"{graphs}.nested", {"topic": name})
    assert task.status.message.text == "inside?"
    task = await answer(client, task, "deep")
    assert task.status.state == "completed", [(m.role, m.text) for m in task.history]
    assert notes(task)[-1] == "in deep"
    assert ran() == ["first"]


async def test_another_process_goes_on_where_the_first_was_killed(sqlite_hub, python, client, name, log, ran):
    arguments = (python, PROGRAM, sqlite_hub, name, str(log))
    async with serving(*arguments):
        task = await client.tasks.run(f"{name}.ask", {"topic": name})
        task = await answer(client, task, "red")
    async with serving(*arguments):
        task = await answer(client, task, 1)
    assert (task.status.state, notes(task)) == ("completed", [f"about {name}", "red 1"])
    assert ran() == ["first", "asked"]


@pytest.mark.slow  # a dead worker keeps its lease for half a minute
async def test_a_step_that_was_kept_is_not_repeated_when_its_worker_dies(sqlite_hub, python, client, name, log, ran):
    arguments = (python, PROGRAM, sqlite_hub, name, str(log))
    async with serving(*arguments) as process:
        started = await client.tasks.start(f"{name}.fall", {"topic": name})
        await process.wait()
    async with serving(*arguments):
        task = await client.tasks.wait(started.id, timeout_s=100)
    assert (task.status.state, notes(task)) == ("completed", [f"about {name}", "got up"])
    assert ran() == ["first", "fall"]


async def test_a_cancelled_task_stops_its_graph(graphs, client, name, ran):
    started = await client.tasks.start(f"{graphs}.stay", {"topic": name})
    await eventually(lambda: "stay" in ran())
    await client.tasks.cancel(started.id)
    await eventually(lambda: "stopped" in ran())
    assert (await client.tasks.get(started.id)).status.state == "canceled"


async def test_a_graph_with_a_memory_of_its_own_has_a_thread_for_each_conversation(graphs, client, name):
    said = []
    for context in (f"{name}-a", f"{name}-a", f"{name}-b"):
        task = await client.tasks.run(f"{graphs}.thread", "hello", context_id=context)
        said.append(task.artifacts[0].parts[0].text)
    assert said == ["1 so far", "3 so far", "1 so far"]


async def test_a_runnable_is_a_skill(graphs, client, name):
    assert await client.call(f"{graphs}.chain", "hello") == "hello!"
    assert (await client.tasks.run(f"{graphs}.chain", "hello")).artifacts[0].parts[0].text == "hello!"
