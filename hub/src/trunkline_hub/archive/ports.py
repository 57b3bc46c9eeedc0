"""Where the archive's files lie: a directory today, an object store some day."""

from typing import Protocol


class Shelf(Protocol):
    """Holds small and large files by name, for each workspace. What `put` returned from survives a power cut."""

    async def names(self, workspace: str) -> list[str]:
        """Return the names of all complete files, sorted."""
        ...

    async def read(self, workspace: str, name: str) -> bytes | None:
        """Return a file's content, or None where there is none."""
        ...

    async def put(self, workspace: str, name: str, content: bytes) -> None:
        """Write a file as a whole: nobody ever sees a part of it."""
        ...
