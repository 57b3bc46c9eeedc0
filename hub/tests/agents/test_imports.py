"""Agents that speak otherwise: NATS micro services, OpenAPI documents."""

import json

import nats
import nats.micro
import pytest
import trunkline as tl
from trunkline.protocol import frames
from trunkline.protocol.errors import AgentOriginError, RequestInvalidError, SkillUnboundError
from trunkline.protocol.resources import SkillMatch

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
        with pytest.raises(SkillUnboundError, match="openapi"):
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
