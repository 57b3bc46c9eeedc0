"""Puts events together."""

from trunkline_hub.core.feature import Feature
from trunkline_hub.events.api import router


def build() -> Feature:
    return Feature(
        name="events",
        routes=[router],
        permissions={
            "events:publish": "Publish events, under one's own name.",
            "events:read": "Query, tail and follow the event log.",
        },
    )
