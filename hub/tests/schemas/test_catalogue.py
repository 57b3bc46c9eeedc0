"""The catalogue over HTTP, on both databases: declaring, versions, checks, listing, deleting, who uses what."""

import asyncio

import msgspec
import pytest
import trunkline as tl
from trunkline.protocol.errors import EventTypeInUseError, EventTypeUnknownError, SchemaIncompatibleError
from trunkline.protocol.resources import EventTypeDeclaration, NewEventTypeVersion

from support.hub import eventually

ORDER = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
WITH_NOTE = {**ORDER, "properties": {**ORDER["properties"], "note": {"type": "string"}}}
TEXT_ID = {**ORDER, "properties": {"id": {"type": "string"}}}


@pytest.fixture
def kind(name):
    """A type nobody else uses."""
    return f"order.{name}"


async def put(hub, kind, **declaration):
    return await hub.admin("PUT", f"event-types/{kind}", raw=msgspec.json.encode(declaration))


async def post(hub, path, **body):
    return await hub.admin("POST", f"event-types/{path}", raw=msgspec.json.encode(body))


async def test_a_declared_type_is_shown_with_all_that_was_said(hub, kind):
    made = await put(
        hub, kind, description="An order was placed", owner="shop team", tags=["shop", "money"], schema=ORDER,
        note="the beginning", samples=[{"id": 7}],
    )  # fmt: skip
    assert made.status == 200, made.body
    shown = (await hub.admin("GET", f"event-types/{kind}")).json
    assert shown["schema"] == ORDER
    told = shown["type"]
    assert (told["owner"], told["tags"], told["samples"]) == ("shop team", ["shop", "money"], [{"id": 7}])
    assert (told["compatibility"], told["reading"], told["policy"]) == ("backward", "lenient", "open")
    assert (told["declared"], told["versions"], told["newest"]) == (True, 1, 1)
    version = (await hub.admin("GET", f"event-types/{kind}/versions/1")).json
    assert version["author"] == "admin" and version["note"] == "the beginning"
    assert version["dataschema"] == f"urn:trunkline:schema:default:{kind}:1"
    served = await hub.admin("GET", f"event-types/{kind}/versions/1/schema")
    assert served.json == ORDER and served.headers["Content-Type"].startswith("application/schema+json")


async def test_what_is_left_out_stays_and_the_same_schema_is_no_new_version(hub, kind):
    await put(hub, kind, description="first", tags=["a"], schema=ORDER)
    before = (await hub.admin("GET", "audit", params={"limit": 1})).json["items"][0]["id"]
    turned = {"required": ["id"], "properties": {"id": {"type": "integer"}}, "type": "object"}
    again = await put(hub, kind, schema=turned)
    assert (again.json["versions"], again.json["description"], again.json["tags"]) == (1, "first", ["a"])
    assert (await hub.admin("GET", "audit", params={"limit": 1})).json["items"][0]["id"] == before
    added = await post(hub, f"{kind}/versions", schema=turned)
    assert added.status == 201 and added.json["number"] == 1
    changed = await put(hub, kind, owner="me")
    assert (changed.json["description"], changed.json["owner"], changed.json["versions"]) == ("first", "me", 1)


async def test_an_incompatible_version_is_refused_with_the_place(hub, kind):
    await put(hub, kind, schema=ORDER)
    refused = await post(hub, f"{kind}/versions", schema=TEXT_ID)
    assert (refused.status, refused.code) == (409, "schema.incompatible")
    assert refused.json["errors"] == [
        {
            "pointer": "/schema/properties/id/type",
            "detail": "takes string only, while the other schema admits integer",
        }
    ]
    assert (await hub.admin("GET", f"event-types/{kind}/versions")).json["items"][0]["number"] == 1
    added = await post(hub, f"{kind}/versions", schema=WITH_NOTE, note="says more")
    assert (added.status, added.json["number"]) == (201, 2)
    listed = (await hub.admin("GET", f"event-types/{kind}/versions", params={"limit": 1})).json
    assert [v["number"] for v in listed["items"]] == [2]
    rest = await hub.admin("GET", f"event-types/{kind}/versions", params={"cursor": listed["next"]})
    assert [v["number"] for v in rest.json["items"]] == [1]


