"""Doing something again when it is needed, and now and then in case nobody said so."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


async def rounds(changed: asyncio.Event, every_s: float) -> AsyncIterator[None]:
    """Begin a round now, then one whenever `changed` is set, and one after `every_s` without: news may be lost."""
    while True:
        changed.clear()
        yield
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(every_s):
                await changed.wait()
