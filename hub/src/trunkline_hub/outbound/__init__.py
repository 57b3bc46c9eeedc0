"""The door out: every HTTP request that a hub makes to an address somebody gave it.

Whoever may name a URL must not reach what the hub can reach. Names are
resolved here, the addresses judged, and the connection goes to the very
address that was judged; sizes and times are bounded.
"""

from trunkline_hub.outbound.door import Answer, Limits, Outbound
from trunkline_hub.outbound.guard import Guard

__all__ = ["Answer", "Guard", "Limits", "Outbound"]
