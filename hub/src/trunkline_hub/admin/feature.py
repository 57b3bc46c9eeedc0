"""Puts the operators' view together."""

from trunkline_hub.admin.api import dashboard, reference, router
from trunkline_hub.admin.service import Overviews
from trunkline_hub.core.feature import Feature


def build(overviews: Overviews) -> Feature:
    return Feature(
        name="admin",
        routes=[router, reference, dashboard],
        components=[overviews],
        permissions={"overview:read": "See the overview."},
    )
