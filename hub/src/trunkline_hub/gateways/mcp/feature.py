"""Puts MCP together."""

from trunkline_hub.bus.host import SkillHost
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.gateways.mcp.api import Door, mounts, router
from trunkline_hub.gateways.mcp.events import McpServer, SdkDialer, StdioUpstreams, UpstreamRunner, UpstreamTasks
from trunkline_hub.gateways.mcp.service import Keys, Toolsets, Upstreams, Work
from trunkline_hub.outbound import Outbound
from trunkline_hub.web.settings import WebSettings

_TOPIC = "mcp"


def build(
    work: Work, upstreams: Upstreams, toolsets: Toolsets, stores: tuple[Database, Clock], host: SkillHost,
    outbound: Outbound, news: HubNews, web: WebSettings,
) -> Feature:  # fmt: skip
    desk, (db, clock) = work.desk, stores
    doer = UpstreamTasks(db, clock, work.tasks, lambda: runner)
    runner = UpstreamRunner(db, upstreams, SdkDialer(outbound, desk.settings), host, doer.adopt)
    work.tasks.doers.append(doer)
    server = McpServer(work, max_body_bytes=web.max_body_bytes)
    stdio = StdioUpstreams(desk.settings, db, max_body_bytes=web.max_body_bytes)

    async def tell_hubs() -> None:
        await news.announce(_TOPIC)

    news.on(_TOPIC, runner.on_change)
    news.on(_TOPIC, stdio.on_change)
    upstreams.on_change = tell_hubs
    upstreams.states = runner.state
    return Feature(
        name="mcp",
        routes=[router, *mounts],
        services={
            "mcp_door": Door(desk.settings, web, (server, stdio), upstreams, Keys(db), outbound), "upstreams": upstreams,
            "toolsets": toolsets,
        },
        components=[runner, server, stdio],
        permissions={
            "mcp:use": "Use skills and MCP upstreams by MCP.",
            "mcp:read": "See MCP upstreams and toolsets.",
            "mcp:write": "Add, refresh and remove MCP upstreams; store toolsets.",
        },
    )  # fmt: skip
