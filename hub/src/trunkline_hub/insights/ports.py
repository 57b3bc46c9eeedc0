"""What the map needs from the catalogue."""

from typing import Protocol

from trunkline_hub.agents.model.roster import Member


class Catalogue(Protocol):
    """Who there is."""

    async def members(self, workspace: str) -> list[Member]:
        """Return every agent, by name."""
        ...
