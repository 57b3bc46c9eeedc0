"""Push notifications: until they arrive, in order, and never inward."""

import json

import pytest
import pytest_asyncio
from aiohttp import web
from conformance.a2a_agent import make
from support.hub import eventually

VERSION = {"A2A-Version": "1.0"}
AT = "/a2a/w/default/agents/tck"


@pytest_asyncio.fixture(loop_scope="session")
async def receiver():
    """An address that fails as often as it is told to, and remembers what came."""
    got, answers = [], []

    async def take(request):
        got.append((dict(request.headers), await request.json()))
        return web.Response(status=answers.pop(0) if answers else 200)

    app = web.Application()
    app.router.add_post("/news", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/news"
    yield type("Receiver", (), {"got": got, "answers": answers, "url": receiver.url})
    await runner.cleanup()


async def rpc(hub, method, params, **options):
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    return (await hub.admin("POST", AT, raw=raw, headers=VERSION, **options)).json


def said(message_id, **more):
    return {"message": {"messageId": message_id, "role": "ROLE_USER", "parts": [{"text": "x"}], **more}}


def states(receiver):
    return [
        body["statusUpdate"]["status"]["state"] if "statusUpdate" in body else next(iter(body))
        for _headers, body in receiver.got
    ]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_it_arrives_in_order_after_failures_with_its_proof(own_hub, receiver, database, request):
    options = {"url": await request.getfixturevalue("postgres").fresh()} if database == "postgres" else {}
    hub = await own_hub(outbound={"allow": ["127.0.0.1"]}, **options)
    async with hub.serving(make()):
        task = (await rpc(hub, "SendMessage", said("tck-input-required")))["result"]["task"]
        config = {
            "taskId": task["id"], "id": "mine", "url": receiver.url, "token": "t-1",
            "authentication": {"scheme": "Bearer", "credentials": "secret"},
        }  # fmt: skip
        made = (await rpc(hub, "CreateTaskPushNotificationConfig", config))["result"]
        assert made == {
            "id": "mine", "taskId": task["id"], "url": receiver.url, "authentication": {"scheme": "Bearer"},
        }  # fmt: skip
        listed = await rpc(hub, "ListTaskPushNotificationConfigs", {"taskId": task["id"]})
        assert listed["result"]["configs"] == [made] and "secret" not in json.dumps(listed)
        receiver.answers[:] = [500, 503]
        await rpc(hub, "SendMessage", said("tck-artifact-text", taskId=task["id"]))
        await eventually(lambda: "TASK_STATE_COMPLETED" in states(receiver))
        told = states(receiver)
        assert told[:3] == ["TASK_STATE_SUBMITTED"] * 3  # two failures, then it arrived
        assert told[3:] == ["TASK_STATE_WORKING", "artifactUpdate", "TASK_STATE_COMPLETED"]
        headers = receiver.got[0][0]
        assert headers["Authorization"] == "Bearer secret" and headers["X-A2A-Notification-Token"] == "t-1"
        assert headers["Content-Type"] == "application/a2a+json"
        for _again in range(2):
            await rpc(hub, "DeleteTaskPushNotificationConfig", {"taskId": task["id"], "id": "mine"})
        gone = await rpc(hub, "GetTaskPushNotificationConfig", {"taskId": task["id"], "id": "mine"})
        assert gone["error"]["code"] == -32001


async def test_one_that_comes_with_the_message_misses_nothing(own_hub, receiver):
    hub = await own_hub(outbound={"allow": ["127.0.0.1"]})
    async with hub.serving(make()):
        wanted = said("tck-artifact-text")
        wanted["configuration"] = {"taskPushNotificationConfig": {"url": receiver.url}}
        await rpc(hub, "SendMessage", wanted)
        await eventually(lambda: "TASK_STATE_COMPLETED" in states(receiver))
        assert states(receiver) == ["TASK_STATE_WORKING", "artifactUpdate", "TASK_STATE_COMPLETED"]


async def test_it_never_goes_inward(own_hub):
    urls = [
        "http://127.0.0.1/x",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://u:p@example.com/",
    ]
    hub = await own_hub()
    async with hub.serving(make()):
        task = (await rpc(hub, "SendMessage", said("tck-input-required")))["result"]["task"]
        for url in urls:
            refused = await rpc(hub, "CreateTaskPushNotificationConfig", {"taskId": task["id"], "url": url})
            assert refused["error"]["code"] == -32602
            assert refused["error"]["data"][0]["metadata"]["code"] == "outbound.refused"
