"""Who exists: the catalogue of agents, their presence and health, search, calls to their skills."""

from trunkline_hub.agents.model import Offer
from trunkline_hub.agents.service import Agents, Crews, Finder, check_input

__all__ = ["Agents", "Crews", "Finder", "Offer", "check_input"]
