"""Puts schedules together."""

from trunkline_hub.bus import HubBus
from trunkline_hub.bus.reconciler import Workspaces
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.feature import Feature
from trunkline_hub.schedules.api import router
from trunkline_hub.schedules.events import Clockwork, Deferrals, Mover
from trunkline_hub.schedules.ports import Work
from trunkline_hub.schedules.service import Schedules


def build(bus: HubBus, workspaces: Workspaces, clock: Clock, schedules: Schedules, work: Work) -> Feature:
    return Feature(
        name="schedules",
        routes=[router],
        components=[
            Mover(bus, workspaces, clock, work),
            Deferrals(bus, workspaces, clock),
            Clockwork(schedules, clock),
        ],
        permissions={
            "schedules:read": "See schedules and the messages that wait for their time, payloads included.",
            "schedules:write": "Declare, pause, run and remove schedules; cancel or hasten what waits.",
        },
    )
