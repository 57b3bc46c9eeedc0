"""Who, and may they: principals, workspaces, API keys, sessions, grants on the bus.

One identity everywhere: the token judged here for HTTP is the one that the
auth callout judges for NATS.
"""

from trunkline_hub.security.service import Grants, Security

__all__ = ["Grants", "Security"]
