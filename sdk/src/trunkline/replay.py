"""Reading a part of the past: an async iterator that ends by itself and survives reconnects without gaps.

What the log still holds is pushed by the broker to this client's own inbox,
with flow control: the broker sends on when the reader has taken what was sent.
What has left the log is fetched from the hub first.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime

import msgspec
from nats.aio.msg import Msg

from trunkline.connection import Bus, Listener
from trunkline.delivery import answer_heartbeat, place_of
from trunkline.http import HttpApi
from trunkline.protocol import modes, resources, subjects
from trunkline.protocol.errors import HubUnreachableError, MessageError, UnavailableError
from trunkline.protocol.ids import new_token
from trunkline.rest.replays import ReplaysApi
from trunkline.subscription import ReceivedEvent

_RETRY_S = 0.5
_SILENT_BEATS = 2.5
_SLEEP_S = 0.002
"""Waits shorter than this are not worth their timer."""


class _Line(msgspec.Struct):
    seq: int
    stored_at: str
    subject: str
    headers: dict[str, str] = {}
    event: msgspec.Raw = msgspec.Raw(b"")
    raw_base64: str | None = None


_decode_line = msgspec.json.Decoder(_Line).decode


class Replay:
    """One reading; iterate it once: `async for event in client.replay("order.*", since=…)`."""

    def __init__(self, bus: Bus, api: HttpApi, selection: resources.Selection, *, speed: float | None = None) -> None:
        self.skipped = 0
        """Messages that are no CloudEvents, left out so far."""
        self._bus = bus
        self._api = api
        self._selection = selection
        self._speed = speed
        self._until_seq = 0
        self._after_seq: int | None = selection.after_seq
        self._got: list[Msg] = []
        self._something = asyncio.Event()
        self._renew = asyncio.Event()
        self._listener: Listener | None = None
        self._heartbeat_s = 5.0
        self._began: tuple[float, int] | None = None

    def __aiter__(self) -> AsyncIterator[ReceivedEvent]:
        return self._events()

    async def _events(self) -> AsyncGenerator[ReceivedEvent, None]:
        self._bus.on_up.append(self._on_up)
        try:
            while True:
                reading = await self._ask()
                if reading.older_until is not None:
                    async with aclosing(self._older(reading.older_until)) as older:
                        async for event in older:
                            yield event
                    continue
                if not reading.consumer or not reading.pending:
                    return
                async with aclosing(self._pushed()) as pushed:
                    async for event in pushed:
                        yield event
                if not self._renew.is_set():
                    return
        finally:
            self._bus.on_up.remove(self._on_up)
            await self._quit()

    async def _ask(self) -> resources.LogReading:
        """Have the hub deliver to a fresh inbox, from where the last one left off."""
        await self._quit()
        self._renew.clear()
        self._got.clear()
        inbox = f"{self._bus.dial.inbox_prefix}.{new_token(8)}"
        self._listener = await self._bus.subscribe(inbox, self._receive)
        wanted = msgspec.structs.asdict(self._selection) | {"after_seq": self._after_seq, "deliver_to": inbox}
        if self._until_seq:
            wanted["until_seq"] = self._until_seq
        request = resources.ReadingRequest(**wanted)
        while True:
            try:
                reading = await self._api.post("/events/readings", resources.LogReading, request)
            except UnavailableError:
                if self._after_seq is None:  # nothing was read yet: let the caller know
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                self._until_seq, self._heartbeat_s = reading.until_seq, reading.heartbeat_s
                return reading

    async def _quit(self) -> None:
        if self._listener is not None:
            listener, self._listener = self._listener, None
            await self._bus.unsubscribe(listener)

    async def _pushed(self) -> AsyncGenerator[ReceivedEvent, None]:
        """Yield what the broker pushes until the end of the range, or until it has to begin anew."""
        consumed = 0
        while True:
            await self._wait()
            batch, self._got = self._got, []
            if self._renew.is_set():
                return
            for msg in batch:
                if not msg.reply.startswith("$JS.ACK"):
                    answer_heartbeat(self._bus, msg)  # only now: what came before it has been taken
                    last = int((msg.headers or {}).get("Nats-Last-Consumer", 0))
                    if self._is_gap(last, consumed):
                        return
                    continue
                place = place_of(msg.reply)
                if place.stream_seq > self._until_seq or self._is_gap(place.consumer_seq, consumed + 1):
                    return
                consumed += 1
                self._after_seq = place.stream_seq
                event = self._decode(place.stream_seq, msg.subject, msg.data, msg.headers or {})
                if event is not None:
                    if self._speed is not None:
                        await self._keep_pace(place.stored_ns)
                    yield event
                if place.pending == 0 or place.stream_seq == self._until_seq:
                    return

    def _is_gap(self, sent: int, known: int) -> bool:
        """Whether the broker has sent more than came; then it is asked anew from the last event that did."""
        if sent > known:
            self._renew.set()
        return sent > known

    async def _older(self, until_seq: int) -> AsyncGenerator[ReceivedEvent, None]:
        """Yield what has left the log, as the hub finds it in keeps and archive."""
        wanted = msgspec.structs.replace(self._selection, after_seq=self._after_seq, until_seq=until_seq)
        try:
            async with aclosing(self._api_lines(wanted)) as lines:
                async for line in lines:
                    payload = bytes(line.event) if line.raw_base64 is None else base64.b64decode(line.raw_base64)
                    self._after_seq = line.seq
                    event = self._decode(line.seq, line.subject, payload, line.headers)
                    if event is not None:
                        if self._speed is not None:
                            await self._keep_pace(_nanoseconds(line.stored_at))
                        yield event
        except HubUnreachableError:  # it is asked again from where the answer broke off
            await asyncio.sleep(_RETRY_S)
        else:
            self._after_seq = until_seq

    async def _api_lines(self, wanted: resources.Selection) -> AsyncGenerator[_Line, None]:
        rest = b""
        async with aclosing(ReplaysApi(self._api).export(wanted)) as pieces:
            async for piece in pieces:
                *lines, rest = (rest + piece).split(b"\n")
                for raw in lines:
                    yield _decode_line(raw)

    def _decode(self, seq: int, subject: str, payload: bytes, headers: dict[str, str]) -> ReceivedEvent | None:
        """Return the event, or None for what is none, or is not asked for."""
        try:
            message = modes.read(payload, headers)
        except MessageError:
            self.skipped += 1
            return None
        wanted = self._selection
        if wanted.subject is not None and message.subject != wanted.subject:
            return None
        if wanted.correlation_id is not None and wanted.correlation_id not in {message.correlationid, message.id}:
            return None
        return ReceivedEvent(seq, subjects.sender_of(subject), message)

    async def _wait(self) -> None:
        """Return when something came, or when it is time to begin anew."""
        while not self._got and not self._renew.is_set():
            self._something.clear()
            try:
                async with asyncio.timeout(self._heartbeat_s * _SILENT_BEATS):
                    await self._something.wait()
            except TimeoutError:
                if self._bus.is_up:
                    self._renew.set()

    async def _keep_pace(self, stored_ns: int) -> None:
        assert self._speed is not None
        now = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = (now, stored_ns)
        delay = self._began[0] + (stored_ns - self._began[1]) / 1e9 / self._speed - now
        if delay > _SLEEP_S:
            await asyncio.sleep(delay)

    async def _receive(self, msg: Msg) -> None:
        self._got.append(msg)
        self._something.set()

    def _on_up(self) -> None:
        self._renew.set()
        self._something.set()


def _nanoseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1e9)
