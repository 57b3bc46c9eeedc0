"""Every operation of the API, called by everybody who may not."""

import json

import pytest
import pytest_asyncio
from trunkline.protocol.errors import CATALOGUE
from trunkline_hub.core.permission import IMPLIED

CODES = {error.code: error.status for error in CATALOGUE}
OPEN = {("GET", "/livez"), ("GET", "/readyz"), ("POST", "/api/v1/session")}
FOR_ANYONE = {
    ("GET", "/api/v1/w/{workspace}/connection"), ("GET", "/api/v1/scopes"),
    ("GET", "/api/v1/session"), ("DELETE", "/api/v1/session"), ("GET", "/api/v1/w/{workspace}/event-type-rules"),
}  # fmt: skip
WRONG = "tl_" + "0" * 16 + "_" + "0" * 48


@pytest_asyncio.fixture(loop_scope="session")
async def operations(sqlite_hub):
    """(method, path template, path) of every operation in the contract."""
    contract = (await sqlite_hub.http("GET", "/api/v1/openapi.json")).json
    found = []
    for template, item in contract["paths"].items():
        for method in item.keys() & {"get", "put", "post", "delete", "patch"}:
            path = template.replace("{workspace}", "default")
            while "{" in path:
                path = path[: path.index("{")] + "nobody" + path[path.index("}") + 1 :]
            found.append((method.upper(), template, path))
    assert len(found) > 20
    return found


def check_problem(answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert {"type", "title", "status", "code", "detail", "remedy", "instance", "request_id"} <= set(problem)
    assert problem["status"] == status == CODES[problem["code"]]
    assert problem["type"] == f"urn:trunkline:error:{problem['code']}"
    assert b"Traceback" not in answer.body


async def refused(hub, operations, token, expected, skip):
    for method, template, path in operations:
        if (method, template) in skip:
            continue
        answer = await hub.http(method, path, token=token, raw=b"{}" if method in {"PUT", "POST"} else None)
        try:
            check_problem(answer, expected)
        except AssertionError as error:
            raise AssertionError(f"{method} {template}: {answer.status} {answer.body[:300]!r}") from error


async def test_without_credentials_nothing_opens(sqlite_hub, operations):
    await refused(sqlite_hub, operations, None, 401, OPEN)


async def test_with_wrong_credentials_nothing_opens(sqlite_hub, operations):
    await refused(sqlite_hub, operations, WRONG, 401, OPEN)


async def test_with_revoked_credentials_nothing_opens(sqlite_hub, operations):
    token = await sqlite_hub.token("*")
    await sqlite_hub.admin("DELETE", f"tokens/{token.split('_')[1]}")
    await refused(sqlite_hub, operations, token, 401, OPEN)


async def test_with_expired_credentials_nothing_opens(own_hub, clock, sqlite_hub, operations):
    hub = await own_hub(clock=clock)
    token = await hub.token("*", expires_in_s=1)
    clock.forward(2)
    await refused(hub, operations, token, 401, OPEN)


async def test_without_scopes_only_what_is_for_anyone_opens(sqlite_hub, operations):
    token = await sqlite_hub.token()
    await refused(sqlite_hub, operations, token, 403, OPEN | FOR_ANYONE)


async def test_each_operation_opens_with_its_own_scope_and_with_no_other(sqlite_hub, operations):
    """All scopes but the one that the route names: refused. That one alone: let in."""
    scopes = set((await sqlite_hub.admin("GET", "/api/v1/scopes")).json)
    needed = {
        (method, route.path_format): handler.opt.get("permission")
        for route in sqlite_hub.app.routes
        for handler in route.route_handlers
        for method in handler.http_methods
    }
    all_but = {scope: await sqlite_hub.token(*(scopes - {scope, IMPLIED.get(scope)})) for scope in scopes}
    only = {scope: await sqlite_hub.token(scope) for scope in scopes}
    for method, template, path in operations:
        if (method, template) in OPEN | FOR_ANYONE or path.endswith(("/tail", "/live", "/watch")):
            continue
        scope = needed[method, template]
        raw = b"{}" if method in {"PUT", "POST"} else None
        check_problem(await sqlite_hub.http(method, path, token=all_but[scope], raw=raw), 403)
        answer = await sqlite_hub.http(method, path, token=only[scope], raw=raw)
        assert answer.status not in {401, 403, 500}, (method, template, answer.body)


async def test_in_a_foreign_workspace_nothing_exists(sqlite_hub, operations):
    token = await sqlite_hub.token("*", workspace="other")
    inside = [op for op in operations if "{workspace}" in op[1]]
    await refused(sqlite_hub, inside, token, 404, set())


async def test_the_contract_names_no_secret_and_is_json(sqlite_hub):
    answer = await sqlite_hub.http("GET", "/api/v1/openapi.json")
    assert json.loads(answer.body)["openapi"].startswith("3.")
    assert sqlite_hub.admin_token.encode() not in answer.body
