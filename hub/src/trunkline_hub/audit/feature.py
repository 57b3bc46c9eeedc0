"""Puts the audit trail together."""

from trunkline_hub.audit.api import router
from trunkline_hub.core.feature import Feature


def build() -> Feature:
    return Feature(name="audit", routes=[router], permissions={"audit:read": "Read the audit trail."})
