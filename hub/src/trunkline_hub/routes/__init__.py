"""Where messages go besides the log: routes declared as data, applied by the hubs."""

from trunkline_hub.routes.service import Routes

__all__ = ["Routes"]
