"""Puts the verification together."""

from trunkline_hub.core.feature import Feature
from trunkline_hub.integrity.api import router
from trunkline_hub.integrity.service import KIND, Verifier, Witness


def build(verifier: Verifier, witness: Witness) -> Feature:
    return Feature(
        name="integrity",
        routes=[router],
        components=[witness],
        jobs={KIND: verifier.work},
        permissions={"events:verify": "Have the hub check that the event log is whole."},
    )
