"""Puts the verification together."""

from trunkline_hub.archive import Archives
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.history import History
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.integrity.api import router
from trunkline_hub.integrity.service import KIND, Verifier, Witness, Workspaces
from trunkline_hub.integrity.settings import IntegritySettings
from trunkline_hub.jobs import Jobs


def build(
    settings: IntegritySettings, bus: HubBus, db: Database, past: tuple[History, Archives], jobs: Jobs,
    workspaces: Workspaces,
) -> Feature:  # fmt: skip
    history, archives = past
    verifier = Verifier(bus, db, history, archives, jobs)
    return Feature(
        name="integrity",
        routes=[router],
        services={"verifier": verifier},
        components=[Witness(settings, bus, db, history, workspaces)],
        jobs={KIND: verifier.work},
        permissions={"events:verify": "Have the hub check that the event log is whole."},
    )
