"""What events need from beside them."""

from typing import Protocol

from trunkline_hub.core.lookup import Found, Lookup


class EventIndex(Protocol):
    """Finds places in the log without reading it."""

    async def find(
        self, workspace: str, wanted: Lookup, *, after: int, before: int | None, newest: bool, limit: int
    ) -> Found | None:
        """Return up to `limit` places between `after` and `before`, exclusive; None where it cannot tell."""
        ...
