"""The policies by which one of several instances is chosen. Pure: time and chance come in."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from random import random
from typing import Protocol, TypeVar

from trunkline.balancing.stations import Station
from trunkline.protocol.versions import VersionRange


class _Versioned(Protocol):
    version: str


V = TypeVar("V", bound=_Versioned)
_ALIKE = 1.5
"""Costs that differ by less are the same: else a caller of one call at a time would call but one of many equals."""


class Turns:
    """Smooth weighted round robin: shares hold exactly, also of few calls."""

    def __init__(self) -> None:
        self._credit: dict[str, float] = {}

    def next(self, weights: Mapping[str, float]) -> str:
        """Return whose turn it is."""
        if len(self._credit) > 4 * len(weights) + 64:  # noqa: PLR2004 -- names come and go
            self._credit = {name: credit for name, credit in self._credit.items() if name in weights}
        total = 0.0
        best = ""
        for name, weight in weights.items():
            total += weight
            self._credit[name] = self._credit.get(name, 0.0) + weight
            if not best or self._credit[name] > self._credit[best]:
                best = name
        self._credit[best] -= total
        return best


def cheaper_of_two(stations: Sequence[Station], now: float) -> Station:
    """Return one of two chosen by chance, not the clearly dearer one: nearly as good as the best, and callers do not herd."""
    count = len(stations)
    first = int(random() * count)
    second = int(random() * (count - 1))
    if second >= first:
        second += 1
    one, other = stations[first], stations[second]
    return other if one.cost(now) > other.cost(now) * _ALIKE else one


def least_outstanding(stations: Sequence[Station], now: float) -> Station:
    """Return the one with the fewest calls in hand; of several one by chance."""
    offset = int(random() * len(stations))
    turned = [*stations[offset:], *stations[:offset]]
    return min(turned, key=lambda one: one.pending(now))


def by_chance(stations: Sequence[Station], _now: float) -> Station:
    """Return any."""
    return stations[int(random() * len(stations))]


def by_key(stations: Sequence[Station], key: str) -> Station:
    """Return the one of a key (rendezvous hashing): when one goes, only its keys move."""
    return max(stations, key=lambda one: blake2b(f"{key}\0{one.key}".encode(), digest_size=8).digest())


def by_version(stations: Sequence[V], weights: Mapping[str, float]) -> dict[str, list[V]]:
    """Sort instances by the entry of a split that names their version: a version's own before a range's.

    Entries that nobody fits, or whose share is none, are left out.
    """
    found: dict[str, list[V]] = {}
    ranges = [(name, range_of(name)) for name, share in weights.items() if share > 0]
    for one in stations:
        named = [name for name, admitted in ranges if admitted is not None and one.version in admitted]
        if one.version in weights:
            named = [one.version] if weights[one.version] > 0 else []
        if named:
            found.setdefault(named[0], []).append(one)
    return found


@lru_cache(maxsize=256)
def range_of(text: str) -> VersionRange | None:
    """Return what a range admits, or None where it is none."""
    try:
        return VersionRange(text)
    except ValueError:
        return None


SIMPLE: dict[str, Callable[[Sequence[Station], float], Station]] = {
    "peak_ewma": cheaper_of_two,
    "sticky": cheaper_of_two,
    "least_outstanding": least_outstanding,
    "random": by_chance,
}
"""Policies that need no memory of their own; `sticky` is this where a call has no key."""
