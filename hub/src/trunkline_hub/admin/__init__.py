"""What operators see: the overview, live, and the dashboard that shows it."""

from trunkline_hub.admin.service import Overviews

__all__ = ["Overviews"]
