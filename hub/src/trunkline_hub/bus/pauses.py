"""Pausing consumers: for an operator, until further notice; for bulk work, a moment that ends by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import nats.errors
from nats.js.errors import NotFoundError
from nats.js.manager import JetStreamManager

from trunkline.protocol.errors import BusUnavailableError
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.depths import queue_consumers
from trunkline_hub.bus.facts import ConsumerFacts
from trunkline_hub.bus.place import HandedOut, Place, handed_out

FOREVER = "2200-01-01T00:00:00Z"
"""What an operator paused stays so until resumed."""
HOLD_S = 60.0
"""A hold outlives the taking over of a job whose hub died, and no more."""
_FAR = "2100"
_RELEASE_S = 0.02

Stays = Callable[[], Awaitable[bool]]
"""Tells whether the queue is to stay paused when a hold ends."""


async def align(js: JetStreamManager, stream: str, present: ConsumerFacts, *, paused: bool) -> None:
    """Pause or resume a consumer for an operator; a hold of bulk work is let be."""
    if _is_far(present) != paused:
        await js.pause_consumer(stream, present.name, FOREVER if paused else _soon())


@asynccontextmanager
async def hold(bus: HubBus, place: Place, stays: Stays) -> AsyncIterator[HandedOut]:
    """Have nothing of the queue handed out while the block runs; yields what was before.

    Holds do not nest: one piece of bulk work on a queue at a time. If this hub
    dies in the block, the hold ends after `HOLD_S`.
    """
    js = bus.js()
    try:
        found = (await queue_consumers(bus, place.workspace, {place.queue: place.layout}))[place.queue]
        mine = [one.name for one in found if not _is_far(one)]
        await _pause(js, place.stream, mine, _moment(HOLD_S))
        try:
            yield await handed_out(bus, place)
        finally:
            if not await stays():
                await _pause(js, place.stream, mine, _soon())
    except NotFoundError:
        raise BusUnavailableError(f"A consumer of {place.queue} went away meanwhile") from None
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not pause {place.queue}: {error}") from None


async def _pause(js: JetStreamManager, stream: str, names: list[str], until: str) -> None:
    await asyncio.gather(*(js.pause_consumer(stream, name, until) for name in names))


def _is_far(one: ConsumerFacts) -> bool:
    return one.paused and (one.config.pause_until or "") >= _FAR


def _soon() -> str:
    """A pause that runs out wakes waiting workers at once; one that is called off leaves them to the next heartbeat."""
    return _moment(_RELEASE_S)


def _moment(in_s: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=in_s)).isoformat().replace("+00:00", "Z")
