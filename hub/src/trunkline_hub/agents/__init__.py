"""Who exists: the catalogue of agents, their presence, calls to their skills."""

from trunkline_hub.agents.model import Offer
from trunkline_hub.agents.service import Agents, Crews

__all__ = ["Agents", "Crews", "Offer"]
