"""How long the event log lasts: limits of a workspace's log, and types that are kept longer."""

from trunkline_hub.retention.service import Retentions

__all__ = ["Retentions"]
