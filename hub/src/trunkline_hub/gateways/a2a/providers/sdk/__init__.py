"""A2A with the library of the A2A project: its types, its three bindings, its signatures."""

from trunkline_hub.gateways.a2a.providers.sdk.engine import Engine

__all__ = ["Engine"]
