"""Who works with whom: the traffic between agents, read from the tail of what workers note.

Each hub follows a workspace's receipts by itself while somebody looks, and
derives the same answer from the same stream. Nothing is stored; what it holds
in memory is bounded.
"""

from trunkline_hub.insights.events import TrafficWatch
from trunkline_hub.insights.service import Insights

__all__ = ["Insights", "TrafficWatch"]
