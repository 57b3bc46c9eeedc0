"""Who exists: the catalogue of agents, their presence, calls to their skills."""

from trunkline_hub.agents.model import Offer
from trunkline_hub.agents.service import Agents, Crews, check_input

__all__ = ["Agents", "Crews", "Offer", "check_input"]
