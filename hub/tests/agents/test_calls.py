"""Calling skills, over the bus and over HTTP alike."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
import trunkline as tl
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames
from trunkline.protocol.errors import SkillSchemaInvalidError
from trunkline_hub.bus.signals import HubCalls, NobodyThereError


@dataclass
class Doc:
    text: str
    parts: list[int]


@pytest.fixture(params=["bus", "http"])
def call(request, sqlite_hub):
    """Call a skill by either door; errors are the same classes."""

    async def by_bus(skill, input=None, **options):
        async with sqlite_hub.connected() as client:
            return await client.call(skill, input, **options)

    async def by_http(skill, input=None, **options):
        async with sqlite_hub.client() as client:
            path = client.api.scoped(f"/skills/{skill}/call")
            answer = await client.api.request("POST", path, dict, body={"input": input} | options, timeout_s=60)
            return answer["output"]

    return by_bus if request.param == "bus" else by_http


class Broken(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.fixture
def serving(sqlite_hub, name):
    """An agent with one skill of every temper."""
    agent = tl.Agent(name)

    @agent.skill(f"{name}.shorten")
    async def shorten(doc: Doc, ctx: tl.Context) -> dict:
        await ctx.progress(0.5, "half")
        return {"text": doc.text[:3], "sum": sum(doc.parts)}

    @agent.skill(f"{name}.fail")
    async def fail(doc: Any) -> None:
        raise RuntimeError("out of paper")

    @agent.skill(f"{name}.never")
    async def never(doc: Any) -> None:
        await asyncio.Event().wait()

    @agent.skill(f"{name}.cancelled")
    async def cancelled(doc: Any) -> None:
        raise asyncio.CancelledError

    @agent.skill(f"{name}.broken")
    async def broken(doc: Any) -> None:
        raise Broken

    @agent.skill(f"{name}.unsendable")
    async def unsendable(doc: Any) -> Any:
        return object()

    @agent.skill(f"{name}.nothing")
    async def nothing() -> None: ...

    @agent.skill(f"{name}.slow", concurrency=2)
    def slow(n: int) -> int:
        return n

    return sqlite_hub.serving(agent)


async def test_a_result_comes_back(serving, call, name):
    async with serving:
        assert await call(f"{name}.shorten", {"text": "abcdef", "parts": [1, 2]}) == {"text": "abc", "sum": 3}
        assert await call(f"{name}.nothing") is None
        assert await call(f"{name}.shorten", {"text": "abcdef", "parts": []}, agent=name) == {"text": "abc", "sum": 0}


async def test_progress_is_reported_before_the_result(serving, sqlite_hub, name):
    heard = []
    async with serving, sqlite_hub.connected() as client:
        await client.call(f"{name}.shorten", Doc("abc", []), on_progress=heard.append)
    assert heard == [frames.Progress(fraction=0.5, message="half")]


async def test_a_raising_handler_is_told_with_its_words_and_no_traceback(serving, call, name):
    async with serving:
        with pytest.raises(tl.CallFailedError) as caught:
            await call(f"{name}.fail", {})
    assert caught.value.detail == "RuntimeError: out of paper"


@pytest.mark.parametrize("temper", ["cancelled", "broken", "unsendable"])
async def test_whatever_a_skill_does_the_caller_is_answered(serving, call, name, temper):
    async with serving:
        with pytest.raises((tl.CallFailedError, tl.PayloadInvalidError)):
            await call(f"{name}.{temper}", {}, timeout_s=20)
        assert await call(f"{name}.slow", 1) == 1


@pytest.mark.parametrize(
    ("wrong", "pointer"), [({"text": 1, "parts": []}, "/text"), ({"text": "a", "parts": [1, "x"]}, "/parts/1")]
)
async def test_wrong_input_is_pointed_at(serving, call, name, wrong, pointer):
    async with serving:
        with pytest.raises(tl.PayloadInvalidError) as caught:
            await call(f"{name}.shorten", wrong)
    assert [error.pointer.replace("...", "1") for error in caught.value.errors] == [pointer]


async def test_an_unknown_skill_is_told_from_an_agent_that_is_away(serving, sqlite_hub, call, name):
    async with serving:
        with pytest.raises(tl.SkillUnknownError):
            await call(f"{name}.unheard-of", {})
        with pytest.raises(tl.SkillUnknownError):
            await call(f"{name}.fail", {}, agent="somebody-else")
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(tl.AgentOfflineError):
        await call(f"{name}.fail", {}, timeout_s=60)
    assert loop.time() - began < 10, "told at once, not after the timeout"


async def test_no_answer_is_a_timeout(serving, call, name):
    async with serving:
        with pytest.raises(tl.CallTimeoutError):
            await call(f"{name}.never", {}, timeout_s=0.3)


async def test_many_calls_at_once_are_answered_each_by_its_own(serving, sqlite_hub, name):
    async with serving, sqlite_hub.connected() as client:
        answers = await asyncio.gather(*(client.call(f"{name}.slow", n) for n in range(200)))
    assert answers == list(range(200))


async def test_calls_are_shared_among_instances_and_one_can_be_named(sqlite_hub, name):
    def instance():
        agent = tl.Agent(name)

        @agent.skill(name)
        async def who() -> str:
            return agent.instance

        return agent

    one, two = instance(), instance()
    async with sqlite_hub.serving(one), sqlite_hub.serving(two), sqlite_hub.connected() as client:
        answers = {await client.call(name) for _ in range(60)}
        assert answers == {one.instance, two.instance}
        for agent in (one, two):
            assert await client.call(name, agent=name, instance=agent.instance) == agent.instance


async def test_what_is_too_large_for_the_broker_is_called_with_and_answered_all_the_same(sqlite_hub, name):
    agent = tl.Agent(name)

    @agent.skill(name)
    async def big(text: str) -> str:
        return text + "!"

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        text = "x" * 9 * 2**20
        assert await client.call(name, text, timeout_s=20) == text + "!"
        assert await client.call(name, "a", timeout_s=20) == "a!"
        answer = await sqlite_hub.admin("POST", f"skills/{name}/call", raw=json.dumps({"input": "b"}).encode())
        assert answer.json == {"output": "b!"}


async def test_a_large_result_is_told_by_reference_over_http(sqlite_hub, name):
    agent = tl.Agent(name)

    @agent.skill(name)
    async def big(n: int) -> str:
        return "x" * n

    async with sqlite_hub.serving(agent):
        answer = await sqlite_hub.admin("POST", f"skills/{name}/call", raw=json.dumps({"input": 9 * 2**20}).encode())
        assert answer.json["output"] is None
        blob = await sqlite_hub.admin("GET", answer.json["dataref"])
    assert blob.json == "x" * 9 * 2**20


async def test_whoever_may_not_store_blobs_is_told_so_when_a_payload_is_too_large(sqlite_hub, name):
    agent = tl.Agent(name)

    @agent.skill(name)
    async def big(text: str) -> str:
        return text

    token = await sqlite_hub.token("agents:call")
    async with sqlite_hub.serving(agent), sqlite_hub.connected(token) as client:
        with pytest.raises(tl.PermissionDeniedError, match="blobs:write"):
            await client.call(name, "x" * 9 * 2**20, timeout_s=20)
        assert await client.call(name, "a", timeout_s=20) == "a"


@pytest.mark.parametrize("timeout_s", [0, -1, 301, 1e300])
async def test_a_timeout_out_of_range_is_refused_over_http(sqlite_hub, timeout_s):
    answer = await sqlite_hub.admin("POST", "skills/x/call", raw=json.dumps({"timeout_s": timeout_s}).encode())
    assert (answer.status, answer.pointers) == (422, ["/timeout_s"])


async def test_a_schema_is_never_fetched_from_elsewhere(sqlite_hub, name):
    """A skill's `$ref` cannot make the hub ask other hosts or read files."""
    asked = asyncio.Event()

    async def on_connect(_reader, writer):
        asked.set()
        writer.close()

    listener = await asyncio.start_server(on_connect, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, sqlite_hub.client() as client:
        for ref in (f"http://127.0.0.1:{port}/x", "file:///etc/hostname"):
            skill = frames.Skill(name=name, input_schema={"$ref": ref})
            await client.agents.register(name, frames.Registration(skills=[skill]))
            with pytest.raises(SkillSchemaInvalidError):
                await client.api.request("POST", client.api.scoped(f"/skills/{name}/call"), dict, body={"input": 1})
    assert not asked.is_set()


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"$ref": "#/nowhere"}, {"type": 7}, {"minimum": "x"}, {"pattern": "("}]
)
async def test_a_schema_that_is_none_is_the_agents_fault(sqlite_hub, name, schema):
    skill = frames.Skill(name=name, input_schema=schema)
    async with sqlite_hub.client() as client:
        await client.agents.register(name, frames.Registration(skills=[skill]))
    answer = await sqlite_hub.admin("POST", f"skills/{name}/call", raw=b'{"input":"a"}')
    assert (answer.status, answer.code) == (422, "skill.schema_invalid")


async def test_two_desks_on_one_connection_never_get_each_others_answers(sqlite_hub, name):
    """The hub calls for HTTP callers, for routes and for handlers, over one connection."""
    agent = tl.Agent(name)

    @agent.skill(f"{name}.echo")
    async def echo(said: str) -> str:
        await asyncio.sleep(0.001)
        return said

    desks = [HubCalls(sqlite_hub.component("bus")) for _ in range(3)]

    async def ask(desk, skill, said):
        request = ce.new_envelope(type=f"call.{skill}", source="/x", data=json.dumps(said).encode())
        return bytes((await desks[desk].call("default", "x", skill, None, request, timeout_s=5)).data)

    async with sqlite_hub.serving(agent):
        said = [(desk, f"{desk}-{n}") for n in range(40) for desk in range(3)]
        answers = await asyncio.gather(*(ask(desk, f"{name}.echo", words) for desk, words in said))
        assert [json.loads(answer) for answer in answers] == [words for _desk, words in said]
    for desk in (0, 1, 2) * 5:
        with pytest.raises(NobodyThereError):
            await ask(desk, f"{name}.nowhere", "")
