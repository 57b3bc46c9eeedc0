"""Puts request limits together."""

from trunkline_hub.bus import HubBus
from trunkline_hub.core.feature import Feature
from trunkline_hub.limits.events import BudgetNews
from trunkline_hub.limits.service import RequestBudgets


def build(bus: HubBus, budgets: RequestBudgets) -> Feature:
    return Feature(name="limits", components=[BudgetNews(bus, budgets)])
