"""A2A 1.0: every agent on the bus is an A2A agent, and A2A agents elsewhere are agents on the bus.

Nothing outside of `providers/sdk` imports the library of A2A: it is loaded
when somebody first speaks A2A.
"""

from trunkline_hub.gateways.a2a.service import Cards
from trunkline_hub.gateways.a2a.service.gate import Gate
from trunkline_hub.gateways.a2a.settings import A2ASettings

__all__ = ["A2ASettings", "Cards", "Gate"]
