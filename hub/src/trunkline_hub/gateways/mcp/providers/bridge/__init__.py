"""Upstreams that speak stdio, passed through over HTTP: each session, or each caller, has a process of its own."""

from trunkline_hub.gateways.mcp.providers.bridge.bridge import Bridge

__all__ = ["Bridge"]
