"""Puts MCP together."""

from trunkline_hub.bus.host import SkillHost
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.gateways.mcp.api import Door, mounts, router
from trunkline_hub.gateways.mcp.events import McpServer, SdkDialer, UpstreamRunner
from trunkline_hub.gateways.mcp.service import Desk, Keys, Toolsets, Upstreams
from trunkline_hub.outbound import Outbound
from trunkline_hub.web.settings import WebSettings

_TOPIC = "mcp"


def build(
    desk: Desk, upstreams: Upstreams, toolsets: Toolsets, db: Database, host: SkillHost, outbound: Outbound,
    news: HubNews, web: WebSettings,
) -> Feature:  # fmt: skip
    runner = UpstreamRunner(db, upstreams, SdkDialer(outbound, desk.settings), host)
    server = McpServer(desk, max_body_bytes=web.max_body_bytes)

    async def tell_hubs() -> None:
        await news.announce(_TOPIC)

    news.on(_TOPIC, runner.on_change)
    upstreams.on_change = tell_hubs
    upstreams.states = runner.state
    return Feature(
        name="mcp",
        routes=[router, *mounts],
        services={
            "mcp_door": Door(desk.settings, web, server, upstreams, Keys(db), outbound), "upstreams": upstreams,
            "toolsets": toolsets,
        },
        components=[runner, server],
        permissions={
            "mcp:use": "Use skills and MCP upstreams by MCP.",
            "mcp:read": "See MCP upstreams and toolsets.",
            "mcp:write": "Add, refresh and remove MCP upstreams; store toolsets.",
        },
    )  # fmt: skip
