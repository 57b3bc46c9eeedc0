"""The governed lane: messages that a hub checks before it passes them on, with their sender kept."""

from trunkline_hub.gate.service import Gate

__all__ = ["Gate"]
