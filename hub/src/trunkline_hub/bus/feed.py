"""Reads a stream from a place on, in order and without a gap, as fast as the broker gives it.

For readers that keep their own position beside what they derive: nothing is
acknowledged and the broker keeps nothing for them, so a lost or restored
index can never disagree with where its reader stands.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec
import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import Error as JetStreamError

from trunkline.connection import Listener
from trunkline.delivery import ack_numbers, consumer_seq, stored_us
from trunkline.protocol.errors import BusUnavailableError
from trunkline.protocol.ids import new_token
from trunkline.wire import message
from trunkline_hub.bus.connection import HubBus

_log = structlog.get_logger("feed")
_AHEAD = 2_000
"""Messages asked for ahead of what was taken."""
_AHEAD_BYTES = 16 * 2**20
_EXPIRES_S = 30
_HEARTBEAT_S = 5
_SILENCE_S = _HEARTBEAT_S * 2.5
_INACTIVE_S = 60.0
_LOOK_S = 1.0
_RETRY_S = 0.5


class Fed(NamedTuple):
    """One message as it lies in the stream."""

    seq: int
    stored_us: int
    subject: str
    payload: bytes
    headers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Extent:
    """What a stream holds: since when it exists, its first and last place, the age of its first message."""

    born: str
    first_seq: int
    last_seq: int
    first_us: int | None


class _State(msgspec.Struct):
    messages: int
    first_seq: int
    last_seq: int
    first_ts: str


class _StreamInfo(msgspec.Struct):
    created: str = ""
    state: _State | None = None


class Feed:
    """Follows one stream; `taken` messages are gone from it, `run` keeps it supplied."""

    def __init__(self, bus: HubBus, stream: str, *, after_seq: int, arrived: asyncio.Event) -> None:
        self.stream = stream
        self._bus = bus
        self._arrived = arrived
        self._seq = after_seq
        self._buffer: deque[Fed] = deque()
        self._bytes = 0
        self._asked = 0
        self._expected = 1
        self._consumer = ""
        self._inbox = ""
        self._broken = asyncio.Event()
        self._broken.set()
        self._last_sign = 0.0

    def take(self, most: int) -> list[Fed]:
        """Return up to `most` messages, in order."""
        taken = [self._buffer.popleft() for _ in range(min(most, len(self._buffer)))]
        self._bytes -= sum(len(fed.payload) for fed in taken)
        if taken:
            self._ask()
        return taken

    async def run(self) -> None:
        """Keep a consumer alive behind the last message received; returns only by cancellation."""
        self._bus.bus.on_up.append(self._broken.set)  # what was on its way went to the connection before
        try:
            while True:
                await self._follow()
        finally:
            self._bus.bus.on_up.remove(self._broken.set)

    async def _follow(self) -> None:
        listener: Listener | None = None
        try:
            listener = await self._begin()
            await self._watch()
        except (nats.errors.Error, JetStreamError, BusUnavailableError, TimeoutError, OSError) as error:
            _log.debug("feed_interrupted", stream=self.stream, error=str(error))
            await asyncio.sleep(_RETRY_S)
        finally:
            self._broken.set()
            if listener is not None:
                await self._bus.bus.unsubscribe(listener)

    async def _begin(self) -> Listener:
        self._inbox = f"{self._bus.bus.dial.inbox_prefix}.{new_token(6)}"
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE, mem_storage=True, num_replicas=1, inactive_threshold=_INACTIVE_S,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._seq + 1,
        )  # fmt: skip
        self._consumer = (await self._bus.js().add_consumer(self.stream, config)).name
        self._asked, self._expected = 0, 1
        self._broken.clear()
        self._last_sign = asyncio.get_running_loop().time()
        listener = await self._bus.bus.subscribe(self._inbox, self._receive)
        self._ask()
        return listener

    async def _watch(self) -> None:
        """Return when the consumer is gone or silent, or a message was missed."""
        loop = asyncio.get_running_loop()
        while not self._broken.is_set():
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._broken.wait()
            except TimeoutError:
                if self._asked == 0:
                    self._ask()
                elif loop.time() - self._last_sign > _SILENCE_S:
                    return

    def _ask(self) -> None:
        room = _AHEAD - len(self._buffer) - self._asked
        if self._broken.is_set() or room * 2 < _AHEAD or self._bytes > _AHEAD_BYTES:
            return
        self._asked += room
        self._last_sign = asyncio.get_running_loop().time()
        body = b'{"batch":%d,"expires":%d,"idle_heartbeat":%d}' % (
            room, _EXPIRES_S * 10**9, _HEARTBEAT_S * 10**9,
        )  # fmt: skip
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{self._consumer}"
        self._bus.bus.write(message(subject, body, reply=self._inbox))

    async def _receive(self, msg: Msg) -> None:
        self._last_sign = asyncio.get_running_loop().time()
        headers = msg.headers or {}
        if not msg.reply.startswith("$JS.ACK"):
            self._on_status(headers)
            return
        _deliveries, seq = ack_numbers(msg.reply)
        if consumer_seq(msg.reply) != self._expected or self._broken.is_set():
            self._broken.set()  # what is missing is read again, from the last message in order
            return
        self._expected += 1
        self._asked = max(0, self._asked - 1)
        self._seq = seq
        self._buffer.append(Fed(seq, stored_us(msg.reply), msg.subject, msg.data, headers))
        self._bytes += len(msg.data)
        self._arrived.set()

    def _on_status(self, headers: dict[str, str]) -> None:
        status = headers.get("Status", "503")
        if status == "100":
            return
        pending = headers.get("Nats-Pending-Messages")
        if status in {"404", "408"}:
            self._asked = max(0, self._asked - int(pending)) if pending is not None else 0
            self._ask()
        else:  # the consumer is gone, or nobody answers for it
            self._broken.set()


async def extent(bus: HubBus, stream: str) -> Extent | None:
    """Return what `stream` holds, or None where it does not exist (yet).

    Raises:
        BusUnavailableError
    """
    answer = await bus.bus.request(f"$JS.API.STREAM.INFO.{stream}")
    found = msgspec.json.decode(answer.data, type=_StreamInfo)
    if found.state is None:
        return None
    state = found.state
    first = datetime.fromisoformat(state.first_ts) if state.messages else None
    return Extent(
        born=found.created, first_seq=state.first_seq, last_seq=state.last_seq,
        first_us=None if first is None else round(first.timestamp() * 1e6),
    )  # fmt: skip