MODES = [
    ("backward", "optional", True), ("backward", "required", False),
    ("forward", "optional", True), ("forward", "required", True), ("forward", "without", False),
    ("full", "optional", True), ("full", "required", False), ("full", "without", False),
    ("none", "text", True), ("backward", "text", False),
]  # fmt: skip
CHANGES = {
    "optional": WITH_NOTE, "required": {**WITH_NOTE, "required": ["id", "note"]}, "text": TEXT_ID,
    "without": {"type": "object", "properties": {"note": {"type": "string"}}},
}  # fmt: skip


async def test_every_mode_asks_its_own_question(hub, kind):
    await put(hub, kind, schema=ORDER)
    for mode, change, fits in MODES:
        report = (await post(hub, f"{kind}/check", schema=CHANGES[change], compatibility=mode)).json
        assert report["compatible"] is fits, (mode, change, report)
        assert all(problem["version"] == 1 and problem["detail"] for problem in report["problems"])
    strict = (await post(hub, f"{kind}/check", schema=WITH_NOTE, reading="strict")).json
    assert [p["pointer"] for p in strict["problems"]] == ["/properties/note/type"]
    assert (await hub.admin("GET", f"event-types/{kind}")).json["type"]["versions"] == 1, "a check stores nothing"


async def test_transitive_modes_look_at_every_version(hub, kind):
    await put(hub, kind, schema=ORDER, compatibility="none")
    await post(hub, f"{kind}/versions", schema=TEXT_ID)
    once_more = {**TEXT_ID, "properties": {"id": {"type": "string"}, "more": {"type": "null"}}}
    near = (await post(hub, f"{kind}/check", schema=once_more, compatibility="backward")).json
    far = (await post(hub, f"{kind}/check", schema=once_more, compatibility="backward_transitive")).json
    assert near["compatible"]
    assert [(p["version"], p["pointer"]) for p in far["problems"]] == [(1, "/properties/id/type")]


async def test_samples_must_fit_the_newest_schema(hub, kind):
    refused = await put(hub, kind, schema=ORDER, samples=[{"id": 1}, {"id": "x"}])
    assert (refused.status, refused.code) == (422, "request.invalid")
    assert [e["pointer"] for e in refused.json["errors"]] == ["/samples/1/id"]
    await put(hub, kind, schema=ORDER, samples=[{"id": 1}], compatibility="none")
    refused = await post(hub, f"{kind}/versions", schema=TEXT_ID)
    assert [e["pointer"] for e in refused.json["errors"]] == ["/samples/0/id"]
    assert (await post(hub, f"{kind}/versions", schema=TEXT_ID, samples=[{"id": "x"}])).status == 201


BAD_SCHEMAS = [
    ({"type": "strin"}, "/schema/type"),
    ({"properties": {"a": {"minimum": "x"}}}, "/schema/properties/a/minimum"),
    ({"properties": {"a": {"$ref": "https://elsewhere.example/s.json"}}}, "/schema/properties/a/$ref"),
    ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "/schema/properties/a/$ref"),
    ({"properties": {"a": {"$id": "urn:x", "type": "string"}}}, "/schema/properties/a/$id"),
    ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/schema/$schema"),
    ({"$schema": []}, "/schema/$schema"),
    ({"properties": {"a": {"pattern": "("}}}, "/schema/properties/a/pattern"),
    ({"$ref": "#/$defs/nowhere"}, "/schema"),
    ({"description": "x" * 300_000}, "/schema"),
]


@pytest.mark.parametrize(("schema", "pointer"), BAD_SCHEMAS, ids=range(len(BAD_SCHEMAS)))
async def test_what_is_no_self_contained_schema_is_refused(sqlite_hub, kind, schema, pointer):
    refused = await put(sqlite_hub, kind, schema=schema)
    assert (refused.status, refused.code) == (422, "schema.invalid"), refused.body
    assert refused.json["errors"][0]["pointer"] == pointer
    assert (await sqlite_hub.admin("GET", f"event-types/{kind}")).code == "event_type.unknown"


