"""Routes of A2A: the protocol itself, and imported agents."""

from trunkline_hub.gateways.a2a.api.agents import router as agents_router
from trunkline_hub.gateways.a2a.api.protocol import routers

__all__ = ["agents_router", "routers"]
