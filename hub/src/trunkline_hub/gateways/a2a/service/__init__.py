"""What A2A clients ask of agents, how agents are shown to them, and A2A agents elsewhere."""

from trunkline_hub.gateways.a2a.service.cards import Cards
from trunkline_hub.gateways.a2a.service.desk import Desk
from trunkline_hub.gateways.a2a.service.push import Pushes
from trunkline_hub.gateways.a2a.service.remotes import Remotes

__all__ = ["Cards", "Desk", "Pushes", "Remotes"]
