"""Routes of crews, and of the weights that operators give."""

from typing import Any

from litestar import Request, Router, delete, get, put

from trunkline.protocol.resources import Crew, WeightRequest, Weights
from trunkline_hub.core.principal import Principal
from trunkline_hub.crews.service import SkillCrews
from trunkline_hub.db import Tx
from trunkline_hub.web import requires

AnyRequest = Request[Principal, Any, Any]


@get("/skills/{skill:str}/instances", opt=requires("agents:call"))
async def instances(workspace: str, skill: str, crews: SkillCrews) -> Crew:
    """Show the running instances that offer a skill, and how callers choose among them."""
    return await crews.find(workspace, skill)


@get("/agents/{name:str}/weights", opt=requires("agents:read"))
async def weights(workspace: str, name: str, tx: Tx, crews: SkillCrews) -> Weights:
    """Show what operators said of an agent's instances and versions."""
    return await crews.weights(tx, workspace, name)


@put("/agents/{name:str}/weights/{target:str}", opt=requires("agents:write"))
async def weigh(
    workspace: str, name: str, target: str, data: WeightRequest, request: AnyRequest, tx: Tx, crews: SkillCrews
) -> Weights:
    """Say what a running instance or a version takes, whatever it says itself; callers hear of it at once."""
    return await crews.weigh(tx, request.user, workspace, name, target, data.weight)


@delete("/agents/{name:str}/weights/{target:str}", opt=requires("agents:write"))
async def unweigh(workspace: str, name: str, target: str, request: AnyRequest, tx: Tx, crews: SkillCrews) -> None:
    """Leave a weight to the agent again."""
    await crews.unweigh(tx, request.user, workspace, name, target)


router = Router("/api/v1/w/{workspace:str}", route_handlers=[instances, weights, weigh, unweigh], tags=["agents"])
