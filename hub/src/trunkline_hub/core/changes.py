"""How two JSON documents differ, place by place."""

from collections.abc import Iterator
from typing import Any

from trunkline.protocol.errors import pointer
from trunkline.protocol.resources import Change


def changes(before: Any, after: Any) -> list[Change]:
    """Return each place (a JSON pointer, RFC 6901) at which two documents differ; items of lists by their number."""
    return list(_changes((), before, after))


def _changes(path: tuple[object, ...], before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _changes((*path, key), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            pair = [held[index] if index < len(held) else None for held in (before, after)]
            yield from _changes((*path, index), *pair)
    elif before != after:
        yield Change(path=pointer(path), before=before, after=after)
