"""Who exists: the catalogue of agents, their presence, calls to their skills."""

from trunkline_hub.agents.service import Agents

__all__ = ["Agents"]
