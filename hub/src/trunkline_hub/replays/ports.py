"""What replays need from elsewhere."""

from typing import Protocol

from trunkline_hub.db import Tx


class Groups(Protocol):
    """The groups that follow events."""

    async def has_group(self, tx: Tx, workspace: str, name: str) -> bool: ...

    async def make_group(self, tx: Tx, workspace: str, name: str, types: list[str]) -> None: ...