async def test_a_schema_too_deep_is_refused_not_crashed_on(sqlite_hub, kind):
    deep = b'{"schema":' + b'{"not":' * 5000 + b"{}" + b"}" * 5000 + b"}"
    refused = await sqlite_hub.admin("PUT", f"event-types/{kind}", raw=deep)
    assert refused.status in {400, 422}, refused.body
    some = b'{"schema":' + b'{"not":' * 100 + b"{}" + b"}" * 100 + b"}"
    assert (await sqlite_hub.admin("PUT", f"event-types/{kind}", raw=some)).code == "schema.invalid"


@pytest.mark.parametrize("bad", ["a..b", ".a", "a b", "trunkline.mine", "x" * 256, "a.*", "ü"])
async def test_names_that_are_none_are_refused(sqlite_hub, bad):
    refused = await put(sqlite_hub, bad, schema=ORDER)
    assert (refused.status, refused.code) == (422, "request.invalid")
    assert refused.json["errors"][0]["pointer"] == "/name"


async def test_fields_that_cannot_be_kept_are_refused(hub, kind):
    refused = await put(hub, kind, description="a\0b", owner="x" * 200, tags=["", "a", "a"], policy="open")
    assert refused.status == 422
    assert {e["pointer"] for e in refused.json["errors"]} == {"/description", "/owner", "/tags/0", "/tags/2"}
    assert (await put(hub, kind, policy="strict")).status == 422
    odd = {"type": "object", "title": "nul \0 and 💩", "const": {"k\0": 1e300}}
    assert (await put(hub, kind, schema=odd)).status == 200
    assert (await hub.admin("GET", f"event-types/{kind}/versions/1/schema")).json == odd


async def test_a_payload_can_be_tried(hub, kind):
    await put(hub, kind, schema=ORDER, compatibility="none")
    await post(hub, f"{kind}/versions", schema=TEXT_ID)
    assert (await post(hub, f"{kind}/validate", data={"id": "x"})).json == {"valid": True, "version": 2, "errors": []}
    assert (await post(hub, f"{kind}/validate", data={"id": 1})).json["version"] == 1, "an older live version will do"
    wrong = (await post(hub, f"{kind}/validate", data={"id": 1}, version=2)).json
    assert (wrong["valid"], [e["pointer"] for e in wrong["errors"]]) == (False, ["/id"])
    assert (await post(hub, f"{kind}/validate", data=1, version=9)).code == "event_type.version_unknown"
    await hub.admin("PUT", f"event-types/{kind}/versions/1", raw=b'{"deprecated": true}')
    assert (await post(hub, f"{kind}/validate", data={"id": 1})).json["valid"] is False


async def test_versions_are_deprecated_restored_and_deleted_and_their_numbers_not_given_again(hub, kind):
    await put(hub, kind, schema=ORDER)
    await post(hub, f"{kind}/versions", schema=WITH_NOTE)
    assert (await hub.admin("DELETE", f"event-types/{kind}/versions/2")).code == "event_type.in_use"
    gone = await hub.admin("PUT", f"event-types/{kind}/versions/2", raw=b'{"deprecated": true}')
    assert gone.json["deprecated_at"] is not None
    back = await hub.admin("PUT", f"event-types/{kind}/versions/2", raw=b'{"deprecated": false}')
    assert back.json["deprecated_at"] is None
    assert (await hub.admin("DELETE", f"event-types/{kind}/versions/2", params={"force": "true"})).status == 204
    assert (await hub.admin("GET", f"event-types/{kind}/versions/2")).code == "event_type.version_unknown"
    assert (await post(hub, f"{kind}/versions", schema=WITH_NOTE)).json["number"] == 3


