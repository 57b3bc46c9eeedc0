"""How two sides are compared: the same work in turn, round by round, and the medians."""

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

Side = Callable[[int], Awaitable[float]]
"""Does this many operations and returns the figure of interest: a rate or a duration."""

Send = Callable[[], Awaitable[object]]

_WARM_UP = 0.2
"""Fraction of a round that each side runs, unmeasured, before the first."""
_MIN_COUNT = 200


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a run takes."""

    rounds: int
    seconds: float
    """Wanted duration of one side's turn."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """Medians of one comparison."""

    name: str
    ours: float
    other: float
    against: str
    unit: str
    target: float
    at_most: bool = False
    """Whether `target` is a ceiling of the ratio instead of a floor."""
    spread: str = ""

    @property
    def ratio(self) -> float:
        """Ours divided by the other's."""
        return self.ours / self.other

    @property
    def met(self) -> bool:
        """Whether the target was reached."""
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What the rounds gave."""

    ours: list[float]
    other: list[float]

    def result(self, name: str, *, against: str, unit: str, target: float, at_most: bool = False) -> Result:
        """Sum the rounds up; the spread is that of the ratio from round to round."""
        ratios = sorted(ours / other for ours, other in zip(self.ours, self.other, strict=True))
        return Result(
            name=name, ours=median(self.ours), other=median(self.other), against=against, unit=unit,
            target=target, at_most=at_most, spread=f"{ratios[0]:.2f}-{ratios[-1]:.2f}",
        )  # fmt: skip


async def alternate(ours: Side, other: Side, *, count: int, pace: Pace) -> Pair:
    """Let both sides do `count` operations in turn, ours first in one round and last in the next."""
    pair = Pair(ours=[], other=[])
    for number in range(pace.rounds):
        turns = [(ours, pair.ours), (other, pair.other)]
        for side, figures in turns if number % 2 == 0 else reversed(turns):
            gc.collect()
            await asyncio.to_thread(os.sync)  # what one side left unwritten is not the other's to wait for
            figures.append(await side(count))
    return pair


async def alternate_rates(ours: Side, other: Side, *, pace: Pace, guess: float) -> Pair:
    """Warm both sides up, choose a count that fills the rounds, and compare their rates.

    Both sides do the same count, such that the two turns together take twice
    `pace.seconds`; `guess` operations a second are assumed for the warm-up.
    """
    count = max(_MIN_COUNT, int(guess * pace.seconds * _WARM_UP))
    rates = [await ours(count), await other(count)]
    count = int(2 * pace.seconds / sum(1 / rate for rate in rates))
    return await alternate(ours, other, count=max(count, _MIN_COUNT), pace=pace)


async def rate_in_flight(send: Send, count: int, width: int) -> float:
    """Return operations per second for `count` calls of `send`, `width` of them at any time."""
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await send()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(width):
            group.create_task(worker())
    return count / (time.perf_counter() - began)
