"""Entity tags: reads that know what they have, and changes of what was seen only."""

import asyncio

import msgspec
import pytest

ROUTE = {"match": {"types": ["a.b"]}, "targets": [{"queue": "q"}]}


async def _declared(hub, name, **settings):
    answer = await hub.admin("PUT", f"queues/{name}", json=settings)
    assert answer.status == 200, answer.body
    return answer.headers["ETag"]


async def test_what_the_caller_has_is_not_sent_again(hub, name):
    await _declared(hub, name)
    for path in ("event-type-rules", "tokens", "mcp/toolsets"):
        first = await hub.admin("GET", path)
        again = await hub.admin("GET", path, headers={"If-None-Match": f'"other", {first.headers["ETag"]}'})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert (await hub.admin("GET", path, headers={"If-None-Match": '"other"'})).status == 200
    packed = await hub.admin("GET", "tokens", headers={"Accept": "application/msgpack"})
    plain = await hub.admin("GET", "tokens")
    assert packed.headers["ETag"] != plain.headers["ETag"] and "Accept" in packed.headers["Vary"].split(",")
    assert msgspec.msgpack.decode(packed.body) == plain.json


async def test_a_change_is_made_to_what_was_read_only(hub, name):
    tag = await _declared(hub, name)
    assert (await hub.admin("GET", f"queues/{name}")).headers["ETag"].split(".")[0] == tag.split(".")[0]
    changed = await hub.admin("PUT", f"queues/{name}", json={"max_in_flight": 7}, headers={"If-Match": tag})
    assert changed.status == 200 and changed.headers["ETag"] != tag
    late = await hub.admin("PUT", f"queues/{name}", json={"max_in_flight": 9}, headers={"If-Match": tag})
    assert (late.status, late.code) == (412, "request.precondition_failed")
    assert changed.headers["ETag"].split(".")[0] in late.json["detail"]
    assert (await hub.admin("GET", f"queues/{name}")).json["max_in_flight"] == 7
    for some in ("*", f'"x", {changed.headers["ETag"]}', f"W/{changed.headers['ETag']}"):
        answer = await hub.admin("PUT", f"queues/{name}", json={"max_in_flight": 7}, headers={"If-Match": some})
        assert answer.status == 200


async def test_what_nobody_declared_stands_in_no_changes_way(hub, name):
    tag = await _declared(hub, name)
    await hub.admin("POST", f"queues/{name}/messages", json={"data": 1})
    read = await hub.admin("GET", f"queues/{name}", headers={"If-None-Match": tag})
    assert read.status == 200 and read.json["depth"] == 1, "to a reader the queue is another"
    changed = await hub.admin("PUT", f"queues/{name}", json={"max_in_flight": 7}, headers={"If-Match": tag})
    assert changed.status == 200, "to one who changes its settings it is the same"


async def test_the_verbs_of_a_resource_ask_too(hub, name):
    tag = await _declared(hub, name)
    await _declared(hub, name, max_in_flight=3)
    late = await hub.admin("POST", f"queues/{name}/pause", json={"reason": "x"}, headers={"If-Match": tag})
    assert late.code == "request.precondition_failed"
    assert (await hub.admin("GET", f"queues/{name}")).json["status"]["state"] == "active"


async def test_one_may_ask_that_there_is_none_yet(hub, name):
    fresh = await hub.admin("PUT", f"mcp/toolsets/{name}", json={"skills": ["a"]}, headers={"If-None-Match": "*"})
    assert fresh.status == 200
    taken = await hub.admin("PUT", f"mcp/toolsets/{name}", json={"skills": ["b"]}, headers={"If-None-Match": "*"})
    assert taken.code == "request.precondition_failed"
    gone = await hub.admin("DELETE", f"mcp/toolsets/{name}", headers={"If-Match": '"x"'})
    assert gone.status == 412
    gone = await hub.admin("DELETE", f"mcp/toolsets/{name}", headers={"If-Match": fresh.headers["ETag"]})
    assert gone.status == 204
    none = await hub.admin("DELETE", f"mcp/toolsets/{name}", headers={"If-Match": "*"})
    assert none.status == 412 and "There is none" in none.json["detail"]


def changes(hub):
    """(method, path) of every change of a resource that can be read."""
    readers = hub.app.state.readers
    for route in hub.app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in getattr(handler, "http_methods", set()) & {"PUT", "DELETE", "PATCH"}:
                if route.path_format.startswith("/api/v1/w/") and readers.of(method, route.path_format) is not None:
                    yield method, route.path_format


async def test_every_change_of_what_can_be_read_asks(hub):
    found = list(changes(hub))
    assert len(found) > 15
    for method, template in found:
        path = template.replace("{workspace}", "default")
        while "{" in path:
            path = path[: path.index("{")] + "7" + path[path.index("}") + 1 :]
        answer = await hub.admin(method, path, json={}, headers={"If-Match": '"what nobody has"'})
        assert (answer.status, answer.code) == (412, "request.precondition_failed"), (method, template, answer.body)


async def test_of_many_changes_of_the_same_thing_one_is_made(hub, name):
    tag = await _declared(hub, name)
    answers = await asyncio.gather(
        *(
            hub.admin("PUT", f"queues/{name}", json={"max_in_flight": 100 + n}, headers={"If-Match": tag})
            for n in range(12)
        )
    )
    assert sorted(one.status for one in answers) == [200] + [412] * 11
    made = next(one for one in answers if one.status == 200)
    assert (await hub.admin("GET", f"queues/{name}")).json["max_in_flight"] == made.json["max_in_flight"]


async def test_on_whatever_hubs_they_come(own_hub, postgres, name):
    url = await postgres.fresh()
    hubs = [await own_hub(url=url, hub_id=f"hub-{one}") for one in "ab"]
    made = await hubs[0].admin("PUT", f"mcp/toolsets/{name}", json={"skills": ["a"]})
    answers = await asyncio.gather(
        *(
            hubs[n % 2].admin(
                "PUT", f"mcp/toolsets/{name}", json={"skills": [f"s{n}"]}, headers={"If-Match": made.headers["ETag"]}
            )
            for n in range(12)
        )
    )
    assert sorted(one.status for one in answers) == [200] + [412] * 11


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
async def test_what_is_no_list_of_tags_matches_nothing(hub, name, header):
    await _declared(hub, name)
    answer = await hub.admin("PUT", f"queues/{name}", json={}, headers={header: 'nonsense,,""'})
    assert answer.status == (412 if header == "If-Match" else 200)