async def test_the_list_is_filtered_and_paged(hub, name):
    for index, (owner, tag) in enumerate([("ann", "red"), ("bob", "red"), ("ann", "blue")]):
        await put(hub, f"{name}.k{index}", owner=owner, tags=[tag], description=f"The {tag.upper()} one of {name}")
    await put(hub, f"{name}.k2", deprecated=True)

    async def found(**filters):
        listed = await hub.admin("GET", "event-types", params={"text": name, **filters})
        return [item["name"].removeprefix(f"{name}.") for item in listed.json["items"]]

    assert await found() == ["k0", "k1", "k2"]
    assert await found(owner="ann") == ["k0", "k2"]
    assert await found(tag="red") == ["k0", "k1"]
    assert await found(tag="red", owner="ann") == ["k0"]
    assert await found(deprecated="true") == ["k2"]
    assert await found(deprecated="false") == ["k0", "k1"]
    assert await found(text=f"red one OF {name}") == ["k0", "k1"]
    assert await found(text=f"{name}%0") == []
    seen, cursor = [], None
    for _ in range(3):
        page = (await hub.admin("GET", "event-types", params={"text": name, "limit": 1} | ({"cursor": cursor} if cursor else {}))).json  # fmt: skip
        seen += [item["name"] for item in page["items"]]
        cursor = page["next"]
    assert seen == [f"{name}.k{i}" for i in range(3)] and cursor is None


async def test_changes_leave_audit_rows_and_facts(hub, kind):
    await put(hub, kind, schema=ORDER)
    await hub.admin("PUT", f"event-types/{kind}/versions/1", raw=b'{"deprecated": true}')
    await hub.admin("DELETE", f"event-types/{kind}", params={"force": "true"})
    rows = (await hub.admin("GET", "audit", params={"limit": 10})).json["items"]
    actions = [row["action"] for row in rows if kind in row["resource"]]
    assert actions == ["event_type.removed", "event_type_version.deprecated", "event_type_version.added", "event_type.declared"]  # fmt: skip

    async def facts():
        found = await hub.admin("GET", "events", params={"type": "trunkline.event_type.changed", "subject": kind})
        changes = [item["event"]["data"]["change"] for item in found.json["items"]]
        return changes == ["declared", "version_deprecated", "removed"]

    await eventually(facts)


async def test_two_who_add_a_version_at_once_get_two_numbers(hub, kind):
    await put(hub, kind, schema=ORDER, compatibility="none")
    schemas = [{**ORDER, "title": f"t{i}"} for i in range(6)]
    added = await asyncio.gather(*(post(hub, f"{kind}/versions", schema=schema) for schema in schemas))
    assert sorted(answer.json["number"] for answer in added) == [2, 3, 4, 5, 6, 7]


async def test_the_sdk_speaks_the_catalogue(hub, kind):
    async with hub.client() as client:
        await client.event_types.declare(kind, EventTypeDeclaration(schema=ORDER, tags=["sdk"]))
        with pytest.raises(SchemaIncompatibleError) as caught:
            await client.event_types.add_version(kind, NewEventTypeVersion(schema=TEXT_ID))
        assert caught.value.errors[0].pointer == "/schema/properties/id/type"
        assert (await client.event_types.check(kind, WITH_NOTE)).compatible
        assert (await client.event_types.add_version(kind, NewEventTypeVersion(schema=WITH_NOTE))).number == 2
        assert [v.number for v in (await client.event_types.versions(kind)).items] == [2, 1]
        assert (await client.event_types.validate(kind, {"id": 1})).valid
        assert (await client.event_types.get(kind)).schema == WITH_NOTE
        assert [t.name for t in (await client.event_types.list(tag="sdk", text=kind)).items] == [kind]
        await client.event_types.deprecate_version(kind, 1)
        await client.event_types.remove_version(kind, 1)
        await client.event_types.remove(kind)
        with pytest.raises(EventTypeUnknownError):
            await client.event_types.get(kind)


