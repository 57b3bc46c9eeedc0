"""Work for a caller who may hang up."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from litestar import Request

from trunkline.protocol.errors import CallCancelledError

T = TypeVar("T")


async def while_connected(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; it is cancelled when the caller hangs up. The request's body must have been read.

    Raises:
        CallCancelledError: nobody waits any more.
    """
    loop = asyncio.get_running_loop()
    working = loop.create_task(work)
    watching = loop.create_task(_until_disconnected(request))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise CallCancelledError
        return working.result()
    finally:
        watching.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait((working,))


async def _until_disconnected(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
