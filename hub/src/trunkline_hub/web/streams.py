"""Server-sent events that end when the hub begins to close, so that browsers come back to another one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeVar

from litestar import Request
from litestar.response import ServerSentEvent, ServerSentEventMessage

from trunkline.tasks import Tasks

Messages = AsyncGenerator[ServerSentEventMessage, None]
T = TypeVar("T")


def stream(request: Request[Any, Any, Any], messages: Messages) -> ServerSentEvent:
    """Answer with `messages` until they end, the client goes, or the hub closes."""
    closing: asyncio.Event = request.app.state.closing
    return ServerSentEvent(until(closing, messages))


async def until(closing: asyncio.Event, items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Yield `items` until they end, or `closing` is set."""
    tasks = Tasks()
    closed = tasks.spawn(closing.wait(), name="stream-closing")
    try:
        while True:
            upcoming = tasks.spawn(_next(items), name="stream-next", awaited=True)
            either: list[asyncio.Task[Any]] = [upcoming, closed]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            found = upcoming.result() if upcoming.done() else ()
            if not found:
                return
            yield found[0]
    finally:
        await tasks.close()
        if isinstance(items, AsyncGenerator):
            await items.aclose()


async def _next(items: AsyncIterator[T]) -> tuple[T] | tuple[()]:
    async for item in items:
        return (item,)
    return ()