async def test_who_publishes_and_who_consumes_is_declared_and_observed(hub, name):
    kind = f"{name}.paid"
    shop = tl.Agent(f"shop-{name}", publishes=[kind, f"{name}.refunded"])
    till = tl.Agent(f"till-{name}")

    @till.on(f"{name}.*", group=f"tills-{name}")
    async def note(event: dict) -> None: ...

    token = await hub.token("*", principal=f"p-{name}")
    async with hub.serving(shop, token), hub.serving(till):
        async with hub.connected(token) as client:
            await client.publish(kind, {"id": 1})
            await client.publish(kind, {"id": 2})
        async with hub.connected(await hub.token("*", principal=f"q-{name}")) as client:
            await client.publish(kind, {"id": 3})

        async def both_seen():
            shown = await hub.admin("GET", f"event-types/{kind}")
            return shown.json if shown.status == 200 and shown.json["type"]["count"] == 3 else None

        shown = await eventually(both_seen)
        assert shown["type"]["declared"] is False
        agents = {p["principal"]: p for p in shown["producers"]}
        assert agents[f"p-{name}"]["agent"] == f"shop-{name}"
        assert (agents[f"p-{name}"]["declared"], agents[f"p-{name}"]["observed"], agents[f"p-{name}"]["count"]) == (True, True, 2)  # fmt: skip
        assert (agents[f"q-{name}"]["declared"], agents[f"q-{name}"]["observed"], agents[f"q-{name}"]["count"]) == (False, True, 1)  # fmt: skip
        assert agents[f"q-{name}"]["first_seen_at"] <= agents[f"q-{name}"]["last_seen_at"]
        assert shown["consumers"] == [
            {"lane": "group", "name": f"tills-{name}", "patterns": [f"{name}.*"], "agents": [f"till-{name}"]}
        ]
        assert sum(day["count"] for day in shown["days"]) == 3
        undeclared = await hub.admin("GET", "event-types", params={"text": name, "declared": "false"})
        assert [item["name"] for item in undeclared.json["items"]] == [kind]
        await put(hub, kind, schema=ORDER)
        assert (await hub.admin("GET", "event-types", params={"text": name, "declared": "false"})).json["items"] == []
        promised = (await hub.admin("GET", f"event-types/{name}.refunded")).code
        assert promised == "event_type.unknown", "what is only promised is not in the catalogue"
        async with hub.client() as client:
            with pytest.raises(EventTypeInUseError) as caught:
                await client.event_types.remove(kind)
            assert f"agent shop-{name}" in caught.value.detail and f"group tills-{name}" in caught.value.detail
            await client.event_types.remove(kind, force=True)


async def test_who_works_in_a_queue_consumes_its_tasks(hub, name):
    worker = tl.Agent(f"worker-{name}")

    @worker.task(name)
    async def work(job: dict) -> None: ...

    async with hub.serving(worker):
        await put(hub, f"task.{name}", schema=ORDER)
        shown = (await hub.admin("GET", f"event-types/task.{name}")).json
        assert shown["consumers"] == [{"lane": "queue", "name": name, "patterns": [], "agents": [f"worker-{name}"]}]


async def test_a_flood_is_counted_by_sample_and_a_rare_type_in_it_is_still_seen(own_hub):
    hub = await own_hub(schemas={"observe_s": 2.0})
    token = await hub.token("events:publish", principal="loud")
    async with hub.connected(token) as client:
        await asyncio.gather(*(client.publish("loud.one", i) for i in range(4000)))
        await client.publish("rare.one", 1)

    async def counted():
        listed = (await hub.admin("GET", "event-types")).json["items"]
        counts = {item["name"]: item["count"] for item in listed}
        return counts if counts.get("loud.one", 0) >= 3990 and "rare.one" in counts else None

    counts = await eventually(counted)
    assert counts["loud.one"] <= 4010


async def test_the_number_of_senders_on_record_is_bounded(own_hub):
    hub = await own_hub(schemas={"observe_s": 0.2, "observed_senders_max": 3})
    async with hub.connected() as client:
        for index in range(6):
            await client.publish(f"kind.k{index}", 1)
        await client.publish("kind.k0", 2)

    async def settled():
        listed = (await hub.admin("GET", "event-types")).json["items"]
        counts = {item["name"]: item["count"] for item in listed}
        return counts if counts.get("kind.k0") == 2 else None

    assert len(await eventually(settled)) == 3
