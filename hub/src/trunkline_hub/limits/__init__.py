"""How many requests a principal may send, counted on all hubs together."""

from trunkline_hub.limits.service import RequestBudgets

__all__ = ["RequestBudgets"]
