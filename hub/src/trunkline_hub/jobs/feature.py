"""Puts jobs together."""

from trunkline_hub.core.feature import Feature
from trunkline_hub.jobs.api import router


def build() -> Feature:
    return Feature(
        name="jobs",
        routes=[router],
        permissions={
            "jobs:read": "See long jobs and their progress.",
            "jobs:write": "Pause, resume, cancel and pace long jobs.",
        },
    )
