"""Puts retention together."""

from trunkline_hub.core.feature import Feature
from trunkline_hub.retention.api import router


def build() -> Feature:
    return Feature(
        name="retention",
        routes=[router],
        permissions={
            "retention:read": "See how long the event log lasts and what is archived.",
            "retention:write": "Change the log's limits, and which types are kept longer.",
        },
    )
