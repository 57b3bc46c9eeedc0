"""Handlers of events that the hub runs itself: an event calls a skill, becomes work, or another event."""

from trunkline_hub.handlers.service import Handlers

__all__ = ["Handlers"]
