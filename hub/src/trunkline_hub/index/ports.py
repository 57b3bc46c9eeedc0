"""What a trace needs from beside the index."""

from collections.abc import Sequence
from typing import Protocol

from trunkline_hub.core.lookup import GroupWait, LetterFate, StoredEvent


class Letters(Protocol):
    """Knows what became of dead letters."""

    async def fates(self, workspace: str, seqs: list[int]) -> dict[int, LetterFate]:
        """Return the ids and redrives of letters, by their places in the dead-letter stream."""
        ...


class Groups(Protocol):
    """Knows which groups have not settled an event."""

    async def waits(self, workspace: str, events: Sequence[StoredEvent]) -> dict[int, list[GroupWait]]:
        """Return the groups that still wait, by the event's place in the log."""
        ...
