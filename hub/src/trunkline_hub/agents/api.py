"""Routes of agents and their skills."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from trunkline.protocol.frames import Reader, Registered, Registration
from trunkline.protocol.resources import (
    Agent,
    AgentChange,
    AgentHistory,
    AgentPage,
    CallRequest,
    CallResult,
    FoundServices,
    Imported,
    OpenApiImport,
    ServiceImport,
    ServicesImported,
    SkillMatch,
    SkillPage,
)
from trunkline_hub.agents.service import Agents, Finder, Imports, Watching, wanted_of
from trunkline_hub.bus import Reconciler
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.web import requires
from trunkline_hub.web.disconnects import while_connected
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.preconditions import volatile
from trunkline_hub.web.streams import Messages, stream

AnyRequest = Request[Principal, Any, Any]
AgentState = Annotated[str | None, QueryParameter(name="state", description="Only agents in this state.")]
Text = Annotated[str | None, QueryParameter(description="Words, the best matches first.", max_length=1024)]
Label = Annotated[list[str] | None, QueryParameter(description="`key=value`, or `key` with any value; all must hold.")]
VersionQuery = Annotated[str | None, QueryParameter(description="A version range, such as `^1.2` or `>=1,<2`.")]
_MAX_SEQ_DIGITS = 18
_OBSERVED = volatile("state", "instances", "reason", "state_since")
"""What is seen of one, beside what was declared."""


@get("/agents", opt=requires("agents:read"))
async def list_agents(
    workspace: str,
    finder: Finder,
    text: Text = None,
    skill: str | None = None,
    tag: str | None = None,
    version: VersionQuery = None,
    protocol: str | None = None,
    label: Label = None,
    origin: str | None = None,
    agent_state: AgentState = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AgentPage:
    """Find agents, with their skills and how they are now."""
    wanted = wanted_of(
        text=text, skill=skill, tag=tag, version=version, protocol=protocol, labels=label, origin=origin
    )  # fmt: skip
    return await finder.agents(workspace, wanted, state=agent_state, cursor=cursor, limit=limit)


@get("/agents/watch", opt=requires("agents:read"))
async def watch(workspace: str, request: AnyRequest, watching: Watching, after: str | None = None) -> ServerSentEvent:
    """Follow what changes as server-sent events; `after` or `Last-Event-ID` goes on after that revision."""
    last = request.headers.get("last-event-id") or after or ""
    is_revision = last.isascii() and last.isdigit() and len(last) <= _MAX_SEQ_DIGITS
    revision = int(last) if is_revision else await watching.now(workspace)
    return stream(request, _messages(revision, watching.changes(workspace, revision)))


@put("/agents/{name:str}", opt=requires("agents:register"))
async def register(
    workspace: str, name: str, data: Registration, request: AnyRequest, db: Database, agents: Agents,
    reconciler: Reconciler, bus_settings: BusSettings,
) -> Registered:  # fmt: skip
    """Register an agent, or bring its registration up to date; answered when it may connect."""
    await agents.check(request.user, workspace, name, data)
    async with db.write() as tx:
        tx.after_commit(partial(agents.converge, reconciler, workspace, data))
        readers = await agents.register(tx, request.user, workspace, name, data)
    connection = bus_settings.connection_for(workspace, request.user.name, governed=request.user.governed)
    return Registered(connection=connection, readers=readers)


@get("/agents/{name:str}", opt=requires("agents:read") | _OBSERVED)
async def get_agent(workspace: str, name: str, tx: Tx, agents: Agents) -> Agent:
    """Show one agent with its skills and instances."""
    return await agents.get(tx, workspace, name)


@get("/agents/{name:str}/history", opt=requires("agents:read"))
async def history(
    workspace: str, name: str, tx: Tx, finder: Finder, cursor: Cursor = None, limit: Limit = 50
) -> AgentHistory:
    """Show what happened to an agent and its instances, the newest first; also of one that is gone."""
    return await finder.history(tx, workspace, name, cursor=cursor, limit=limit)


@get("/agents/{name:str}/readers", opt=requires("agents:register"))
async def readers(workspace: str, name: str, request: AnyRequest, tx: Tx, agents: Agents) -> list[Reader]:
    """Show the queues that one's own agent takes work from, as they are set now."""
    return await agents.readers(tx, request.user, workspace, name)


@delete("/agents/{name:str}", opt=requires("agents:write"))
async def remove(workspace: str, name: str, request: AnyRequest, tx: Tx, agents: Agents) -> None:
    """Take an agent out of the catalogue; its queues and groups stay."""
    await agents.remove(tx, request.user, workspace, name)


@get("/skills", opt=requires("agents:read"))
async def list_skills(
    workspace: str,
    finder: Finder,
    text: Text = None,
    skill: str | None = None,
    tag: str | None = None,
    agent: str | None = None,
    version: VersionQuery = None,
    protocol: str | None = None,
    label: Label = None,
    origin: str | None = None,
    agent_state: AgentState = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> SkillPage:
    """Find skills, and who offers them."""
    wanted = wanted_of(
        text=text, skill=skill, tag=tag, version=version, protocol=protocol, labels=label, origin=origin, agent=agent
    )  # fmt: skip
    return await finder.skills(workspace, wanted, state=agent_state, cursor=cursor, limit=limit)


@post("/skills/match", opt=requires("agents:read", audited=False), status_code=200)
async def match(workspace: str, data: SkillMatch, finder: Finder) -> SkillPage:
    """Find the skills that can take what is given and give what is wanted."""
    return await finder.match(workspace, data)


@post("/skills/{skill:str}/call", opt=requires("agents:call", audited=False), status_code=200)
async def call(workspace: str, skill: str, data: CallRequest, request: AnyRequest, agents: Agents) -> CallResult:
    """Call a skill and wait for its answer; an agent that is away is told at once. Hanging up cancels the call."""
    return await while_connected(request, agents.call(request.user, workspace, skill, data))


@put("/imports/openapi/{name:str}", opt=requires("agents:import"))
async def import_openapi(
    workspace: str, name: str, data: OpenApiImport, request: AnyRequest, imports: Imports
) -> Imported:
    """Make an agent of an OpenAPI document, or bring it up to date; its operations become skills."""
    return await imports.openapi(request.user, workspace, name, data)


@get("/imports/nats", opt=requires("agents:import"))
async def found_services(workspace: str, imports: Imports) -> FoundServices:  # noqa: ARG001 -- in the path
    """List the NATS micro services that answer on the bus, and the agents they would be."""
    return await imports.services()


@post("/imports/nats", opt=requires("agents:import"), status_code=200)
async def import_services(
    workspace: str, data: ServiceImport, request: AnyRequest, imports: Imports
) -> ServicesImported:
    """Make agents of NATS micro services: of those named, or of all that answer."""
    return await imports.import_services(request.user, workspace, data.names)


async def _messages(begin: int, changes: AsyncIterator[AgentChange | None]) -> Messages:
    yield ServerSentEventMessage(data="", event="watching", id=str(begin))
    async for change in changes:
        if change is None:
            yield ServerSentEventMessage(data=None, comment="still here")
        else:
            text = msgspec.json.encode(change).decode()
            yield ServerSentEventMessage(data=text, event="agent", id=str(change.revision))


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[
        list_agents, watch, register, get_agent, history, readers, remove, list_skills, match, call, import_openapi,
        found_services, import_services,
    ],
    tags=["agents"],
)  # fmt: skip
