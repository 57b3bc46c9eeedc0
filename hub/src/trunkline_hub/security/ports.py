"""What security needs from elsewhere."""

from typing import Protocol


class Evict(Protocol):
    """Closes the open bus connections of a key, soon; never blocks."""

    def __call__(self, key_id: str) -> None: ...
