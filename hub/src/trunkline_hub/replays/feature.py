"""Puts replays together."""

from trunkline_hub.core.feature import Feature
from trunkline_hub.replays.api import router
from trunkline_hub.replays.service import KIND, Replays


def build(replays: Replays) -> Feature:
    return Feature(
        name="replays",
        routes=[router],
        jobs={KIND: replays.work},
        permissions={"events:replay": "Play past events again, to a group or into a file."},
    )
