"""What A2A clients notice of an agent's instances, and what an agent offers and requires of its own."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
import trunkline as tl
from a2a.types import a2a_pb2 as pb
from a2a.utils import errors as a2a
from support.a2a_client import BINDINGS, USE, VERSION, sent, talking
from support.callee import callee
from support.hub import eventually
from trunkline.protocol.errors import RequestInvalidError
from trunkline.protocol.frames import Extension, Face, Registration
from trunkline.protocol.resources import TaskRequest
from trunkline.protocol.tasks import Part


def job(message_id, **given):
    part = pb.Part()
    part.data.struct_value.update(given)
    return pb.SendMessageRequest(message=pb.Message(message_id=message_id, role=pb.ROLE_USER, parts=[part]))


async def _offered(hub, skill, count):
    """Whether the hub has heard of so many instances of it."""
    return len((await hub.admin("GET", f"skills/{skill}/instances")).json["members"]) == count


@pytest.mark.parametrize("binding", BINDINGS)
async def test_an_instance_killed_in_the_middle_of_a_call_is_told_at_once(a2a_hub, name, binding):
    async with (
        callee(a2a_hub, a2a_hub.admin_token, name) as victim,
        talking(a2a_hub, await a2a_hub.token(*USE), binding, agent=name) as client,
    ):
        await eventually(lambda: _offered(a2a_hub, name, 1))
        later = job("2", n=2, seconds=50)
        later.configuration.return_immediately = True
        following = asyncio.create_task(sent(client, later))
        calling = asyncio.create_task(sent(client, job("1", n=1, seconds=50)))
        await asyncio.gather(victim.until("begin", "1"), victim.until("begin", "2"))
        victim.kill()
        with pytest.raises(a2a.InternalError, match="gone before it answered"):
            await asyncio.wait_for(calling, 10)

        events = await asyncio.wait_for(following, 10)
        assert events[-1].status_update.status.state == pb.TASK_STATE_FAILED
        assert "gone before it answered" in events[-1].status_update.status.message.parts[0].text


async def test_what_is_idempotent_is_answered_by_another_instance_when_one_is_killed(a2a_hub, name):
    token = a2a_hub.admin_token
    async with (
        callee(a2a_hub, token, name, idempotent=True) as one,
        callee(a2a_hub, token, name, idempotent=True) as other,
        talking(a2a_hub, await a2a_hub.token(*USE), "JSONRPC", agent=name) as client,
    ):
        await eventually(lambda: _offered(a2a_hub, name, 2))
        calling = asyncio.create_task(sent(client, job("1", n=1, seconds=2)))
        victim = await eventually(lambda: next((c for c in (one, other) if ("begin", "1") in c.lines), None))
        victim.kill()
        answer = (await asyncio.wait_for(calling, 10))[0].message.parts[0].data.struct_value
        assert answer["n"] == 1 and answer["pid"] not in {0, victim.pid}


async def test_what_an_agent_offers_and_requires_is_its_own(a2a_hub, name):
    own = "urn:kosher"
    face = Face(
        streaming=False,
        push_notifications=False,
        extended_card=False,
        extensions=[Extension(uri=own, required=True, params={"a": 1})],
    )
    agent = tl.Agent(name, a2a=face)

    @agent.skill(f"{name}.echo")
    async def echo(text: str) -> str:
        return text

    async def code(at, method, params, **headers):
        raw = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        answer = await a2a_hub.admin("POST", f"/a2a/w/default{at}", raw=raw, headers=VERSION | headers)
        return answer.json.get("error", {}).get("code"), answer.headers.get("A2A-Extensions")

    async def capabilities(of):
        path = f"/a2a/w/default/agents/{of}/.well-known/agent-card.json"
        return (await a2a_hub.admin("GET", path, headers=VERSION)).json["capabilities"]

    async with a2a_hub.serving(agent):
        assert await capabilities(name) == {
            "streaming": False, "pushNotifications": False, "extendedAgentCard": False,
            "extensions": [{"uri": own, "required": True, "params": {"a": 1}}],
        }  # fmt: skip
        shown = await capabilities("plain")
        assert shown["streaming"] and shown["pushNotifications"] and shown["extendedAgentCard"]
        assert not shown.get("extensions")
        at = f"/agents/{name}"
        said = {
            "message": {
                "messageId": "1",
                "role": "ROLE_USER",
                "parts": [{"text": "x"}],
                "metadata": {"skill": f"{name}.echo"},
            }
        }
        assert (await code(at, "SendMessage", said))[0] == -32008
        assert await code(at, "SendMessage", said, **{"A2A-Extensions": f"urn:y, {own}"}) == (None, own)
        assert (await code(at, "SendStreamingMessage", said, **{"A2A-Extensions": own}))[0] == -32004
        assert (await code(at, "GetExtendedAgentCard", {}))[0] == -32004
        assert (await code(at, "ListTaskPushNotificationConfigs", {"taskId": "x"}))[0] == -32003
        assert (await code("", "SendMessage", said))[0] == -32008

        async def heard():
            return (await code("", "SendMessage", said, **{"A2A-Extensions": own}))[0] is None

        await eventually(heard)
        plain = {"message": {**said["message"], "metadata": {"skill": "plain.echo"}}}
        assert (await code("", "SendMessage", plain))[0] is None
    async with a2a_hub.client() as client:
        with pytest.raises(RequestInvalidError):
            bad = Face(extensions=[Extension(uri="no uri, really")])
            await client.agents.register(f"{name}-bad", Registration(a2a=bad))


async def test_a_task_of_a_plain_skill_without_a_schema_is_given_what_was_said(a2a_hub, name):
    agent = tl.Agent(name)
    heard: asyncio.Queue = asyncio.Queue()

    @agent.skill(f"{name}.hear")
    async def hear(said: Any) -> str:
        heard.put_nowait(said)
        return "heard"

    async with a2a_hub.serving(agent), a2a_hub.client() as client:
        words = Part(text="good morning")
        link = Part(url="https://example.com/x")
        for parts in ([words], [words, link]):
            wanted = TaskRequest(skill=f"{name}.hear", parts=parts)
            answer = await a2a_hub.admin("POST", "tasks", raw=msgspec.json.encode(wanted))
            assert (await client.tasks.wait(answer.json["id"], timeout_s=20)).status.state == "completed"
        assert heard.get_nowait() == "good morning"
        assert [sorted(part) for part in heard.get_nowait()["parts"]] == [["text"], ["url"]]
