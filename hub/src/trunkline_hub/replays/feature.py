"""Puts replays together."""

from trunkline_hub.bus import HubBus
from trunkline_hub.bus.history import History
from trunkline_hub.core.feature import Feature
from trunkline_hub.jobs import Jobs
from trunkline_hub.replays.api import router
from trunkline_hub.replays.ports import Groups
from trunkline_hub.replays.service import KIND, Replays
from trunkline_hub.replays.settings import ReplaySettings


def build(
    settings: ReplaySettings, bus: HubBus, history: History, groups: Groups, jobs: Jobs, *, hub_id: str
) -> Feature:
    replays = Replays(settings, bus, history, groups, jobs, hub_id=hub_id)
    return Feature(
        name="replays",
        routes=[router],
        services={"replays": replays},
        jobs={KIND: replays.work},
        permissions={"events:replay": "Play past events again, to a group or into a file."},
    )
