"""Whether a queue takes work in: asked once before the first message, then refreshed behind the sender's back."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from trunkline.protocol.errors import QueueDrainingError, QueueUnknownError, TrunklineError
from trunkline.tasks import Tasks

REFRESH_S = 5.0
"""How soon a sender notices that a queue is drained or gone; nobody waits for the question."""
RECHECK_S = 0.5
"""How soon a sender that was refused asks again."""

Ask = Callable[[str], Awaitable[object]]
"""Asks the hub about a queue; raises what the sender is to be told."""


class Admission:
    """What one client knows about the queues it sends to."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._fresh_until: dict[str, float] = {}
        self._refusals: dict[str, TrunklineError] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._tasks = Tasks()

    def is_fresh(self, queue: str) -> bool:
        """Whether the queue was open a moment ago, so that there is nothing to check."""
        return self._fresh_until.get(queue, 0.0) > time.monotonic() and queue not in self._refusals

    async def check(self, queue: str) -> None:
        """Let the sender go on, or raise QueueUnknownError or QueueDrainingError."""
        known = self._fresh_until.get(queue)
        refusal = self._refusals.get(queue)
        if known is None or (refusal is not None and known <= time.monotonic()):
            await self._together(queue)
            refusal = self._refusals.get(queue)
        elif refusal is None:  # known, but not quite fresh: the answer is for the messages after this one
            self._fresh_until[queue] = time.monotonic() + REFRESH_S
            self._tasks.spawn(self._refresh(queue), name=f"admission-{queue}")
        if refusal is not None:
            raise type(refusal)(refusal.detail)

    async def close(self) -> None:
        """Stop asking."""
        await self._tasks.close()

    async def _together(self, queue: str) -> None:
        """Ask once for all who wait for the same answer."""
        asking = self._asking.get(queue)
        if asking is None:
            asking = self._tasks.spawn(self._learn(queue), name=f"admission-{queue}", awaited=True)
            self._asking[queue] = asking
            asking.add_done_callback(lambda _done: self._asking.pop(queue))
        await asyncio.shield(asking)

    async def _learn(self, queue: str) -> None:
        try:
            await self._ask(queue)
        except (QueueDrainingError, QueueUnknownError) as error:
            self._refusals[queue] = error
            held_s = RECHECK_S if isinstance(error, QueueDrainingError) else 0.0  # a queue may be declared any moment
            self._fresh_until[queue] = time.monotonic() + held_s
        else:
            self._refusals.pop(queue, None)
            self._fresh_until[queue] = time.monotonic() + REFRESH_S

    async def _refresh(self, queue: str) -> None:
        try:
            await self._learn(queue)
        except TrunklineError:  # without the hub, senders and broker go on as before
            self._fresh_until[queue] = time.monotonic() + REFRESH_S
