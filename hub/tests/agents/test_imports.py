"""Agents that speak otherwise: NATS micro services, OpenAPI documents."""

import json

import nats
import nats.micro
import pytest
import pytest_asyncio
import trunkline as tl
from aiohttp import web
from aiohttp.test_utils import TestServer
from trunkline.protocol import frames
from trunkline.protocol.errors import (
    AgentOriginError,
    OutboundRefusedError,
    PayloadInvalidError,
    RequestInvalidError,
    SkillUnboundError,
)
from trunkline.protocol.resources import SkillMatch
from trunkline_hub.agents.model.document import document_of
from trunkline_hub.agents.model.micro import is_askable

from support.hub import eventually

PETS = {
    "openapi": "3.0.3",
    "info": {"title": "Pets", "version": "1.2.0", "description": "Buys and sells."},
    "servers": [{"url": "https://pets.example.org/v1"}],
    "paths": {
        "/pets/{id}": {
            "parameters": [{"$ref": "#/components/parameters/Id"}],
            "get": {"operationId": "getPet", "summary": "Finds a pet.", "tags": ["pets"],
                    "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}}},
            "put": {"requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                    "responses": {"204": {"description": "done"}}},
        },
        "/broken": {"get": {"operationId": "broken", "parameters": [{"name": "a", "in": "query", "schema": {"$ref": "other.json"}}]}},
    },
    "components": {
        "parameters": {"Id": {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}},
        "schemas": {"Pet": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"}, "nullable": {"type": "string", "nullable": True}, "mother": {"$ref": "#/components/schemas/Pet"}}}},
    },
}  # fmt: skip


async def test_operations_become_skills_that_are_found_and_told_apart_from_those_that_run(hub, name):
    async with hub.client() as client:
        done = await client.agents.import_openapi(
            name, PETS, url="https://pets.example.org/openapi.json", labels={"of": name}
        )
        assert (done.skills, len(done.skipped)) == (2, 1) and "other.json" in done.skipped[0]
        agent = await client.agents.get(name)
        assert (agent.origin, agent.origin_url, agent.imported_by, agent.version) == (
            "openapi", "https://pets.example.org/openapi.json", "admin", "1.2.0",
        )  # fmt: skip
        get, put = agent.skills
        assert (get.name, get.title, get.tags, get.idempotent) == ("getPet", "Finds a pet.", ["pets"], True)
        assert (get.input_schema["required"], put.name) == (["id"], "put_pets_id")
        assert get.output_schema["$defs"]["Pet"]["properties"]["nullable"] == {"type": ["string", "null"]}
        body = {"id": 3, "body": {"name": "Rex", "mother": {"name": "Ada"}}}
        found = await client.skills.match(SkillMatch(input=body, labels=[f"of={name}"]))
        assert [one.skill.name for one in found.items] == ["put_pets_id"]
        call = json.dumps({"input": {"id": 3}, "agent": name}).encode()
        answer = await hub.admin("POST", "skills/getPet/call", raw=call)
        assert (answer.status, answer.code) == (501, "skill.unbound")
        await client.connect()
        with pytest.raises(SkillUnboundError, match="OpenAPI document"):
            await client.call("getPet", {"id": 3}, agent=name)


async def test_an_agent_is_not_taken_over_by_an_import(hub, name):
    async with hub.client() as client:
        await client.agents.register(name, frames.Registration())
        with pytest.raises(AgentOriginError):
            await client.agents.import_openapi(name, PETS)


@pytest.mark.parametrize(
    "document",
    [{}, {"openapi": "2.0"}, {"openapi": 3}, {"openapi": "3.1.0", "paths": {}}, {"openapi": "3.1.0", "paths": []},
     {"openapi": "3.1.0", "paths": {"/a": {"get": 7}}}, {"openapi": "3.1.0", "paths": {"/a": {"$ref": "#/paths/~1a"}}}],
)  # fmt: skip
async def test_a_document_that_describes_nothing_is_refused(sqlite_hub, name, document):
    async with sqlite_hub.client() as client:
        with pytest.raises(RequestInvalidError):
            await client.agents.import_openapi(name, document)


async def test_odd_documents_are_read_as_far_as_they_go(sqlite_hub, name):
    deep = {}
    for _ in range(80):
        deep = {"items": deep}
    operation = {"operationId": "a b/ü!", "parameters": [7, {"name": "x"}], "responses": {"200": 7}, "tags": [7, ""]}
    paths = {
        "/a": {"get": operation, "post": operation},
        "/deep": {"get": {"parameters": [{"name": "d", "in": "query", "schema": deep}]}},
    }
    async with sqlite_hub.client() as client:
        done = await client.agents.import_openapi(name, {"openapi": "3.1.0", "info": 7, "paths": paths})
        assert (done.skills, len(done.skipped)) == (2, 1)
        assert [one.name for one in (await client.agents.get(name)).skills] == ["a_b", "a_b_2"]


async def test_running_micro_services_are_found_and_imported(hub, name):
    secrets = hub.broker.secrets
    connection = await nats.connect(hub.broker.url, user="hub", password=secrets.hub_password)
    service = await nats.micro.add_service(connection, name=name, version="1.2.3", description="Adds numbers.")
    try:
        schema = json.dumps({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}})

        async def handler(request):
            await request.respond(b"1")

        await service.add_endpoint(
            name="add",
            subject=f"{name}.add",
            handler=handler,
            metadata={"input_schema": schema, "tags": "maths, quick"},
        )
        await service.add_endpoint(name="odd", subject=f"{name}.odd", handler=handler, metadata={"schema": "not json"})
        async with hub.client() as client:
            found = {one.name: one for one in (await client.agents.discover_nats()).items}[name]
            assert (found.version, found.description, len(found.instances)) == ("1.2.3", "Adds numbers.", 1)
            done = await client.agents.import_nats(name)
            assert [(one.agent, one.skills) for one in done.items] == [(name, 2)] and "odd" in done.items[0].skipped[0]
            agent = await client.agents.get(name)
            assert (agent.origin, agent.interfaces[0].url) == ("nats", f"nats:{name}.add")
            assert agent.skills[0].tags == ["maths", "quick"] and agent.skills[0].input_schema["required"] == ["a"]
            with pytest.raises(RequestInvalidError):
                await client.agents.import_nats("nobody-answers-so")
            assert [one.name for one in (await client.agents.list(origin="nats", text=name)).items] == [name]
    finally:
        await service.stop()
        await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def service(hub, name):
    """A micro service with an endpoint for each thing that may come of a request."""
    connection = await nats.connect(hub.broker.url, user="hub", password=hub.broker.secrets.hub_password)
    made = await nats.micro.add_service(connection, name=name, version="1.2.3")

    async def double(request):
        await request.respond(json.dumps(json.loads(request.data)["a"] * 2).encode())

    async def refuse(request):
        await request.respond_error(code=request.data.decode().strip('"'), description="not so")

    async def say(request):
        await request.respond(b"plain words" if request.data == b'"text"' else b"\xff\xfe")

    for called, handler in {"double": double, "refuse": refuse, "say": say}.items():
        await made.add_endpoint(name=called, subject=f"{name}.{called}", handler=handler)
    await connection.flush()
    yield made
    await made.stop()
    await connection.close()


async def test_services_are_called_by_everybody_until_they_are_gone(hub, name, service):
    async with hub.client() as client:
        await client.agents.import_nats(name)
        await client.connect()

        async def is_up():
            return (await client.agents.get(name)).state == "healthy"

        await eventually(is_up, timeout_s=20)
        assert await client.call(f"{name}.double", {"a": 21}) == 42
        assert await client.call(f"{name}.say", "text") == "plain words"
        body = json.dumps({"input": {"a": 2}}).encode()
        assert (await hub.admin("POST", f"skills/{name}.double/call", raw=body)).json["output"] == 4
        for code, error in {"400": PayloadInvalidError, "504": tl.CallTimeoutError, "500": tl.CallFailedError}.items():
            with pytest.raises(error, match="not so"):
                await client.call(f"{name}.refuse", code)
        with pytest.raises(tl.CallFailedError, match="neither JSON nor text"):
            await client.call(f"{name}.say", "bytes")
        await service.stop()

        async def is_gone():
            return (await client.agents.get(name)).state == "offline"

        with pytest.raises(tl.AgentOfflineError):
            await client.call(f"{name}.double", {"a": 1})
        await eventually(is_gone, timeout_s=30)


@pytest.mark.parametrize(
    "subject", ["$JS.API.STREAM.DELETE.X", "tl.default.call.x", "_INBOX.a", "a.>", "a.*", "a b", "", "a..b"]
)
def test_a_service_cannot_make_the_hub_speak_where_only_hubs_may(subject):
    assert not is_askable(subject)


YAML = """
openapi: 3.1.0
info: {title: Pets, version: 2024-01-02}
paths:
  /pets:
    get:
      operationId: listPets
      parameters: [{name: since, in: query, schema: &text {type: string}}, {name: to, in: query, schema: *text}]
      responses:
        200: {description: ok, content: {application/json: {schema: {type: array}}}}
"""


async def test_a_document_may_be_yaml_and_come_by_its_address(sqlite_hub, name):
    async def serve(_request):
        return web.Response(text=YAML, content_type="application/yaml")

    app = web.Application()
    app.router.add_get("/openapi.yaml", serve)
    async with sqlite_hub.client() as client, TestServer(app) as server:
        await client.agents.import_openapi(f"{name}.text", YAML)
        await client.agents.import_openapi(f"{name}.url", url=str(server.make_url("/openapi.yaml")))
        for agent in (await client.agents.list(text=name)).items:
            assert (agent.version, [one.name for one in agent.skills]) == ("2024-01-02", ["listPets"])
            assert set(agent.skills[0].input_schema["properties"]) == {"since", "to"}
            assert agent.skills[0].output_schema == {"type": "array"}
        with pytest.raises(RequestInvalidError, match="status 404"):
            await client.agents.import_openapi(name, url=str(server.make_url("/none")))
        with pytest.raises(OutboundRefusedError):
            await client.agents.import_openapi(name, url="http://169.254.169.254/openapi.yaml")
        with pytest.raises(RequestInvalidError):
            await client.agents.import_openapi(name)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    "text", [BOMB, "a: &a [*a]", "[" * 5000, "!!python/object/apply:os.system [ls]", "- 1", "a: [", "\x00", "a: *b"]
)
def test_what_is_no_document_or_a_bomb_is_refused_soon(text):
    with pytest.raises(RequestInvalidError):
        document_of(text)
