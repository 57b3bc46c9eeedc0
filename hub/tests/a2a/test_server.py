"""Agents on the bus as A2A agents: what the project's own kit leaves out, and a scenario list on each binding."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import grpc
import httpx
import pytest
import pytest_asyncio
import trunkline as tl
from a2a.client import ClientConfig, ClientFactory
from a2a.client.card_resolver import parse_agent_card
from a2a.types import a2a_pb2 as pb
from a2a.types.a2a_pb2_grpc import A2AServiceStub
from a2a.utils import errors as a2a
from a2a.utils.signing import InvalidSignaturesError, create_signature_verifier
from conformance.a2a_agent import make
from google.protobuf.json_format import MessageToDict
from jwt import PyJWK
from support.a2a_client import BINDINGS, USE, VERSION, plain, sent, talking
from support.hub import eventually


@pytest.fixture(params=["sqlite", "postgres"])
def any_hub(request):
    return request.getfixturevalue(f"{request.param}_hub")


def message(message_id, text="hello", **more):
    return pb.SendMessageRequest(
        message=pb.Message(message_id=message_id, role=pb.ROLE_USER, parts=[pb.Part(text=text)], **more)
    )


def kinds(events):
    return [event.WhichOneof("payload") for event in events]


@pytest.mark.parametrize("binding", BINDINGS)
async def test_the_scenarios_go_alike_on_each_binding(a2a_hub, binding):
    async with talking(a2a_hub, await a2a_hub.token(*USE), binding) as client:
        events = await sent(client, message("tck-message-response"))
        assert kinds(events) == ["message"] and events[0].message.parts[0].text == "Direct message response"

        events = await sent(client, message("tck-stream-artifact-chunked"))
        assert kinds(events) == ["task", "status_update", "artifact_update", "artifact_update", "status_update"]
        chunks = [event.artifact_update for event in events[2:4]]
        assert [(c.artifact.parts[0].text, c.append, c.last_chunk) for c in chunks] == [
            ("chunk-1 ", False, False), ("chunk-2", True, True),
        ]  # fmt: skip
        assert events[-1].status_update.status.state == pb.TASK_STATE_COMPLETED
        task_id = events[0].task.id
        done = await client.get_task(pb.GetTaskRequest(id=task_id))
        assert "".join(part.text for part in done.artifacts[0].parts) == "chunk-1 chunk-2"

        events = await sent(client, message("tck-input-required"))
        assert events[-1].status_update.status.state == pb.TASK_STATE_INPUT_REQUIRED
        asking = events[0].task
        events = await sent(client, message("tck-complete-task", task_id=asking.id))
        assert events[-1].status_update.status.state == pb.TASK_STATE_COMPLETED
        held = await client.get_task(pb.GetTaskRequest(id=asking.id))
        assert [m.message_id for m in held.history if m.role == pb.ROLE_USER] == [
            "tck-input-required", "tck-complete-task",
        ]  # fmt: skip

        events = await sent(client, message("tck-reject-task"))
        assert events[-1].status_update.status.state == pb.TASK_STATE_REJECTED

        events = await sent(client, message("tck-input-required"))
        gone = await client.cancel_task(pb.CancelTaskRequest(id=events[0].task.id))
        assert gone.status.state == pb.TASK_STATE_CANCELED

        listed = await client.list_tasks(pb.ListTasksRequest(page_size=2))
        assert len(listed.tasks) == 2 and listed.next_page_token and listed.total_size == 4
        assert listed.tasks[0].id == gone.id and not listed.tasks[0].artifacts
        card = await client.get_extended_agent_card(pb.GetExtendedAgentCardRequest())
        assert [skill.id for skill in card.skills] == ["tck.front", "tck.work"]


@pytest.mark.parametrize("binding", BINDINGS)
async def test_errors_are_those_of_the_specification_on_each_binding(a2a_hub, binding):
    async with talking(a2a_hub, await a2a_hub.token(*USE), binding) as client:
        done = (await sent(client, message("tck-complete-task")))[0].task
        with pytest.raises(a2a.TaskNotFoundError):
            await client.get_task(pb.GetTaskRequest(id="nobody"))
        with pytest.raises(a2a.TaskNotCancelableError):
            await client.cancel_task(pb.CancelTaskRequest(id=done.id))
        with pytest.raises(a2a.UnsupportedOperationError):
            await sent(client, message("more", task_id=done.id))
        with pytest.raises(a2a.UnsupportedOperationError):
            [event async for event in client.subscribe(pb.SubscribeToTaskRequest(id=done.id))]
        asking = (await sent(client, message("tck-input-required")))[0].task
        with pytest.raises(a2a.InvalidParamsError):
            await sent(client, message("more", task_id=asking.id, context_id="another"))
        wrong = message("x")
        wrong.message.parts[0].media_type = "image/png"
        with pytest.raises(a2a.ContentTypeNotSupportedError):
            await sent(client, wrong)
        with pytest.raises(a2a.InvalidParamsError):
            await client.list_tasks(pb.ListTasksRequest(page_size=1000))
        with pytest.raises(a2a.InvalidParamsError):
            await client.list_tasks(pb.ListTasksRequest(page_token="nonsense"))


@pytest.mark.parametrize("binding", BINDINGS)
async def test_a_callers_tasks_are_nobody_elses(a2a_hub, binding):
    async with talking(a2a_hub, await a2a_hub.token(*USE), binding) as client:
        mine = (await sent(client, message("tck-input-required")))[0].task
    async with talking(a2a_hub, await a2a_hub.token(*USE), binding) as other:
        with pytest.raises(a2a.TaskNotFoundError):
            await other.get_task(pb.GetTaskRequest(id=mine.id))
        with pytest.raises(a2a.TaskNotFoundError):
            await other.cancel_task(pb.CancelTaskRequest(id=mine.id))
        with pytest.raises(a2a.TaskNotFoundError):
            await sent(other, message("tck-complete-task", task_id=mine.id))
        with pytest.raises(a2a.TaskNotFoundError):
            await other.create_task_push_notification_config(
                pb.TaskPushNotificationConfig(task_id=mine.id, url="https://example.com/")
            )
        assert (await other.list_tasks(pb.ListTasksRequest())).total_size == 0
    async with talking(a2a_hub, a2a_hub.admin_token, binding, agent="plain") as elsewhere:
        with pytest.raises(a2a.TaskNotFoundError):
            await elsewhere.get_task(pb.GetTaskRequest(id=mine.id))


async def test_two_streams_see_the_same_and_one_may_close(a2a_hub):
    async with talking(a2a_hub, await a2a_hub.token(*USE), "JSONRPC") as client:
        opening = aiter(client.send_message(message("test-resubscribe-message-id")))
        task = (await anext(opening)).task
        seen = []

        async def follow(most):
            got = []
            async for event in client.subscribe(pb.SubscribeToTaskRequest(id=task.id)):
                got.append(event)
                if len(got) == most:
                    break
            seen.append(got)

        await asyncio.gather(follow(1), follow(99), follow(99))
        one, *whole = sorted(seen, key=len)
        assert kinds(one) == ["task"]
        assert kinds(whole[0])[0] == "task" and whole[0][1:] == whole[1][1:]
        assert whole[0][-1].status_update.status.state == pb.TASK_STATE_COMPLETED


async def test_plain_skills_answer_with_messages_and_run_as_tasks_where_asked(a2a_hub):
    async with talking(a2a_hub, await a2a_hub.token(*USE), "JSONRPC", agent="plain") as client:
        assert (await sent(client, message("1", "loud")))[0].message.parts[0].text == "LOUD"
        named = message("2", "")
        del named.message.parts[:]
        named.message.parts.add().data.list_value.extend([1, 2, 3])
        named.message.metadata["skill"] = "plain.add"
        assert MessageToDict((await sent(client, named))[0].message.parts[0].data) == {"sum": 6.0}
        later = message("3", "loud")
        later.configuration.return_immediately = True
        client._config.streaming = False
        task = (await sent(client, later))[0].task
        assert task.status.state == pb.TASK_STATE_SUBMITTED

        async def over():
            found = await client.get_task(pb.GetTaskRequest(id=task.id))
            return found if found.status.state == pb.TASK_STATE_COMPLETED else None

        assert (await eventually(over)).artifacts[0].parts[0].text == "LOUD"
        unknown = message("4")
        unknown.message.metadata["skill"] = "nothing"
        with pytest.raises(a2a.InvalidParamsError, match="no skill 'nothing'"):
            await sent(client, unknown)


async def test_a_large_artifact_is_a_url_that_only_the_caller_may_read(a2a_hub):
    token, stranger = await a2a_hub.token(*USE), await a2a_hub.token(*USE)
    async with talking(a2a_hub, token, "HTTP+JSON") as client:
        task = (await sent(client, message("tck-large")))[0].task
        part = (await client.get_task(pb.GetTaskRequest(id=task.id))).artifacts[0].parts[0]
    path = part.url.removeprefix(a2a_hub.url)
    answer = await a2a_hub.http("GET", path, token=token)
    assert (answer.status, answer.body, part.media_type) == (200, b"x" * 300_000, "text/plain")
    assert (await a2a_hub.http("GET", path, token=stranger)).status == 404
    assert (await a2a_hub.http("GET", path)).status == 401
    assert (await a2a_hub.http("GET", path.rsplit("/", 1)[0] + "/another", token=token)).status == 404


async def test_what_is_large_in_a_message_goes_to_the_object_store(a2a_hub):
    raw = b"y" * 400_000
    part = {"raw": base64.b64encode(raw).decode(), "mediaType": "application/json"}
    body = {"message": {"messageId": "tck-complete-task", "role": "ROLE_USER", "parts": [part]}}
    token = await a2a_hub.token(*USE)
    path = "/a2a/w/default/agents/tck/message:send"
    answer = await a2a_hub.http("POST", path, token=token, headers=VERSION, raw=json.dumps(body).encode())
    assert answer.status == 200, answer.body
    url = answer.json["task"]["history"][0]["parts"][0]["url"]
    assert (await a2a_hub.http("GET", url.removeprefix(a2a_hub.url), token=token)).body == raw


@pytest.mark.parametrize(
    ("scopes", "status"), [((), 403), (("a2a:use",), 403), (("tasks:run",), 403), (USE, 200), (None, 401)]
)
async def test_there_is_no_side_door(a2a_hub, scopes, status):
    """Every way in asks for the same scopes, over HTTP and gRPC alike."""
    token = None if scopes is None else await a2a_hub.token(*scopes)
    at = "/a2a/w/default/agents/tck"
    rpc = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}}).encode()
    answers = [
        await a2a_hub.http("POST", at, token=token, raw=rpc, headers=VERSION),
        await a2a_hub.http("POST", "/a2a/w/default", token=token, raw=rpc, headers=VERSION),
        await a2a_hub.http("GET", f"{at}/tasks", token=token, headers=VERSION),
        await a2a_hub.http("GET", f"{at}/extendedAgentCard", token=token, headers=VERSION),
    ]
    assert [answer.status for answer in answers] == [status] * 4
    if status != 200:
        assert answers[0].json["error"]["code"] == -32600
        assert answers[2].json["error"]["status"] == {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}[status]
        assert ("WWW-Authenticate" in answers[0].headers) is (status == 401)
    metadata = [("a2a-version", "1.0"), *([("authorization", f"Bearer {token}")] if token else [])]
    code = {401: grpc.StatusCode.UNAUTHENTICATED, 403: grpc.StatusCode.PERMISSION_DENIED, 200: None}[status]
    assert await _over_grpc(a2a_hub, metadata) == code


async def _over_grpc(hub, metadata, tenant="default/tck"):
    async with grpc.aio.insecure_channel(await _grpc_url(hub)) as channel:
        try:
            await A2AServiceStub(channel).ListTasks(pb.ListTasksRequest(tenant=tenant), metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return None


async def _grpc_url(hub):
    card = (await hub.admin("GET", "/a2a/w/default/agents/tck/.well-known/agent-card.json")).json
    return next(one["url"] for one in card["supportedInterfaces"] if one["protocolBinding"] == "GRPC")


async def test_another_workspace_is_not_there(a2a_hub):
    token = await a2a_hub.token(*USE)
    assert (await a2a_hub.http("GET", "/a2a/w/other/agents/tck/tasks", token=token, headers=VERSION)).status == 404
    metadata = [("a2a-version", "1.0"), ("authorization", f"Bearer {token}")]
    assert await _over_grpc(a2a_hub, metadata, "other/tck") == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("version", ["", "0.2", "1.1", "99.0", "nonsense"])
async def test_versions_that_are_not_spoken_are_refused_on_each_binding(a2a_hub, version):
    token = await a2a_hub.token(*USE)
    headers = {"A2A-Version": version} if version else {}
    rpc = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}}).encode()
    at = "/a2a/w/default/agents/tck"
    answer = await a2a_hub.http("POST", at, token=token, raw=rpc, headers=headers)
    assert answer.json["error"]["code"] == -32009
    assert answer.json["error"]["data"][0]["reason"] == "VERSION_NOT_SUPPORTED"
    answer = await a2a_hub.http("GET", f"{at}/tasks", token=token, headers=headers)
    assert (answer.status, answer.json["error"]["status"]) == (400, "FAILED_PRECONDITION")
    metadata = [("authorization", f"Bearer {token}"), *([("a2a-version", version)] if version else [])]
    assert await _over_grpc(a2a_hub, metadata) == grpc.StatusCode.FAILED_PRECONDITION


async def test_the_version_may_be_a_query_parameter_and_its_patch_does_not_matter(a2a_hub):
    token = await a2a_hub.token(*USE)
    for given in ("1.0", "1.0.1"):
        answer = await a2a_hub.http("GET", f"/a2a/w/default/agents/tck/tasks?A2A-Version={given}", token=token)
        assert answer.status == 200


async def test_clients_of_0_3_are_served(a2a_hub):
    token = await a2a_hub.token(*USE)
    at = "/a2a/w/default/agents/tck"
    card = (await a2a_hub.http("GET", f"{at}/.well-known/agent.json", token=token)).json
    assert (card["preferredTransport"], card["protocolVersion"]) == ("JSONRPC", "0.3")
    said = {
        "kind": "message",
        "messageId": "tck-artifact-text",
        "role": "user",
        "parts": [{"kind": "text", "text": "x"}],
    }
    rpc = {"jsonrpc": "2.0", "id": 7, "method": "message/send", "params": {"message": said}}
    done = (await a2a_hub.http("POST", at, token=token, raw=json.dumps(rpc).encode())).json["result"]
    assert (done["kind"], done["status"]["state"]) == ("task", "completed")
    assert done["artifacts"][0]["parts"] == [{"kind": "text", "text": "Generated text content"}]
    again = (await a2a_hub.http("GET", f"{at}/v1/tasks/{done['id']}", token=token)).json
    assert again["id"] == done["id"]


async def test_cards_are_signed_and_kept_while_nothing_changes(a2a_hub):
    path = "/a2a/w/default/agents/tck/.well-known/agent-card.json"
    answer = await a2a_hub.admin("GET", path)
    jwks = (await a2a_hub.admin("GET", "/a2a/w/default/jwks.json")).json
    assert "d" not in jwks["keys"][0]
    verify = create_signature_verifier(lambda _kid, _jku: PyJWK(jwks["keys"][0]), ["ES256"])
    card = parse_agent_card(answer.json)
    verify(card)
    card.description = "Something else"
    with pytest.raises(InvalidSignaturesError):
        verify(card)
    header = json.loads(base64.urlsafe_b64decode(answer.json["signatures"][0]["protected"] + "=="))
    assert header["jku"] == f"{a2a_hub.url}/a2a/w/default/jwks.json" and header["kid"] == jwks["keys"][0]["kid"]
    assert "max-age=" in answer.headers["Cache-Control"] and answer.headers["Last-Modified"].endswith("GMT")
    held = await a2a_hub.admin("GET", path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (held.status, held.body) == (304, b"")


async def test_the_hub_has_a_card_of_its_own_and_speaks_for_all(a2a_hub):
    for path in ("/.well-known/agent-card.json", "/a2a/w/default/.well-known/agent-card.json"):
        card = (await a2a_hub.admin("GET", path)).json
        assert {"plain.add", "plain.echo", "tck.work"} <= {skill["id"] for skill in card["skills"]}
    said = {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": "all"}], "metadata": {"skillId": "plain.echo"}}
    rpc = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": said}}
    answer = await a2a_hub.admin("POST", "/a2a/w/default", raw=json.dumps(rpc).encode(), headers=VERSION)
    assert answer.json["result"]["message"]["parts"] == [{"text": "ALL"}]


async def test_cards_need_a_token_unless_they_are_public(a2a_hub, own_hub):
    path = "/.well-known/agent-card.json"
    assert (await a2a_hub.http("GET", path)).status == 401
    hub = await own_hub(a2a={"public_cards": True})
    assert (await hub.http("GET", "/a2a/w/default/.well-known/agent-card.json")).status == 200
    assert (await hub.http("GET", "/a2a/w/default/tasks", headers=VERSION)).status == 401
    assert (await hub.http("GET", "/a2a/w/default/extendedAgentCard", headers=VERSION)).status == 401


async def test_what_is_not_offered_is_refused_and_required_extensions_are_required(own_hub):
    off = {"streaming": False, "push_notifications": False, "extended_cards": False, "required_extensions": ["urn:x"]}
    hub = await own_hub(a2a=off)
    async with hub.serving(plain()):
        at = "/a2a/w/default/agents/plain"

        async def code(method, params, **headers):
            raw = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
            answer = await hub.admin("POST", at, raw=raw, headers=VERSION | headers)
            return answer.json.get("error", {}).get("code"), answer.headers.get("A2A-Extensions")

        said = {"message": {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": "x"}]}}
        assert await code("SendMessage", said) == (-32008, None)
        assert await code("SendMessage", said, **{"A2A-Extensions": "urn:y, urn:x"}) == (None, "urn:x")
        assert (await code("SendStreamingMessage", said))[0] == -32004
        assert (await code("GetExtendedAgentCard", {}))[0] == -32004
        assert (await code("ListTaskPushNotificationConfigs", {"taskId": "x"}))[0] == -32003


async def test_an_agent_that_is_away_is_told_in_the_words_of_the_binding(a2a_hub, own_hub):
    hub = await own_hub()
    async with hub.serving(plain()):
        pass
    said = {"message": {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": "x"}]}}
    path = "/a2a/w/default/agents/plain/message:send"
    answer = await hub.admin("POST", path, raw=json.dumps(said).encode(), headers=VERSION)
    assert answer.status == 500
    assert answer.json["error"]["details"][0]["metadata"]["code"] == "agent.offline"


async def test_anonymous_callers_come_in_only_where_they_are_let_and_only_from_here(own_hub):
    from trunkline.protocol.errors import SettingInvalidError
    from trunkline_hub import app
    from trunkline_hub.settings import Settings

    hub = await own_hub(a2a={"anonymous": list(USE)})
    assert (await hub.http("GET", "/a2a/w/default/tasks", headers=VERSION)).status == 200
    assert (await hub.http("GET", "/api/v1/w/default/tasks")).status == 401
    with pytest.raises(SettingInvalidError):
        app.build(Settings(**hub.settings.model_dump() | {"web": {"host": "0.0.0.0"}}))
