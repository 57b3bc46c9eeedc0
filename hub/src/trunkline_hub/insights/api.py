"""Routes of the map of agents."""

from typing import Annotated

from litestar import Router, get
from litestar.params import Parameter

from trunkline.protocol.resources import HandledPage, TrafficMap
from trunkline_hub.insights.model import KEPT_RECENT
from trunkline_hub.insights.service import Insights
from trunkline_hub.web import requires

Window = Annotated[int, Parameter(description="Seconds to look back: 60, 300 or 900.")]
Some = Annotated[int, Parameter(description="Most items to return.", ge=1, le=KEPT_RECENT)]


@get("/map", opt=requires("insights:read"))
async def traffic_map(workspace: str, insights: Insights, window_s: Window = 300) -> TrafficMap:
    """Show agents and the traffic between them: who calls, publishes to and works for whom; rates, errors, latency."""
    return await insights.map(workspace, window_s)


@get("/map/agents/{name:str}/recent", opt=requires("insights:read"))
async def recent(workspace: str, name: str, insights: Insights, limit: Some = 20) -> HandledPage:
    """Show what an agent handled last, the newest first."""
    return await insights.recent(workspace, name, limit)


router = Router("/api/v1/w/{workspace:str}", route_handlers=[traffic_map, recent], tags=["insights"])
