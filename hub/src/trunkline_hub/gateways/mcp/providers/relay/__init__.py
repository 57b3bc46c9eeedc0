"""The pass-through mount: one upstream, message for message, nothing prefixed and nothing lost.

What the hub adds: who may, the hub's own credentials instead of the caller's,
sessions and request states bound to the caller, and an end to what hangs.
"""

from trunkline_hub.gateways.mcp.providers.relay.relay import Relay, Route

__all__ = ["Relay", "Route"]
