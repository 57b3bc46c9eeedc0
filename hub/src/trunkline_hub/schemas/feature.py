"""Puts the catalogue of event types together."""

import asyncio
from collections.abc import Awaitable, Callable

from trunkline_hub.bus import HubBus
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.schemas.api import router
from trunkline_hub.schemas.events import Quarantine, RuleKeeper, Watch
from trunkline_hub.schemas.service import EventTypes
from trunkline_hub.schemas.settings import SchemasSettings

Workspaces = Callable[[], Awaitable[list[str]]]


def build(
    bus: HubBus, db: Database, catalogue: EventTypes, workspaces: Workspaces, settings: SchemasSettings
) -> Feature:
    rules_changed = asyncio.Event()
    return Feature(
        name="schemas",
        routes=[router],
        components=[
            RuleKeeper(bus, catalogue, settings, rules_changed),
            Quarantine(bus, workspaces, db, catalogue, settings, rules_changed),
            Watch(bus, workspaces, db, settings),
        ],
        permissions={
            "event_types:read": "See the catalogue of event types, who uses them, and what is quarantined.",
            "event_types:write": "Declare event types, add and delete versions, set the rules.",
        },
    )
