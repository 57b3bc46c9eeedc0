"""Request/reply over the bus, caller's side: one subscription for all replies."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from nats.aio.msg import Msg

from trunkline.connection import Bus, denied
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import (
    BusUnavailableError,
    CallTimeoutError,
    MessageTooLargeError,
    Problem,
    TrunklineError,
    from_problem,
)
from trunkline.protocol.ids import new_token
from trunkline.wire import header_lines, message

_HEADER_RESERVE = 512
OnProgress = Callable[[frames.Progress], None]


class NobodyThereError(Exception):
    """No instance listens for this call; the caller finds out why."""


class _Waiting:
    __slots__ = ("future", "on_progress", "subject")

    def __init__(self, future: "asyncio.Future[Msg]", subject: str, on_progress: OnProgress | None) -> None:
        self.future = future
        self.subject = subject
        self.on_progress = on_progress


class Calls:
    """Sends calls and matches their replies."""

    def __init__(self, bus: Bus, workspace: str, principal: str) -> None:
        self._bus = bus
        self._workspace = workspace
        self._principal = principal
        self._mark = new_token(6)
        """Replies come to this desk alone, though others may call over the same connection."""
        self._waiting: dict[int, _Waiting] = {}
        self._next = 0
        self._listening = False
        bus.on_down.append(self._interrupt)
        bus.on_denied.append(self._refuse)

    async def _listen(self) -> None:
        """Listen for replies: from the first call on, since not every token may call."""
        self._listening = True
        subject = subjects.reply_filter(self._workspace, self._principal, self._mark)
        await self._bus.subscribe(subject, self._on_reply)

    async def send(
        self,
        subject: str,
        skill: str,
        payload: bytes,
        headers: dict[str, str],
        *,
        timeout_s: float,
        on_progress: OnProgress | None = None,
    ) -> Msg:
        """Send one call and return the result's message.

        Raises:
            NobodyThereError: at once, when no instance listens.
            CallTimeoutError: no result within `timeout_s`.
            TrunklineError: what the callee answered.
        """
        if not self._bus.is_up:
            raise BusUnavailableError("The connection to the broker is down")
        if len(payload) + _HEADER_RESERVE > self._bus.max_payload:  # the broker would end the connection
            raise MessageTooLargeError(f"The input has {len(payload):,} bytes")
        if not self._listening:
            await self._listen()
        self._next += 1
        number = self._next
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Msg] = loop.create_future()
        self._waiting[number] = _Waiting(future, subject, on_progress)
        reply = subjects.reply(self._workspace, skill, self._principal, self._mark, number)
        self._bus.write(message(subject, payload, reply=reply, headers=header_lines(headers)))
        timer = loop.call_later(timeout_s, _give_up, future, f"No answer from {skill!r} within {timeout_s:g} s")
        try:
            return await future
        finally:
            timer.cancel()
            del self._waiting[number]

    async def _on_reply(self, msg: Msg) -> None:
        waiting = self._waiting.get(int(msg.subject.rsplit(".", 1)[1]))
        if waiting is None or waiting.future.done():
            return
        headers = msg.headers or {}
        kind = headers.get(frames.HEADER_KIND)
        if headers.get("Status") == "503":
            waiting.future.set_exception(NobodyThereError())
        elif kind == frames.KIND_PROGRESS:
            if waiting.on_progress is not None:
                waiting.on_progress(msgspec.json.decode(msg.data, type=frames.Progress))
        elif kind == frames.KIND_ERROR:
            waiting.future.set_exception(_error(msg.data))
        else:
            waiting.future.set_result(msg)

    def _interrupt(self) -> None:
        for waiting in self._waiting.values():
            if not waiting.future.done():
                waiting.future.set_exception(BusUnavailableError("The connection to the broker broke during the call"))

    def _refuse(self, kind: str, subject: str) -> None:
        for waiting in self._waiting.values():
            if kind == "publish" and waiting.subject.lower() == subject and not waiting.future.done():
                waiting.future.set_exception(denied(kind, subject))


def _give_up(future: "asyncio.Future[Msg]", sentence: str) -> None:
    if not future.done():
        future.set_exception(CallTimeoutError(sentence))


def _error(raw: Any) -> TrunklineError:
    return from_problem(msgspec.json.decode(raw, type=Problem))
