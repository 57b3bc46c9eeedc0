"""Puts the operating of queues together."""

from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus, Reconciler
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.queue_control.api import router
from trunkline_hub.queue_control.events import QueueWorks
from trunkline_hub.queue_control.ports import KnownQueues
from trunkline_hub.queue_control.service import QueueControl


def build(
    bus: HubBus, db: Database, audit: Audit, queues: KnownQueues, control: QueueControl, reconciler: Reconciler
) -> Feature:
    works = QueueWorks(bus, db, audit, queues, control, reconciler)
    return Feature(
        name="queue_control",
        routes=[router],
        jobs={"queues.purge": works.purge, "queues.move": works.move, "queues.delete": works.delete},
        permissions={"queues:operate": "Pause, drain, purge, move and delete queues, cancel messages in them."},
    )
