"""Puts the map together."""

from trunkline_hub.core.feature import Feature
from trunkline_hub.insights.api import router
from trunkline_hub.insights.service import Insights


def build(insights: Insights) -> Feature:
    return Feature(
        name="insights",
        routes=[router],
        components=[insights.watch],
        permissions={
            "insights:read": "See who works with whom: the map of agents, and what each did last; no payloads."
        },
    )
