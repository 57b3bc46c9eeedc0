"""Puts events together."""

from trunkline_hub.core.feature import Feature
from trunkline_hub.events.api import quick_publish, router
from trunkline_hub.events.service import Events, Groups


def build(groups: Groups, events: Events) -> Feature:
    return Feature(
        name="events",
        routes=[router],
        quick=[quick_publish(events)],
        components=[groups],
        permissions={
            "events:publish": "Publish events, under one's own name.",
            "events:read": "Query, tail and follow the event log; see its groups and their lag.",
            "groups:write": "Remove groups that follow events, with their cursors.",
        },
    )
