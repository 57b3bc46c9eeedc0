"""Routes of the catalogue of event types, of its rules, and of the quarantine."""

from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, post, put
from litestar.params import PathParameter, QueryParameter

from trunkline.protocol.resources import (
    CompatibilityCheck,
    CompatibilityReport,
    EventType,
    EventTypeDeclaration,
    EventTypeDetail,
    EventTypePage,
    EventTypeRules,
    EventTypeRulesChange,
    EventTypeVersion,
    EventTypeVersionChange,
    EventTypeVersionPage,
    NewEventTypeVersion,
    QuarantinePage,
    ValidationReport,
    ValidationRequest,
)
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.schemas.service import EventTypes, Traffic
from trunkline_hub.web import ANYONE, requires
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.preconditions import volatile

_SCHEMA_JSON = "application/schema+json"
AnyRequest = Request[Principal, Any, Any]
Number = Annotated[int, PathParameter(name="number", description="Number of the version.", ge=1, le=2**31 - 1)]
Force = Annotated[bool, QueryParameter(description="Delete it though it is in use.")]
TypeName = Annotated[str | None, QueryParameter(name="type", description="Only events of this type.")]
_OBSERVED = volatile(
    "producers", "consumers", "days", "type.count", "type.quarantined", "type.first_seen_at", "type.last_seen_at"
)
"""What is seen of one, beside what was declared."""


@get("/event-types", opt=requires("event_types:read"))
async def list_event_types(
    workspace: str,
    tx: Tx,
    event_types: EventTypes,
    text: str | None = None,
    owner: str | None = None,
    tag: str | None = None,
    deprecated: bool | None = None,
    declared: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> EventTypePage:
    """List event types, also those that were seen and never declared."""
    filters = {"text": text, "owner": owner, "tag": tag, "deprecated": deprecated, "declared": declared}
    return await event_types.page(tx, workspace, filters, cursor=cursor, limit=limit)


@put("/event-types/{name:str}", opt=requires("event_types:write"))
async def declare(
    workspace: str, name: str, data: EventTypeDeclaration, request: AnyRequest, tx: Tx, event_types: EventTypes
) -> EventType:
    """Declare an event type or change what is declared; a schema that is new becomes its next version."""
    return await event_types.declare(tx, request.user, workspace, name, data)


@get("/event-types/{name:str}", opt=requires("event_types:read") | _OBSERVED)
async def get_event_type(workspace: str, name: str, tx: Tx, traffic: Traffic) -> EventTypeDetail:
    """Show an event type: its newest schema, who publishes and who consumes it."""
    return await traffic.detail(tx, workspace, name)


@delete("/event-types/{name:str}", opt=requires("event_types:write"))
async def remove(
    workspace: str, name: str, request: AnyRequest, tx: Tx, event_types: EventTypes, traffic: Traffic,
    force: Force = False,
) -> None:  # fmt: skip
    """Delete an event type that nobody uses; events in the log stay."""
    users = await traffic.users(tx, workspace, name)
    await event_types.remove(tx, request.user, workspace, name, users, force=force)


@get("/event-types/{name:str}/versions", opt=requires("event_types:read"))
async def list_versions(
    workspace: str, name: str, tx: Tx, event_types: EventTypes, cursor: Cursor = None, limit: Limit = 50
) -> EventTypeVersionPage:
    """List the versions of an event type, newest first."""
    return await event_types.version_page(tx, workspace, name, cursor=cursor, limit=limit)


@post("/event-types/{name:str}/versions", opt=requires("event_types:write"))
async def add_version(
    workspace: str, name: str, data: NewEventTypeVersion, request: AnyRequest, tx: Tx, event_types: EventTypes
) -> EventTypeVersion:
    """Add a version that is compatible with those before it; one that is there already is returned."""
    return await event_types.add_version(tx, request.user, workspace, name, data)


@get("/event-types/{name:str}/versions/{number:str}", opt=requires("event_types:read"))
async def get_version(workspace: str, name: str, number: Number, tx: Tx, event_types: EventTypes) -> EventTypeVersion:
    """Show one version of an event type."""
    return await event_types.version(tx, workspace, name, number)


@put("/event-types/{name:str}/versions/{number:str}", opt=requires("event_types:write"))
async def deprecate_version(
    workspace: str, name: str, number: Number, data: EventTypeVersionChange, request: AnyRequest, tx: Tx,
    event_types: EventTypes,
) -> EventTypeVersion:  # fmt: skip
    """Let senders no longer use a version, or let them again."""
    return await event_types.deprecate_version(tx, request.user, workspace, name, number, deprecated=data.deprecated)


@delete("/event-types/{name:str}/versions/{number:str}", opt=requires("event_types:write"))
async def remove_version(
    workspace: str, name: str, number: Number, request: AnyRequest, tx: Tx, event_types: EventTypes,
    force: Force = False,
) -> None:  # fmt: skip
    """Delete a deprecated version; its number is not given again."""
    await event_types.remove_version(tx, request.user, workspace, name, number, force=force)


@get("/event-types/{name:str}/versions/{number:str}/schema", opt=requires("event_types:read"), media_type=_SCHEMA_JSON)
async def get_schema(
    workspace: str, name: str, number: Number, tx: Tx, event_types: EventTypes
) -> Response[dict[str, Any]]:
    """Return the JSON Schema of a version by itself; events may name this address as their `dataschema`."""
    found = await event_types.version(tx, workspace, name, number)
    return Response(found.schema, media_type=_SCHEMA_JSON)


@post("/event-types/{name:str}/check", opt=requires("event_types:read", audited=False), status_code=200)
async def check(
    workspace: str, name: str, data: CompatibilityCheck, tx: Tx, event_types: EventTypes
) -> CompatibilityReport:
    """Tell whether a schema could become the next version, and if not, why; nothing is stored."""
    return await event_types.try_schema(tx, workspace, name, data)


@post("/event-types/{name:str}/validate", opt=requires("event_types:read", audited=False), status_code=200)
async def validate(
    workspace: str, name: str, data: ValidationRequest, tx: Tx, event_types: EventTypes
) -> ValidationReport:
    """Tell whether a payload fits an event type; nothing is published."""
    return await event_types.validate(tx, workspace, name, data)


@get("/event-type-rules", opt=requires(ANYONE))
async def get_rules(workspace: str, tx: Tx, event_types: EventTypes) -> EventTypeRules:
    """Show what senders are held to: the enforced types with their schemas, and what becomes of unknown ones."""
    return await event_types.rules(tx, workspace)


@put("/event-type-rules", opt=requires("event_types:write"))
async def set_rules(
    workspace: str, data: EventTypeRulesChange, request: AnyRequest, tx: Tx, event_types: EventTypes
) -> EventTypeRules:
    """Say what becomes of events of undeclared types that come through the hub."""
    return await event_types.set_rules(tx, request.user, workspace, data.unknown)


@get("/quarantine", opt=requires("event_types:read"))
async def list_quarantine(
    workspace: str,
    tx: Tx,
    event_types: EventTypes,
    event_type: TypeName = None,
    sender: str | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> QuarantinePage:
    """List events in the log that do not fit their type, newest first, each with the reasons."""
    filters = {"type": event_type, "sender": sender}
    return await event_types.quarantine(tx, workspace, filters, cursor=cursor, limit=limit)


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[
        list_event_types, declare, get_event_type, remove, list_versions, add_version, get_version, deprecate_version,
        remove_version, get_schema, check, validate, get_rules, set_rules, list_quarantine,
    ],
    tags=["event types"],
)  # fmt: skip
