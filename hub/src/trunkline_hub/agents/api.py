"""Routes of agents and their skills."""

from functools import partial
from typing import Annotated, Any

from litestar import Request, Router, delete, get, post, put
from litestar.params import QueryParameter

from trunkline.protocol.frames import Reader, Registered, Registration
from trunkline.protocol.resources import Agent, AgentPage, CallRequest, CallResult
from trunkline_hub.agents.service import Agents
from trunkline_hub.bus import Reconciler
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.web import requires
from trunkline_hub.web.disconnects import while_connected
from trunkline_hub.web.parameters import Cursor, Limit

AnyRequest = Request[Principal, Any, Any]
AgentState = Annotated[str | None, QueryParameter(name="state", description="Only agents in this state.")]


@get("/agents", opt=requires("agents:read"))
async def list_agents(
    workspace: str,
    tx: Tx,
    agents: Agents,
    skill: str | None = None,
    agent_state: AgentState = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AgentPage:
    """List agents with their skills and how they are now."""
    return await agents.page(tx, workspace, skill=skill, state=agent_state, cursor=cursor, limit=limit)


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


@get("/agents/{name:str}", opt=requires("agents:read"))
async def get_agent(workspace: str, name: str, tx: Tx, agents: Agents) -> Agent:
    """Show one agent with its skills and instances."""
    return await agents.get(tx, workspace, name)


@get("/agents/{name:str}/readers", opt=requires("agents:register"))
async def readers(workspace: str, name: str, request: AnyRequest, tx: Tx, agents: Agents) -> list[Reader]:
    """Show the queues that one's own agent takes work from, as they are set now."""
    return await agents.readers(tx, request.user, workspace, name)


@delete("/agents/{name:str}", opt=requires("agents:write"))
async def remove(workspace: str, name: str, request: AnyRequest, tx: Tx, agents: Agents) -> None:
    """Take an agent out of the catalogue; its queues and groups stay."""
    await agents.remove(tx, request.user, workspace, name)


@post("/skills/{skill:str}/call", opt=requires("agents:call", audited=False), status_code=200)
async def call(workspace: str, skill: str, data: CallRequest, request: AnyRequest, agents: Agents) -> CallResult:
    """Call a skill and wait for its answer; an agent that is away is told at once. Hanging up cancels the call."""
    return await while_connected(request, agents.call(request.user, workspace, skill, data))


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[list_agents, register, get_agent, readers, remove, call],
    tags=["agents"],
)
