"""Puts queues together."""

from trunkline_hub.bus import HubBus
from trunkline_hub.bus.expired import ExpirySweep
from trunkline_hub.bus.reconciler import Workspaces
from trunkline_hub.bus.strays import StrayScan
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.queues.api import router
from trunkline_hub.queues.events import DedupeSweep
from trunkline_hub.queues.service import Queues
from trunkline_hub.queues.settings import QueuesSettings


def build(
    settings: QueuesSettings, bus: HubBus, db: Database, queues: Queues, workspaces: Workspaces, clock: Clock
) -> Feature:
    where = bus, workspaces, queues.layouts
    return Feature(
        name="queues",
        routes=[router],
        components=[
            queues.trends,
            StrayScan(*where, interval_s=settings.stray_scan_s),
            ExpirySweep(*where, clock, interval_s=settings.expiry_sweep_s),
            DedupeSweep(db),
        ],
        permissions={
            "queues:read": "See queues and what is in them.",
            "queues:write": "Declare queues and change their settings.",
            "queues:enqueue": "Put work into queues, under one's own name.",
            "queues:consume": "Take work from queues, as a registered agent.",
        },
    )
