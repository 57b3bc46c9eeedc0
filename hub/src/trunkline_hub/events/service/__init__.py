"""The verbs of events: the log, and the groups that follow it."""

from trunkline_hub.events.service.groups import Groups
from trunkline_hub.events.service.log import EventFilter, Events

__all__ = ["EventFilter", "Events", "Groups"]
