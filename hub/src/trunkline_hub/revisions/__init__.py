"""The history of declared things: what they were, who changed them, and what to go back to."""

from trunkline_hub.revisions.service import Revisions

__all__ = ["Revisions"]
