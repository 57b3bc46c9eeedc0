"""A live view of the event log: an async iterator that survives reconnects without gaps."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from nats.aio.msg import Msg

from trunkline.connection import Bus, Listener
from trunkline.delivery import ack_numbers, answer_heartbeat
from trunkline.http import HttpApi
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, modes, subjects
from trunkline.protocol.errors import TrunklineError, UnavailableError
from trunkline.protocol.ids import new_token
from trunkline.tasks import Tasks

_RETRY_S = 0.5


class ReceivedEvent:
    """One event as a subscriber sees it.

    Attributes:
        seq: its place in the log.
        sender: the principal that the broker vouches for.
        message: the CloudEvent; `await client.payload(event.message, Order)` gives its payload.
    """

    __slots__ = ("message", "sender", "seq")

    def __init__(self, seq: int, sender: str, message: ce.Envelope) -> None:
        self.seq = seq
        self.sender = sender
        self.message = message


class EventStream:
    """Iterate it with `async for`, inside `async with`."""

    def __init__(self, bus: Bus, api: HttpApi, types: list[str], *, after_seq: int | None, since: str | None) -> None:
        self._bus = bus
        self._api = api
        self._types = types
        self._after_seq = after_seq
        self._since = since
        self._queue: asyncio.Queue[ReceivedEvent] = asyncio.Queue()
        self._listener: Listener | None = None
        self._heartbeat_s = 5.0
        self._last_sign = 0.0
        self._tasks = Tasks()
        self._renew = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._begin()
        self._bus.on_up.append(self._renew.set)
        self._tasks.spawn(self._watch(), name="event-stream")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._renew.set in self._bus.on_up:
            self._bus.on_up.remove(self._renew.set)
        await self._tasks.close()
        if self._listener is not None:
            await self._bus.unsubscribe(self._listener)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ReceivedEvent:
        return await self._queue.get()

    async def _begin(self) -> None:
        """Listen on a fresh inbox and have the hub deliver there, from where the last one left off."""
        if self._listener is not None:
            await self._bus.unsubscribe(self._listener)
        inbox = f"{self._bus.dial.inbox_prefix}.{new_token(8)}"
        self._listener = await self._bus.subscribe(inbox, self._receive)
        wanted = frames.Subscription(types=self._types, deliver_to=inbox, after_seq=self._after_seq, since=self._since)
        made = await self._api.post("/events/subscriptions", frames.Subscribed, wanted)
        self._heartbeat_s = made.heartbeat_s
        self._last_sign = asyncio.get_running_loop().time()

    async def _watch(self) -> None:
        """Begin anew after a reconnect, or when heartbeats stay away."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_s):
                    await self._renew.wait()
            silent = asyncio.get_running_loop().time() - self._last_sign > self._heartbeat_s * 2.5
            if not (silent or self._renew.is_set()) or not self._bus.is_up:
                continue
            self._renew.clear()
            try:
                await self._begin()
            except UnavailableError:
                await asyncio.sleep(_RETRY_S)
                self._renew.set()

    async def _receive(self, msg: Msg) -> None:
        self._last_sign = asyncio.get_running_loop().time()
        if answer_heartbeat(self._bus, msg):
            return
        _deliveries, seq = ack_numbers(msg.reply)
        if self._after_seq is not None and seq <= self._after_seq:
            return
        self._after_seq = seq
        with contextlib.suppress(TrunklineError):
            event = ReceivedEvent(seq, subjects.sender_of(msg.subject), modes.read(msg.data, msg.headers))
            self._queue.put_nowait(event)
