"""Routes of crews."""

from litestar import Router, get

from trunkline.protocol.resources import Crew
from trunkline_hub.crews.service import SkillCrews
from trunkline_hub.web import requires


@get("/skills/{skill:str}/instances", opt=requires("agents:call"))
async def instances(workspace: str, skill: str, crews: SkillCrews) -> Crew:
    """Show the running instances that offer a skill, and how callers choose among them."""
    return await crews.find(workspace, skill)


router = Router("/api/v1/w/{workspace:str}", route_handlers=[instances], tags=["agents"])
