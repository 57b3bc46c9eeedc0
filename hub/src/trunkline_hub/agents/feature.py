"""Puts agents together."""

from trunkline_hub.agents.api import router
from trunkline_hub.agents.events import PresenceListener
from trunkline_hub.agents.model import Presence
from trunkline_hub.bus import HubBus
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.feature import Feature


def build(bus: HubBus, presence: Presence, clock: Clock) -> Feature:
    return Feature(
        name="agents",
        routes=[router],
        components=[PresenceListener(bus, presence, clock)],
        permissions={
            "agents:read": "See agents, their skills and how they are.",
            "agents:register": "Register agents and connect as them.",
            "agents:write": "Remove agents from the catalogue.",
            "agents:call": "Call skills.",
        },
    )
