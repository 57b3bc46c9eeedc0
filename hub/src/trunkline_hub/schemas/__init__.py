"""What may be said: the catalogue of event types, the compatibility of their versions, who speaks them.

Events that come through the hub are held against it before they are stored;
those that agents send directly, after: what does not fit is quarantined.
"""

from trunkline_hub.schemas.model.types import Group, Speaker
from trunkline_hub.schemas.service import EventTypes, Traffic

__all__ = ["EventTypes", "Group", "Speaker", "Traffic"]
