"""What the catalogue needs to know from those above it: who says it publishes, who follows what."""

from typing import Protocol

from trunkline_hub.db import Tx
from trunkline_hub.schemas.model.types import Group, Speaker


class Agents(Protocol):
    """The catalogue of agents."""

    async def speakers(self, tx: Tx, workspace: str) -> list[Speaker]: ...


class Groups(Protocol):
    """The groups that follow events."""

    async def groups(self, tx: Tx, workspace: str) -> list[Group]: ...
