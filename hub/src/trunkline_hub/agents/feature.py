"""Puts agents together."""

from collections.abc import Awaitable, Callable

from trunkline_hub.agents.api import router
from trunkline_hub.agents.events.catalogue import CatalogueKeeper
from trunkline_hub.agents.events.health import Eyes, HealthKeeper
from trunkline_hub.agents.events.micro import ServiceHost
from trunkline_hub.agents.events.presence import PresenceListener
from trunkline_hub.agents.model import Presence
from trunkline_hub.agents.service import Agents, Finder, Imports, Watching
from trunkline_hub.agents.settings import AgentsSettings
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.host import SkillHost
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.bus.probes import Disconnects
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.outbound import Outbound


def build(
    settings: AgentsSettings, bus: HubBus, db: Database, news: HubNews, agents: tuple[Agents, Finder, Presence],
    workspaces: Callable[[], Awaitable[list[str]]], doors: tuple[SkillHost, Outbound], *,
    hub_id: str,
) -> Feature:  # fmt: skip
    catalogue, finder, presence = agents
    host, outbound = doors
    listener = PresenceListener(bus, presence, db.clock)
    eyes = Eyes(bus=bus, presence=presence, finder=finder, listener=listener, news=news)
    return Feature(
        name="agents",
        routes=[router],
        components=[
            listener,
            Disconnects(bus.settings, listener.dropped, hub_id=hub_id),
            CatalogueKeeper(finder, news, workspaces),
            ServiceHost(bus, finder, host, news, workspaces),
            HealthKeeper(settings, db, eyes, workspaces, heartbeat_s=bus.settings.heartbeat_s),
        ],
        services={"imports": Imports(bus, db, catalogue, outbound), "watching": Watching(finder, news)},
        permissions={
            "agents:read": "See agents, their skills and how they are; search them.",
            "agents:register": "Register agents and connect as them.",
            "agents:write": "Remove agents from the catalogue; say how much their instances and versions take.",
            "agents:import": "Find and import agents that speak otherwise: NATS micro services, OpenAPI documents.",
            "agents:call": "Call skills.",
        },
    )
