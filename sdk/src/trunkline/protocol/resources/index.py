"""How far the index over the log is."""

from typing import Literal

import msgspec


class IndexedStream(msgspec.Struct, kw_only=True):
    """One stream that the index follows."""

    name: Literal["events", "receipts", "attempts", "dead"]
    indexed_up_to: int
    last_seq: int
    behind: int
    """Messages not indexed yet."""


class IndexStatus(msgspec.Struct, kw_only=True):
    """A workspace's index: where each stream stands, and a rebuild's progress while one is under way."""

    state: Literal["following", "rebuilding", "starting"]
    streams: list[IndexedStream]
    progress: float | None = None
    """Of a rebuild, 0 to 1; queries are answered from the old index meanwhile."""
    rebuild_began_at: str | None = None
