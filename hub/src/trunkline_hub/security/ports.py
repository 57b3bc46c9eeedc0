"""What security needs from elsewhere."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from trunkline.protocol.queueing import Layout

Layouts = Callable[[str, Sequence[str]], Awaitable[Mapping[str, Layout]]]
"""(workspace, queues) → how each of them lies on the bus."""


class Evict(Protocol):
    """Closes the open bus connections of a key, soon; never blocks."""

    def __call__(self, key_id: str) -> None: ...
