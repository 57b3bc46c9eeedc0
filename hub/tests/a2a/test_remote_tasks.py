"""A2A agents elsewhere that ask back: tasks here for tasks there, over each binding, whichever hub goes on."""

import json

import pytest
import pytest_asyncio
from a2a.types import a2a_pb2 as pb
from support.a2a_agent import asking
from support.broker import Broker
from support.hub import Hub, eventually
from support.tls import authority
from trunkline.protocol.errors import A2AAgentBrokenError, OutboundRefusedError, SkillUnknownError, TaskNeededError
import trunkline as tl

ALLOW = {"allow": ["127.0.0.1"]}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def near(tmp_path_factory):
    """A hub that may go to this machine's own addresses."""
    root = tmp_path_factory.mktemp("a2a-near")
    broker = Broker(root / "broker")
    await broker.start()
    hub = Hub(broker, f"sqlite:///{root / 'hub.db'}", bus={"heartbeat_s": 0.3}, outbound=ALLOW, a2a={"poll_s": 0.2})
    await hub.start()
    yield hub
    await hub.stop()
    await broker.stop()


async def _taken_in(client, name, url, **options):
    """Take the agent in, and return once a hub answers for it."""
    await client.a2a.add(name, url, **options)

    async def answers():
        try:
            return await client.call(f"{name}.bake", "plain") == "at once"
        except (tl.AgentOfflineError, SkillUnknownError):
            return False

    await eventually(answers)


async def _waits(client, task_id, state="input-required"):
    async def there():
        found = await client.tasks.get(task_id)
        assert found.status.state in {"submitted", "working", state}, found
        return found if found.status.state == state else None

    return await eventually(there)


@pytest.mark.parametrize("binding", ["JSONRPC", "GRPC"])
@pytest.mark.parametrize("streaming", [True, False])
async def test_what_it_asks_is_asked_here_and_its_end_is_the_end(near, name, binding, streaming):
    async with asking(binding=binding, streaming=streaming) as (there, url), near.client() as client:
        await _taken_in(client, name, url)
        assert (await client.agents.get(name)).interfaces[0].binding == binding
        task = await client.tasks.start(f"{name}.bake", "rye")
        found = await _waits(client, task.id)
        assert found.status.message.text == "Which glaze for rye?"
        await client.tasks.reply(task.id, "ask again")
        again = await _waits(client, task.id)
        assert again.status.message.text in {"Once more?"}
        await client.tasks.reply(task.id, "sugar")
        done = await client.tasks.wait(task.id, timeout_s=20)
        assert done.status.state == "completed"
        assert [(one.name, one.parts[0].text) for one in done.artifacts] == [("cake", "cake with sugar")]
        ids = {task_id for task_id, text in there.heard if text != "plain"}
        assert len(ids) == 1 and [text for _, text in there.heard[1:]] == ["rye", "ask again", "sugar"]


@pytest.mark.parametrize(("answer", "state"), [("reject", "rejected"), ("crash", "failed")])
async def test_other_ends_are_the_ends_here_too(near, name, answer, state):
    async with asking() as (_there, url), near.client() as client:
        await _taken_in(client, name, url)
        task = await client.tasks.start(f"{name}.bake", "secret")
        assert (await _waits(client, task.id, "auth-required")).status.message.text == "Which glaze for secret?"
        await client.tasks.reply(task.id, answer)
        done = await client.tasks.wait(task.id, timeout_s=20)
        assert done.status.state == state
        assert done.status.message.text in {"no such glaze", "the oven burnt down"}


async def test_a_cancel_of_a_task_that_waits_reaches_it(near, name):
    async with asking() as (there, url), near.client() as client:
        await _taken_in(client, name, url)
        task = await client.tasks.start(f"{name}.bake", "rye")
        await _waits(client, task.id)
        await client.tasks.cancel(task.id)
        await eventually(there.cancelled.is_set)


async def test_a_plain_call_that_is_asked_back_becomes_a_task(near, name):
    async with asking() as (there, url), near.client() as client:
        await _taken_in(client, name, url)
        with pytest.raises(TaskNeededError, match="Which glaze for rye"):
            await client.call(f"{name}.bake", "rye")
        task = (await client.tasks.list(agent=name)).items[0]
        assert (await _waits(client, task.id)).status.message.text == "Which glaze for rye?"
        await client.tasks.reply(task.id, "sugar")
        assert (await client.tasks.wait(task.id, timeout_s=20)).status.state == "completed"
        assert [text for _, text in there.heard[1:]] == ["rye", "sugar"]


