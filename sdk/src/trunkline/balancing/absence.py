"""Why a call found nobody."""

from trunkline.balancing.crews import Wish
from trunkline.protocol.errors import AgentOfflineError, SkillUnboundError, SkillUnknownError, TrunklineError
from trunkline.rest.agents import AgentsApi

UNBOUND = frozenset({"openapi"})
"""Origins of agents whose skills nobody serves yet."""


async def why_nobody(agents: AgentsApi, workspace: str, skill: str, wish: Wish) -> TrunklineError:
    """Tell an unknown skill from an agent that is merely away."""
    try:
        page = await agents.list(skill=skill)
    except TrunklineError:
        return AgentOfflineError(f"No instance that offers {skill!r} is connected")
    owners = [found.name for found in page.items if wish.agent in {None, found.name}]
    if not owners:
        of_agent = f" of agent {wish.agent!r}" if wish.agent else ""
        return SkillUnknownError(f"There is no skill {skill!r}{of_agent} in workspace {workspace!r}")
    if wish.version is not None:
        return AgentOfflineError(f"No instance that offers {skill!r} in a version {wish.version!r} is connected")
    imported = [found for found in page.items if found.name in owners and found.origin in UNBOUND]
    if len(imported) == len(owners):
        return unbound(owners[0], skill)
    return AgentOfflineError(f"{', '.join(owners)} offers {skill!r} but is not connected")


def unbound(agent: str, skill: str) -> SkillUnboundError:
    """Tell that a skill is only listed."""
    return SkillUnboundError(
        f"{agent!r} was imported from an OpenAPI document, whose operations are listed and found, but not executed: "
        f"nothing calls {skill!r} yet"
    )
