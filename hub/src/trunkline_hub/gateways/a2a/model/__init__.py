"""What an A2A agent is here, which skill a message is for, and what a card says. Pure."""

from trunkline_hub.gateways.a2a.model.choice import check_modes, choose, falls_back, input_for, reply_of
from trunkline_hub.gateways.a2a.model.place import Features, Place, Said, Served

__all__ = ["Features", "Place", "Said", "Served", "check_modes", "choose", "falls_back", "input_for", "reply_of"]
