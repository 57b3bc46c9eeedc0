"""Server-sent events that end when the hub begins to close, so that browsers come back to another one."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from litestar import Request
from litestar.response import ServerSentEvent, ServerSentEventMessage

from trunkline.tasks import Tasks

Messages = AsyncGenerator[ServerSentEventMessage, None]


def stream(request: Request[Any, Any, Any], messages: Messages) -> ServerSentEvent:
    """Answer with `messages` until they end, the client goes, or the hub closes."""
    closing: asyncio.Event = request.app.state.closing
    return ServerSentEvent(_until(closing, messages))


async def _until(closing: asyncio.Event, messages: Messages) -> Messages:
    tasks = Tasks()
    closed = tasks.spawn(closing.wait(), name="stream-closing")
    try:
        while True:
            upcoming = tasks.spawn(_next(messages), name="stream-next", awaited=True)
            either: list[asyncio.Task[Any]] = [upcoming, closed]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            message = upcoming.result() if upcoming.done() else None
            if message is None:
                return
            yield message
    finally:
        await tasks.close()
        await messages.aclose()


async def _next(messages: Messages) -> ServerSentEventMessage | None:
    return await anext(messages, None)
