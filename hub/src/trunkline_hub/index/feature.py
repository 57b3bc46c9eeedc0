"""Puts the index together."""

from trunkline_hub.bus import HubBus
from trunkline_hub.core.feature import Feature
from trunkline_hub.index.api import router
from trunkline_hub.index.events import EventIndex, Workspaces
from trunkline_hub.index.service import Index


def build(bus: HubBus, index: Index, workspaces: Workspaces) -> Feature:
    return Feature(
        name="index",
        routes=[router],
        components=[EventIndex(bus, index.db, workspaces)],
        permissions={
            "index:read": "See how far the index over the log is.",
            "index:rebuild": "Have the index made anew from the log.",
            "traces:read": "Follow messages: who sent, handled and caused them, how long; no payloads.",
        },
    )
