"""Asking a cluster again: while its nodes elect a leader, or before they all know a new consumer, nobody answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats.errors
from nats.js.errors import NoStreamResponseError, ServiceUnavailableError

T = TypeVar("T")

_PATIENCE_S = 5.0
"""Longer than an election takes, shorter than a person waits."""
_AGAIN_S = 0.1


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Return what `ask` returns; ask again while the answer is "nobody is there", for a few seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_S
    while True:
        try:
            return await ask()
        except (ServiceUnavailableError, nats.errors.NoRespondersError, NoStreamResponseError):
            if loop.time() >= deadline:
                raise
        await asyncio.sleep(_AGAIN_S)
