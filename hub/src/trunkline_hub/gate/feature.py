"""Puts the gate together."""

from typing import ClassVar

from trunkline.protocol import subjects
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.requests import RequestServer
from trunkline_hub.core.feature import Feature
from trunkline_hub.gate.service import Gate


class GateServer(RequestServer):
    """Every hub serves the governed lane."""

    name: ClassVar[str] = "gate"


def build(gate: Gate, bus: HubBus) -> Feature:
    return Feature(
        name="gate",
        components=[GateServer(bus, subjects.gate_filter("*"), gate.submit)],
        permissions={
            "events:submit": "Publish events through the governed lane, where the hub checks them first.",
            "queues:submit": "Put work into queues through the governed lane, where the hub checks it first.",
        },
    )
