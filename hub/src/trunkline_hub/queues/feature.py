"""Puts queues together."""

from trunkline_hub.core.feature import Feature
from trunkline_hub.queues.api import router


def build() -> Feature:
    return Feature(
        name="queues",
        routes=[router],
        permissions={
            "queues:read": "See queues and what is in them.",
            "queues:write": "Declare queues and change their settings.",
            "queues:enqueue": "Put work into queues, under one's own name.",
            "queues:consume": "Take work from queues, as a registered agent.",
        },
    )
