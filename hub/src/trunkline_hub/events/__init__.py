"""What happens: the event log, its readers, live views of it."""

from trunkline_hub.events.service import Events, Groups

__all__ = ["Events", "Groups"]