async def test_a_client_of_a2a_talks_to_it_through_the_hub(near, name):
    async with asking() as (_there, url), near.client() as client:
        await _taken_in(client, name, url)
        at = f"/a2a/w/default/agents/{name}/message:send"

        async def say(text, **more):
            said = {"messageId": text, "role": "ROLE_USER", "parts": [{"text": text}], **more}
            raw = json.dumps({"message": said}).encode()
            answer = await near.admin("POST", at, raw=raw, headers={"A2A-Version": "1.0"})
            assert answer.status == 200, answer.body
            return answer.json["task"]

        asked = await say("rye")
        assert asked["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
        done = await say("sugar", taskId=asked["id"])
        assert done["status"]["state"] == "TASK_STATE_COMPLETED"
        assert done["artifacts"][0]["parts"][0]["text"] == "cake with sugar"


async def test_a_task_that_goes_on_without_its_caller_goes_on_here(near, name):
    async with asking() as (there, url), near.client() as client:
        await _taken_in(client, name, url)
        task = await client.tasks.start(f"{name}.bake", "secret")
        await _waits(client, task.id, "auth-required")
        await there.elsewhere(pb.TASK_STATE_INPUT_REQUIRED, "Which glaze then?")
        asked = await eventually(lambda: _as(client, task.id, "input-required"))
        assert asked.status.message.text == "Which glaze then?"
        await there.elsewhere(pb.TASK_STATE_WORKING, "baking")
        await eventually(lambda: _as(client, task.id, "working"))
        await there.elsewhere(pb.TASK_STATE_COMPLETED, "enjoy", ["cake"])
        done = await eventually(lambda: _as(client, task.id, "completed"))
        assert (done.status.state, done.status.message.text, done.turn) == ("completed", "enjoy", 1)
        assert [one.parts[0].text for one in done.artifacts] == ["cake"]
        assert [one.text for one in done.history] == ["secret", "Which glaze for secret?", "Which glaze then?"]
        assert there.heard[1:] == [(there.heard[1][0], "secret")], "it was looked at, not talked to"


async def test_a_task_that_its_agent_has_forgotten_fails(near, name):
    async with asking() as (there, url), near.client() as client:
        await _taken_in(client, name, url)
        task = await client.tasks.start(f"{name}.bake", "rye")
        await _waits(client, task.id)
        await there.forget()
        done = await eventually(lambda: _as(client, task.id, "failed"))
        assert done.error.code == "a2a.agent_broken"


async def _as(client, task_id, state):
    found = await client.tasks.get(task_id)
    return found if found.status.state == state else None


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_any_hub_goes_on_with_what_another_was_asked(own_hub, database, request):
    options = {"url": await request.getfixturevalue("postgres").fresh()} if database == "postgres" else {}
    first = await own_hub(outbound=ALLOW, hub_id="hub-a", **options)
    async with asking() as (there, url):
        async with first.client() as client:
            await _taken_in(client, "away", url)
            task = await client.tasks.start("away.bake", "rye")
            await _waits(client, task.id)
        second = await own_hub(outbound=ALLOW, hub_id="hub-b", **options)
        await first.stop()
        async with second.client() as client:
            await client.tasks.reply(task.id, "sugar")
            done = await client.tasks.wait(task.id, timeout_s=30)
        assert (done.status.state, done.artifacts[0].parts[0].text) == ("completed", "cake with sugar")
        assert [text for _, text in there.heard if text != "plain"] == ["rye", "sugar"]


async def test_grpc_by_tls_reaches_whom_it_believes(own_hub, tmp_path):
    known, stranger = authority(tmp_path / "known", "127.0.0.1"), authority(tmp_path / "stranger", "127.0.0.1")
    hub = await own_hub(outbound=ALLOW | {"ca_file": str(known.ca_file)}, bus={"heartbeat_s": 0.3})
    async with asking(binding="GRPC", tls=known) as (there, url), hub.client() as client:
        await _taken_in(client, "away", url, headers={"X-Key": "secret"})
        assert there.metadata[-1]["x-key"] == "secret"
        task = await client.tasks.start("away.bake", "rye")
        await _waits(client, task.id)
        await client.tasks.reply(task.id, "sugar")
        assert (await client.tasks.wait(task.id, timeout_s=20)).artifacts[0].parts[0].text == "cake with sugar"
    async with asking(binding="GRPC", tls=stranger) as (there, url), hub.client() as client:
        await client.a2a.add("masked", url, headers={"X-Key": "secret"})

        async def refused():
            try:
                await client.call("masked.bake", "plain")
            except (tl.AgentOfflineError, SkillUnknownError):
                return False
            except A2AAgentBrokenError as error:
                return str(error)

        assert "certificate" in (await eventually(refused)).lower()
        assert there.heard == there.metadata == []


async def test_grpc_goes_by_the_rules_of_the_door_out(near, own_hub, name):
    async with asking(binding="GRPC") as (there, url), near.client() as client:
        await _taken_in(client, name, url, headers={"X-Key": "secret"})
        assert there.metadata[-1]["x-key"] == "secret"
        port = url.rpartition(":")[2]
        hub = await own_hub(outbound={"allow": [f"127.0.0.1:{port}"]})  # its card may be read, it may not be called
        async with hub.client() as wary:
            await wary.a2a.add("away", url)
            heard = len(there.heard)

            async def refused():
                try:
                    await wary.call("away.bake", "plain")
                except (tl.AgentOfflineError, SkillUnknownError):
                    return False
                except OutboundRefusedError:
                    return True

            await eventually(refused)
            assert len(there.heard) == heard
