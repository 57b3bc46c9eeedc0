"""Puts queues together."""

from collections.abc import Sequence

from trunkline_hub.core.component import Component
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.queues.api import router
from trunkline_hub.queues.events import DedupeSweep


def build(db: Database, watch: Sequence[Component]) -> Feature:
    return Feature(
        name="queues",
        routes=[router],
        components=[*watch, DedupeSweep(db)],
        permissions={
            "queues:read": "See queues and what is in them.",
            "queues:write": "Declare queues and change their settings.",
            "queues:enqueue": "Put work into queues, under one's own name.",
            "queues:consume": "Take work from queues, as a registered agent.",
        },
    )
