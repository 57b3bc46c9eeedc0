"""Requests that hubs answer over the bus: the governed lane's door."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

import msgspec
import structlog
from nats.aio.msg import Msg

from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import InternalError, TrunklineError
from trunkline.tasks import Tasks
from trunkline.wire import header_lines, message
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.core.component import Component

_log = structlog.get_logger("requests")
_HUBS = "trunkline-hubs"
_AT_ONCE = 512
_RESULT = header_lines({"Content-Type": "application/json", frames.HEADER_KIND: frames.KIND_RESULT})
_ERROR = header_lines({"Content-Type": "application/problem+json", frames.HEADER_KIND: frames.KIND_ERROR})

Answer = Callable[[str, bytes, Mapping[str, str]], Awaitable[Any]]
"""(subject, payload, headers) → what to answer, or raises a TrunklineError."""


class RequestServer(Component):
    """Answers one kind of request on every hub; each request reaches one of them."""

    name: ClassVar[str] = "requests"

    def __init__(self, bus: HubBus, subject: str, answer: Answer) -> None:
        super().__init__()
        self._bus = bus
        self._subject = subject
        self._answer = answer
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tasks = Tasks()

    async def run(self) -> None:
        listener = await self._bus.bus.subscribe(self._subject, self._receive, queue=_HUBS)
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await self._bus.bus.unsubscribe(listener)
            await self._tasks.close()

    async def _receive(self, msg: Msg) -> None:
        """Begin on a request; when too many are under way the rest wait in the connection."""
        inbox = subjects.inbox_prefix(subjects.sender_of(msg.subject)) + "."
        if not msg.reply.startswith(inbox):
            return  # the hub may write anywhere; on whose word it does so is pinned, so where it answers must be theirs
        await self._slots.acquire()
        self._tasks.spawn(self._respond(msg), name="request")

    async def _respond(self, msg: Msg) -> None:
        try:
            found = await self._answer(msg.subject, msg.data, dict(msg.headers or {}))
            lines = message(msg.reply, msgspec.json.encode(found), headers=_RESULT)
        except TrunklineError as error:
            lines = message(msg.reply, msgspec.json.encode(error.to_problem()), headers=_ERROR)
        except Exception:  # noqa: BLE001 -- an edge: an unanswered request would stall its sender
            _log.exception("request_failed", subject=msg.subject)
            lines = message(msg.reply, msgspec.json.encode(InternalError().to_problem()), headers=_ERROR)
        finally:
            self._slots.release()
        self._bus.bus.write(lines)
