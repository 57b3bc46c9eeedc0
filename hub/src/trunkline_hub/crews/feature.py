"""Puts crews together."""

from trunkline_hub.bus import HubBus
from trunkline_hub.bus.signals import HubCalls
from trunkline_hub.core.feature import Feature
from trunkline_hub.crews.api import router
from trunkline_hub.crews.events import CrewNews
from trunkline_hub.crews.service import SkillCrews


def build(bus: HubBus, crews: SkillCrews, calls: HubCalls) -> Feature:
    return Feature(name="crews", routes=[router], components=[CrewNews(bus, crews, calls)], gauges=[calls.gauges])
