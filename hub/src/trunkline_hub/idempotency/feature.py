"""Puts idempotent requests together."""

from trunkline_hub.core.feature import Feature
from trunkline_hub.idempotency.events import LeftClaims, RequestSweep
from trunkline_hub.idempotency.service import RequestClaims


def build(claims: RequestClaims) -> Feature:
    return Feature(name="idempotency", components=[LeftClaims(claims), RequestSweep(claims)])
