"""A2A agents elsewhere as agents on the bus; those that hang, lie, flood and break off; and hubs that die."""

import asyncio
import json

import pytest
import pytest_asyncio
import trunkline as tl
from aiohttp import web
from conformance.a2a_agent import make
from support.broker import Broker
from support.hub import Hub, eventually
from trunkline.protocol.errors import (
    A2AAgentBrokenError,
    A2AAgentExistsError,
    A2AAgentUnknownError,
    A2ACardError,
    A2ASignatureError,
    CallFailedError,
    CallTimeoutError,
    OutboundError,
    OutboundRefusedError,
    OutboundTooLargeError,
    SkillUnknownError,
    TaskNeededError,
)

ALLOW = {"allow": ["127.0.0.1"]}


def card(url, **more):
    return {
        "name": "far", "description": "Elsewhere", "version": "1.2.3", "capabilities": {"streaming": False},
        "supportedInterfaces": [{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
        "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "talk here", "name": "Talk", "description": "Talks", "tags": ["chat"]}], **more,
    }  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def far():
    """An agent elsewhere that does what the test wants: `far.answer` is its JSON-RPC endpoint."""

    class Far:
        card_changes: dict = {}
        seen: list = []
        headers: list = []

        async def answer(self, request, body):
            return self.message(body, "hello from afar")

        def message(self, body, text):
            said = {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": text}]}
            return web.json_response({"jsonrpc": "2.0", "id": body["id"], "result": {"message": said}})

        def task(self, body, state, *, wrap=True, task_id="t-1", **more):
            made = {"id": task_id, "contextId": "c", "status": {"state": state}, **more}
            return web.json_response({"jsonrpc": "2.0", "id": body["id"], "result": {"task": made} if wrap else made})

    it = Far()
    it.card_changes, it.seen, it.headers = {}, [], []

    async def show(request):
        it.headers.append(dict(request.headers))
        return web.json_response(card(f"{it.url}/rpc", **it.card_changes))

    async def take(request):
        body = await request.json()
        it.seen.append((body["method"], body.get("params")))
        it.headers.append(dict(request.headers))
        return await it.answer(request, body)

    async def inward(request):
        raise web.HTTPFound("http://10.0.0.1/")

    app = web.Application()
    app.router.add_get("/.well-known/agent-card.json", show)
    app.router.add_post("/rpc", take)
    app.router.add_get("/inward.json", inward)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    it.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    yield it
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def near(tmp_path_factory):
    """A hub that may go to this machine's own addresses; what it reads is bounded low."""
    root = tmp_path_factory.mktemp("a2a-near")
    broker = Broker(root / "broker")
    await broker.start()
    outbound = {**ALLOW, "max_bytes": 2**20}
    hub = Hub(broker, f"sqlite:///{root / 'hub.db'}", bus={"heartbeat_s": 0.3}, outbound=outbound)
    await hub.start()
    yield hub
    await hub.stop()
    await broker.stop()


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_it_is_looked_at_taken_in_called_and_removed(own_hub, far, database, request):
    options = {"url": await request.getfixturevalue("postgres").fresh()} if database == "postgres" else {}
    hub = await own_hub(outbound=ALLOW, **options)
    async with hub.client() as client:
        seen = await client.a2a.preview(far.url)
        assert (seen.name, seen.version, [skill.name for skill in seen.skills]) == ("far", "1.2.3", ["talk-here"])
        assert (await client.a2a.list()).items == []
        added = await client.a2a.add("away", far.url, headers={"X-Key": "secret"})
        assert (added.state, added.skills, added.header_names) == ("ok", ["away.talk-here"], ["X-Key"])
        with pytest.raises(A2AAgentExistsError):
            await client.a2a.add("away", far.url)
        assert (await answered(client, "away.talk-here", "hi")) == "hello from afar"
        method, params = far.seen[-1]
        assert method == "SendMessage" and params["message"]["parts"] == [{"text": "hi"}]
        assert params["message"]["metadata"]["skill"] == "talk here" and far.headers[-1]["X-Key"] == "secret"
        agent = await client.agents.get("away")
        assert (agent.version, agent.skills[0].title, agent.skills[0].tags) == ("1.2.3", "Talk", ["chat"])
        trail = (await hub.admin("GET", "audit")).json["items"]
        assert {"a2a_agent.added", "agent.registered"} <= {entry["action"] for entry in trail}
        assert "secret" not in json.dumps(trail)
        await client.a2a.remove("away")
        with pytest.raises(A2AAgentUnknownError):
            await client.a2a.get("away")

        async def gone():
            try:
                await client.call("away.talk-here", "hi")
            except SkillUnknownError:
                return True

        await eventually(gone)


async def answered(client, skill, payload, **options):
    """Call as soon as the hub serves it."""

    async def attempt():
        try:
            return [await client.call(skill, payload, **options)]
        except (tl.AgentOfflineError, SkillUnknownError):
            return None

    return (await eventually(attempt))[0]


async def test_tasks_of_it_are_tasks_here_and_a_cancel_reaches_it(near, far, name):
    working = asyncio.Event()

    async def answer(request, body):
        if body["method"] == "SendMessage":
            return far.task(body, "TASK_STATE_WORKING")
        if body["method"] == "GetTask":
            working.set()
            return far.task(body, "TASK_STATE_WORKING", wrap=False)
        return far.task(body, "TASK_STATE_CANCELED", wrap=False)

    async with near.client() as client:
        await client.a2a.add(name, far.url)
        await answered(client, f"{name}.talk-here", "warm up")
        far.answer = answer
        task = await client.tasks.start(f"{name}.talk-here", "long work")
        await working.wait()
        await client.tasks.cancel(task.id)
        await eventually(lambda: any(method == "CancelTask" for method, _ in far.seen))
        assert (await client.tasks.get(task.id)).status.state == "canceled"


@pytest.mark.slow
async def test_a_hub_that_dies_over_a_remote_task_is_followed_by_another_that_goes_on(own_hub, far):
    first = await own_hub(outbound=ALLOW, hub_id="hub-a")
    done, asked = asyncio.Event(), asyncio.Event()

    async def answer(request, body):
        if body["method"] == "SendMessage":
            return far.task(body, "TASK_STATE_WORKING")
        asked.set()
        artifacts = [{"artifactId": "a", "parts": [{"text": "the end"}]}] if done.is_set() else []
        state = "TASK_STATE_COMPLETED" if done.is_set() else "TASK_STATE_WORKING"
        return far.task(body, state, wrap=False, artifacts=artifacts)

    async with first.client() as client:
        await client.a2a.add("away", far.url)
        await answered(client, "away.talk-here", "warm up")
        far.answer = answer
        far.seen.clear()
        task = await client.tasks.start("away.talk-here", "long work")
        await asked.wait()
    second = await own_hub(outbound=ALLOW, hub_id="hub-b")
    await first.stop()
    done.set()
    async with second.client() as client:
        ended = await client.tasks.wait(task.id, timeout_s=60)
        assert (ended.status.state, ended.artifacts[0].parts[0].text) == ("completed", "the end")
    assert [method for method, _ in far.seen].count("SendMessage") == 1


async def test_a_changed_card_waits_for_approval_where_that_is_wanted(own_hub, far):
    hub = await own_hub(outbound=ALLOW, a2a={"approve_changes": True})
    async with hub.client() as client:
        await client.a2a.add("away", far.url)
        far.card_changes = {
            "version": "2.0.0",
            "skills": [{"id": "sing", "name": "S", "description": "d", "tags": ["t"]}],
        }
        changed = await client.a2a.refresh("away")
        assert (changed.state, changed.skills) == ("changed", ["away.talk-here"])
        told = {change.path: (change.before, change.after) for change in changed.changes}
        assert told["/version"] == ("1.2.3", "2.0.0") and told["/skills/0/id"] == ("talk here", "sing")
        approved = await client.a2a.approve("away")
        assert (approved.state, approved.version, approved.skills) == ("ok", "2.0.0", ["away.sing"])
        assert await answered(client, "away.sing", "hi") == "hello from afar"


async def test_a_changed_card_is_taken_over_by_itself_otherwise(own_hub, far):
    hub = await own_hub(outbound=ALLOW, a2a={"refresh_s": 1})
    async with hub.client() as client:
        await client.a2a.add("away", far.url)
        far.card_changes = {"version": "3.0.0"}

        async def version():
            return (await client.a2a.get("away")).version == "3.0.0"

        await eventually(version)
        assert (await client.agents.get("away")).version == "3.0.0"


async def test_only_cards_with_a_trusted_signature_where_that_is_wanted(own_hub, broker):
    signed = await own_hub(hub_id="hub-a")
    async with signed.serving(make("tck")):
        keys = (await signed.admin("GET", "/a2a/w/default/jwks.json")).json["keys"]
        strict = {"require_signatures": True, "trusted_keys": [json.dumps(keys[0])]}
        trusting = await own_hub(hub_id="hub-b", a2a=strict, outbound=ALLOW)
        wary = await own_hub(hub_id="hub-c", a2a={"require_signatures": True}, outbound=ALLOW)
        url, headers = f"{signed.url}/a2a/w/default/agents/tck", {"Authorization": f"Bearer {signed.admin_token}"}
        async with trusting.client() as client:
            assert (await client.a2a.preview(url, headers=headers)).signed_by == keys[0]["kid"]
        async with wary.client() as client:
            with pytest.raises(A2ASignatureError):
                await client.a2a.add("away", url, headers=headers)


async def test_a_hub_is_an_a2a_agent_to_another(near):
    hub = near
    async with hub.serving(make("tck", hold_s=0.2)), hub.client() as client:
        url, headers = f"{hub.url}/a2a/w/default/agents/tck", {"Authorization": f"Bearer {hub.admin_token}"}
        added = await client.a2a.add("mirror", url, headers=headers)
        assert added.skills == ["mirror.tck.front", "mirror.tck.work"]
        message = {"id": "tck-artifact-data", "role": "user", "parts": [{"text": "x"}]}
        assert await answered(client, "mirror.tck.work", message) == {"key": "value", "count": 42}
        with pytest.raises(CallFailedError, match="rejected"):
            await client.call("mirror.tck.work", message | {"id": "tck-reject-task"})
        with pytest.raises(TaskNeededError, match="What else"):
            await client.call("mirror.tck.work", message | {"id": "tck-input-required"})


async def hang(request, body):
    await asyncio.sleep(30)


async def flood(request, body):
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for _ in range(1600):
        await response.write(b"x" * 65536)
    return response


async def flood_stream(request, body):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for _ in range(1600):
        await response.write(b"x" * 65536)
    return response


async def break_off(request, body):
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"jsonrpc"')
    request.transport.close()
    return response


async def lie(request, body):
    return web.json_response({"jsonrpc": "2.0", "id": body["id"], "result": {"surprise": True}})


async def nonsense(request, body):
    return web.Response(text="<html>")


async def redirect(request, body):
    raise web.HTTPTemporaryRedirect("http://10.0.0.1/")


@pytest.mark.parametrize(
    ("behaviour", "streaming", "errors"),
    [
        (hang, False, CallTimeoutError),
        (flood, False, OutboundTooLargeError),
        (flood_stream, True, OutboundTooLargeError),
        (break_off, False, A2AAgentBrokenError),
        (lie, False, A2AAgentBrokenError),
        (nonsense, False, A2AAgentBrokenError),
        (redirect, False, A2AAgentBrokenError),
    ],
)
async def test_an_agent_that_misbehaves_is_an_error_in_time(near, far, name, behaviour, streaming, errors):
    async with near.client() as client:
        far.card_changes = {"capabilities": {"streaming": streaming}}
        await client.a2a.add(name, far.url)
        if not streaming:
            await answered(client, f"{name}.talk-here", "warm up")
        far.answer = behaviour
        with pytest.raises(errors):
            async with asyncio.timeout(20):
                await answered(client, f"{name}.talk-here", "hi", timeout_s=1.5 if behaviour is hang else 15)
        if behaviour is lie:
            task = await client.tasks.run(f"{name}.talk-here", "hi")
            assert (task.status.state, task.error.code) == ("failed", "a2a.agent_broken")


async def test_cards_that_lead_nowhere_are_refused(near, far, name):
    async with near.client() as client:
        for url, error in (
            ("http://10.1.2.3/", OutboundRefusedError),
            ("ftp://example.com/", OutboundError),
            (f"{far.url}/inward.json", OutboundRefusedError),
            (f"{far.url}/nothing.json", A2ACardError),
        ):
            with pytest.raises(error):
                await client.a2a.preview(url)
        far.card_changes = {"supportedInterfaces": [{"url": "x", "protocolBinding": "GRPC", "protocolVersion": "1.0"}]}
        with pytest.raises(A2ACardError):
            await client.a2a.preview(far.url)


async def test_credentials_stay_with_the_origin_they_were_given_for(own_hub, far):
    hub = await own_hub(outbound={"allow": ["127.0.0.1", "localhost"]})
    other = far.url.replace("127.0.0.1", "localhost")
    far.card_changes = {
        "supportedInterfaces": [{"url": f"{other}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]
    }
    async with hub.client() as client:
        await client.a2a.add("away", far.url, headers={"X-Key": "secret"})
        assert far.headers[-1]["X-Key"] == "secret"
        assert await answered(client, "away.talk-here", "hi") == "hello from afar"
        assert "X-Key" not in far.headers[-1]


async def test_a_stream_goes_on_at_another_hub_when_its_hub_dies(own_hub):
    first = await own_hub(hub_id="hub-a")
    second = await own_hub(hub_id="hub-b")
    async with second.serving(make("tck", hold_s=4.0)):
        said = {"messageId": "test-resubscribe-message-id", "role": "ROLE_USER", "parts": [{"text": "x"}]}
        at = "/a2a/w/default/agents/tck"
        sent = {"Authorization": f"Bearer {first.admin_token}", "A2A-Version": "1.0"}
        async with first._session.post(
            f"{first.url}{at}/message:stream", json={"message": said}, headers=sent
        ) as stream:
            line = await anext(aiter(stream.content))
            task = json.loads(line.removeprefix(b"data: "))["task"]
            stopping = asyncio.get_running_loop().create_task(first.server.shutdown())
            first.app.state.closing.set()
            rest = await stream.content.read()
            assert b"COMPLETED" not in rest
        stopping.cancel()
        answer = await second.admin("GET", f"{at}/tasks/{task['id']}:subscribe", headers={"A2A-Version": "1.0"})
        events = [
            json.loads(line.removeprefix(b"data: ")) for line in answer.body.splitlines() if line.startswith(b"data")
        ]
        assert events[0]["task"]["id"] == task["id"]
        assert events[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
