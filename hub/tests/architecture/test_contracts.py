"""What the hub promises as a whole: permissions, tables, settings, errors, public names."""

import re

import pytest
import trunkline
from pydantic import BaseModel
from trunkline.protocol import errors
from trunkline.protocol.errors import CATALOGUE, TrunklineError
from trunkline_hub.db import metadata
from trunkline_hub.settings import Settings
from trunkline_hub.web import ANYONE, PUBLIC

PUBLIC_ROUTES = {
    ("GET", "/livez"): "an orchestrator's probe; says nothing but that the process answers",
    ("GET", "/readyz"): "an orchestrator's probe; says ready or not",
    (
        "POST",
        "/api/v1/session",
    ): "signing in is what one does without credentials; the one-time secret is the credential",
    ("GET", "/"): "the dashboard's files hold no data",
    ("GET", "/{path:path}"): "the dashboard's files hold no data",
    (
        "GET",
        "/.well-known/oauth-protected-resource/mcp/w/{rest:path}",
    ): "how a client gets in (RFC 9728), the same words for every address",
    ("GET", "/api/docs"): "a page that shows the shape of the API; it holds no data",
    ("GET", "/api/v1/openapi.json"): "the shape of the API, the same in every hub; it contains no data",
    ("GET", "/api/v1/openapi.json/openapi.json"): "beside openapi.json; there is nothing at it",
    ("GET", "/api/v1/openapi.json/{path:str}"): "beside openapi.json; there is nothing at it",
}
ANYONE_ROUTES = {
    ("GET", "/api/v1/w/{workspace:str}/connection"): "what a token may do on the bus, the bus itself decides",
    ("GET", "/api/v1/w/{workspace:str}/event-type-rules"): "whoever sends may know the rules it is held to",
    ("GET", "/api/v1/scopes"): "the list of scopes, the same for everyone",
    ("GET", "/api/v1/session"): "tells the caller what it holds already",
    ("DELETE", "/api/v1/session"): "ends the caller's own session only",
}
TABLES_WITHOUT_WORKSPACE = {
    "workspaces": "it is the list of workspaces; its id is the slug",
    "leases": "they elect one hub of a cluster, above workspaces",
}
PUBLIC_NAMES = """
    Ack Agent AgentOfflineError Balance Blob BusUnavailableError CallFailedError CallTimeoutError
    CircuitOpenError Client Context HubUnreachableError OnError PayloadInvalidError PermanentError
    PermissionDeniedError Progress Queue QueueFullError QueueUnknownError Retry RetryAfterError
    SkillUnknownError SqliteStore SyncClient TrunklineError __version__
""".split()


def test_every_route_names_a_permission_that_a_feature_declares(routes, permissions):
    unknown = {
        (method, path): handler.opt.get("permission")
        for method, path, handler in routes
        if handler.opt.get("permission") not in permissions | {PUBLIC, ANYONE}
    }
    assert not unknown


def test_routes_open_to_all_are_exactly_those_argued_for(routes):
    found = {(method, path): handler.opt.get("permission") for method, path, handler in routes}
    assert {where for where, permission in found.items() if permission == PUBLIC} == set(PUBLIC_ROUTES)
    assert {where for where, permission in found.items() if permission == ANYONE} == set(ANYONE_ROUTES)


def test_every_declared_permission_is_a_noun_and_a_verb(permissions):
    assert not [p for p in permissions if not re.fullmatch(r"[a-z0-9_]+:[a-z_]+", p)]


def test_every_table_belongs_to_a_workspace():
    assert metadata.tables
    without = {name for name, table in metadata.tables.items() if "workspace_id" not in table.c}
    assert without == set(TABLES_WITHOUT_WORKSPACE)


def _fields(model: type[BaseModel], prefix: str = ""):
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def test_every_setting_is_described():
    fields = dict(_fields(Settings))
    assert len(fields) > 15
    assert not [name for name, field in fields.items() if not (field.description or "").strip().endswith(".")]


def _subclasses(kind):
    return {kind}.union(
        *(_subclasses(sub) for sub in kind.__subclasses__() if sub.__module__.startswith(errors.__name__))
    )


def test_every_error_is_in_the_catalogue_with_code_title_and_remedy_of_its_own():
    assert set(CATALOGUE) == _subclasses(TrunklineError) - {TrunklineError}
    assert len({e.code for e in CATALOGUE}) == len(CATALOGUE)
    assert len({e.title for e in CATALOGUE}) == len(CATALOGUE)
    for error in CATALOGUE:
        own = error.__dict__ if error is not errors.InternalError else TrunklineError.__dict__
        assert {"code", "title", "remedy"} <= set(own), error
        assert re.fullmatch(r"[a-z0-9_]+(\.[a-z_]+)?", error.code)
        assert error.title and not error.title.endswith("."), error
        assert error.remedy.endswith("."), error
        assert 400 <= error.status < 600
        assert error.__name__.endswith("Error")


def _drawn() -> tuple[dict[str, str], set[str]]:
    """Return child → parent as the docstring draws it, and the parents whose list is cut short with `…`."""
    parents: dict[str, str] = {}
    cut: set[str] = set()
    stack: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        names = re.findall(r"\b[A-Z]\w*Error\b", line)
        if not names:
            continue
        column = line.index(names[0])
        while stack and stack[-1][0] >= column:
            stack.pop()
        if stack:
            parents.update(dict.fromkeys(names, stack[-1][1]))
            if "…" in line:
                cut.add(stack[-1][1])
        stack.append((column, names[0]))
    return parents, cut


def test_the_error_tree_is_as_drawn():
    """The docstring's tree has the true parents; only lists ending in `…` leave some out."""
    parents, cut = _drawn()
    by_name = {error.__name__: error for error in CATALOGUE}
    assert parents
    assert {child: by_name[child].__bases__[0].__name__ for child in parents} == parents
    missing = {e.__name__ for e in CATALOGUE if e.__name__ not in parents and e.__bases__[0].__name__ not in cut}
    assert not missing


@pytest.mark.parametrize("error", CATALOGUE, ids=lambda e: e.__name__)
def test_an_error_survives_the_wire(error):
    """Client and hub raise the same class: class → problem → class."""
    sent = error("what happened", errors=[errors.FieldError("/a", "wrong")], request_id="r-1")
    back = errors.from_problem(sent.to_problem(instance="/x"))
    assert type(back) is error
    assert (back.detail, back.errors, back.request_id) == ("what happened", sent.errors, "r-1")


def test_the_public_names_of_the_sdk_are_frozen():
    assert sorted(trunkline.__all__) == sorted(PUBLIC_NAMES)
    assert all(hasattr(trunkline, name) for name in trunkline.__all__)
