"""The nouns and rules of agents: presence and health, registrations, search."""

from trunkline_hub.agents.model.presence import MAX_LEASE_S, Instance, Presence
from trunkline_hub.agents.model.registration import Offer, check_registration

__all__ = ["MAX_LEASE_S", "Instance", "Offer", "Presence", "check_registration"]
