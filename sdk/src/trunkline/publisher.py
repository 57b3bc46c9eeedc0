"""Group commit: durable publishing at the speed of the disk's batches, not of its fsyncs.

A lone message goes at once by itself. While an acknowledgement is outstanding,
what arrives meanwhile forms the next atomic batch (ADR-50), so latency never
waits for a timer. When a batch is refused or its answer lost, its messages are
sent again one by one under the same ids; the broker's duplicate window makes
that safe. Messages with the same key keep their order.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass

from nats.aio.msg import Msg

from trunkline.connection import Bus, denied
from trunkline.flights import AckError, Flight, Item, Line, OpenBatch, PubAck, fail, parse_ack, too_large
from trunkline.protocol.errors import (
    BusUnavailableError,
    ClientClosedError,
    MessageTooLargeError,
    QueueFullError,
)
from trunkline.protocol.frames import Ack
from trunkline.protocol.ids import new_token
from trunkline.wire import message, one_line

_log = logging.getLogger("trunkline.publisher")

MAX_BATCH = 500
MAX_BATCH_BYTES = 1_000_000
MAX_FLIGHTS = 4
CHUNK = 64
"""A batch is written in pieces of this many messages, so that the broker reads while the rest is being made."""
MAX_SINGLES = 256
ACK_TIMEOUT_S = 5.0
GIVE_UP_S = 30.0
"""Well inside the broker's duplicate window of 120 s."""
RETRY_S = 0.1
HEADER_RESERVE = 512
"""Bytes of a message's limit kept free for the batch headers."""

_ERR_STORE_FULL = frozenset({10077, 10047, 10023})
_ERR_TOO_LARGE = 10054


@dataclass
class PublisherStats:
    """Counters since the start: messages acknowledged, batches and single sends, messages sent again."""

    acked: int = 0
    batches: int = 0
    singles: int = 0
    resent: int = 0


class Publisher:
    """Publishes to streams of one bus; one instance serves all of a client's streams."""

    def __init__(self, bus: Bus, *, max_batch: int = MAX_BATCH, give_up_s: float = GIVE_UP_S) -> None:
        self.stats = PublisherStats()
        self._bus = bus
        self._max_batch = max_batch
        self._give_up_s = give_up_s
        self._inbox = f"{bus.dial.inbox_prefix}.{new_token(6)}"
        self._lines: dict[str, Line] = {}
        self._flights: dict[int, tuple[Line, Flight]] = {}
        self._keys: dict[str, int] = {}
        self._next = 0
        self._closed = False
        bus.on_up.append(self._resume)
        bus.on_down.append(self._interrupt)
        bus.on_denied.append(self._refuse)

    async def open(self) -> None:
        """Start listening for acknowledgements; again after `close`, when its owner was restarted."""
        self._closed = False
        await self._bus.listen(f"{self._inbox}.*", self._on_ack)

    def publish(
        self,
        stream: str,
        subject: str,
        payload: bytes,
        *,
        msg_id: str,
        ack_id: str | None = None,
        headers: bytes = b"",
        key: str | None = None,
    ) -> "asyncio.Future[Ack]":
        """Hand over one message; the future ends when the broker has stored it.

        The broker knows the message by `msg_id`, the caller's `Ack` names it `ack_id`.

        The future raises:
            MessageTooLargeError: headers and payload exceed the broker's limit.
            QueueFullError: the stream refuses more (back-pressure); nothing was stored.
            PermissionDeniedError: the token may not send to `subject`.
            BusUnavailableError: no acknowledgement for `GIVE_UP_S`; sending again with the same id is safe.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Ack] = loop.create_future()
        if self._closed:
            future.set_exception(ClientClosedError())
            return future
        lines = b"Nats-Msg-Id: %s\r\n%s" % (one_line(msg_id).encode(), headers)
        cost = len(payload) + len(lines) + HEADER_RESERVE
        if cost > self._bus.max_payload:
            future.set_exception(too_large(cost, self._bus.max_payload))
            return future
        item = Item(subject, payload, lines, ack_id or msg_id, key, future, loop.time() + self._give_up_s, cost)
        line = self._lines.get(stream)
        if line is None:
            line = self._lines[stream] = Line()
        line.pending.append(item)
        line.bytes += cost
        if len(line.pending) >= CHUNK and (line.open is not None or self._is_idle(line)):
            self._stream(line)
        elif len(line.pending) >= self._max_batch:
            self._pump(line)
        self._schedule(line)
        return future

    async def drain(self, *, timeout_s: float = 5.0) -> None:
        """Wait until everything handed over is settled, at most `timeout_s`."""
        futures = [item.future for item in self._everything()]
        if futures:
            await asyncio.wait(futures, timeout=timeout_s)

    def close(self) -> None:
        """Fail what is still on its way."""
        self._closed = True
        for item in self._everything():
            fail(item, ClientClosedError("The client closed before the broker acknowledged"))
        for _line, flight in self._flights.values():
            if flight.timer is not None:
                flight.timer.cancel()
        self._flights.clear()
        self._lines.clear()

    def _everything(self) -> list[Item]:
        waiting = [item for line in self._lines.values() for item in (*line.pending, *line.retries)]
        return waiting + [item for _line, flight in self._flights.values() for item in flight.items]

    def _schedule(self, line: Line) -> None:
        if not line.scheduled:
            line.scheduled = True
            asyncio.get_running_loop().call_soon(self._on_turn, line)

    def _on_turn(self, line: Line) -> None:
        """Send what this loop turn has gathered."""
        line.scheduled = False
        self._pump(line)

    def _pump(self, line: Line) -> None:
        if not self._bus.is_up or self._closed:
            return
        if line.retries and asyncio.get_running_loop().time() >= line.retry_at:
            self._send_again(line)
        if line.open is not None:
            self._board(line, line.open)
            self._write(line, line.open, commit=True)
        while line.pending and self._may_send(line):
            batch = self._take(line, self._max_batch, MAX_BATCH_BYTES)
            if not batch:
                return
            if len(batch) == 1:
                self._send_single(line, batch[0])
            else:
                self._write(line, self._open_batch(line, batch), commit=True)

    def _is_idle(self, line: Line) -> bool:
        """Whether nothing is in the air that a new message would have to wait for."""
        free = line.batches == 0 and line.singles == line.resent and not line.retries
        return free and self._bus.is_up and not self._closed

    def _may_send(self, line: Line) -> bool:
        if line.retries or line.singles >= MAX_SINGLES:
            return False
        if line.batches == 0 and line.singles == line.resent:
            return True
        full = len(line.pending) >= self._max_batch or line.bytes >= MAX_BATCH_BYTES
        return full and line.batches < MAX_FLIGHTS

    def _take(self, line: Line, count: int, size: int, own: dict[str, int] | None = None) -> list[Item]:
        """Take the oldest messages whose keys are not in the air elsewhere; keep the order of the rest."""
        own = own or {}
        batch: list[Item] = []
        held: list[Item] = []
        held_keys: set[str] = set()
        taken = 0
        while line.pending and len(batch) < count:
            item = line.pending[0]
            if taken + item.cost > size and (batch or size < MAX_BATCH_BYTES):
                break
            line.pending.popleft()
            if item.key is not None and (item.key in held_keys or self._keys.get(item.key, 0) != own.get(item.key, 0)):
                held.append(item)
                held_keys.add(item.key)
                continue
            batch.append(item)
            taken += item.cost
        line.pending.extendleft(reversed(held))
        line.bytes -= taken
        return batch

    def _stream(self, line: Line) -> None:
        """Write the beginning of a batch while the rest of it is still being made."""
        batch = line.open
        if batch is None:
            items = self._take(line, self._max_batch, MAX_BATCH_BYTES)
            if len(items) > 1:
                batch = line.open = self._open_batch(line, items)
            elif items:
                self._send_single(line, items[0])
        else:
            self._board(line, batch)
        if batch is not None:
            full = len(batch.flight.items) >= self._max_batch or batch.size >= MAX_BATCH_BYTES - CHUNK * HEADER_RESERVE
            self._write(line, batch, commit=full or len(line.pending) >= CHUNK)

    def _open_batch(self, line: Line, items: list[Item]) -> OpenBatch:
        flight = self._launch(line, items, is_batch=True)
        line.batches += 1
        self.stats.batches += 1
        header = b"Nats-Batch-Id: %s-%d\r\nNats-Batch-Sequence: " % (self._inbox[-12:].encode(), flight.number)
        batch = OpenBatch(flight, header)
        batch.add(items)
        return batch

    def _board(self, line: Line, batch: OpenBatch) -> None:
        """Add to an open batch what has gathered and fits."""
        items = batch.flight.items
        more = self._take(line, self._max_batch - len(items), MAX_BATCH_BYTES - batch.size, batch.keys)
        items.extend(more)
        self._claim(more)
        batch.add(more)

    def _write(self, line: Line, batch: OpenBatch, *, commit: bool) -> None:
        """Write what is not written yet: all but the last message, or, committing, the last one too."""
        items = batch.flight.items
        last = len(items) - 1
        parts = [
            message(item.subject, item.payload, headers=b"%s%s%d\r\n" % (item.headers, batch.header, index))
            for index, item in enumerate(items[batch.written : last], batch.written + 1)
        ]
        batch.written = last
        if commit:
            item = items[last]
            headers = b"%s%s%d\r\nNats-Batch-Commit: 1\r\n" % (item.headers, batch.header, last + 1)
            reply = f"{self._inbox}.{batch.flight.number}"
            parts.append(message(item.subject, item.payload, reply=reply, headers=headers))
            line.open = None
        self._bus.write(b"".join(parts))

    def _send_again(self, line: Line) -> None:
        """Resend one by one; of each key one at a time, for the first may fail where the second does not."""
        held: list[Item] = []
        held_keys: set[str] = set()
        while line.retries and line.singles < MAX_SINGLES:
            item = line.retries.popleft()
            if item.key is not None and (item.key in self._keys or item.key in held_keys):
                held.append(item)
                held_keys.add(item.key)
            else:
                self._send_single(line, item, again=True)
        line.retries.extendleft(reversed(held))

    def _send_single(self, line: Line, item: Item, *, again: bool = False) -> None:
        flight = self._launch(line, [item], again=again)
        line.singles += 1
        line.resent += again
        self.stats.singles += 1
        reply = f"{self._inbox}.{flight.number}"
        self._bus.write(message(item.subject, item.payload, reply=reply, headers=item.headers))

    def _launch(self, line: Line, items: list[Item], *, is_batch: bool = False, again: bool = False) -> Flight:
        self._next += 1
        flight = Flight(self._next, items, is_batch, again)
        self._claim(items)
        flight.timer = asyncio.get_running_loop().call_later(ACK_TIMEOUT_S, self._on_timeout, flight.number)
        self._flights[flight.number] = (line, flight)
        return flight

    def _claim(self, items: list[Item]) -> None:
        for item in items:
            if item.key is not None:
                self._keys[item.key] = self._keys.get(item.key, 0) + 1

    def _land(self, number: int) -> tuple[Line, Flight] | None:
        landed = self._flights.pop(number, None)
        if landed is None:
            return None
        line, flight = landed
        if flight.timer is not None:
            flight.timer.cancel()
        if line.open is not None and line.open.flight is flight:
            line.open = None
        if flight.is_batch:
            line.batches -= 1
        else:
            line.singles -= 1
            line.resent -= flight.again
        for item in flight.items:
            if item.key is not None:
                self._release(item.key)
        return landed

    def _release(self, key: str) -> None:
        count = self._keys[key] - 1
        if count:
            self._keys[key] = count
        else:
            del self._keys[key]

    def _on_ack(self, msg: Msg) -> None:
        landed = self._land(int(msg.subject.rsplit(".", 1)[1]))
        if landed is None:
            return
        line, flight = landed
        ack = parse_ack(msg)
        if ack.error is None:
            self._settle(flight, ack)
        else:
            self._explain(line, flight, ack.error)
        self._schedule(line)

    def _settle(self, flight: Flight, ack: PubAck) -> None:
        first = ack.seq - len(flight.items) + 1
        self.stats.acked += len(flight.items)
        for offset, item in enumerate(flight.items):
            if not item.future.done():
                stored = Ack(id=item.ack_id, stream=ack.stream, seq=first + offset, duplicate=ack.duplicate)
                item.future.set_result(stored)

    def _explain(self, line: Line, flight: Flight, error: AckError) -> None:
        if flight.is_batch:
            self._again(line, flight.items)
            return
        item = flight.items[0]
        if error.err_code in _ERR_STORE_FULL:
            fail(item, QueueFullError(error.description))
        elif error.err_code == _ERR_TOO_LARGE:
            fail(item, MessageTooLargeError(error.description))
        else:
            _log.debug("publish refused, trying again: %s", error.description)
            self._again(line, flight.items, delay_s=RETRY_S, why=error.description)

    def _again(self, line: Line, items: list[Item], *, delay_s: float = 0.0, why: str = "") -> None:
        now = asyncio.get_running_loop().time()
        for item in reversed(items):  # to the front: later messages of the same key may wait there already
            if item.future.done():
                continue
            if now >= item.deadline:
                fail(item, BusUnavailableError(why or f"No acknowledgement for {self._give_up_s:g} s"))
                continue
            self.stats.resent += 1
            line.retries.appendleft(item)
        if delay_s:
            line.retry_at = now + delay_s
            asyncio.get_running_loop().call_later(delay_s, self._schedule, line)
        else:
            self._schedule(line)

    def _on_timeout(self, number: int) -> None:
        landed = self._land(number)
        if landed is not None:
            self._again(landed[0], landed[1].items)

    def _interrupt(self) -> None:
        for number in reversed(list(self._flights)):  # each goes before what waits already
            self._on_timeout(number)
        if not self._closed:
            asyncio.get_running_loop().call_later(self._give_up_s, self._expire)

    def _expire(self) -> None:
        """Give up on what waited through an outage for too long."""
        if self._bus.is_up:
            return
        now = asyncio.get_running_loop().time()
        for item in self._everything():
            if now >= item.deadline:
                fail(item, BusUnavailableError(f"The broker was away for {self._give_up_s:g} s"))
        for line in self._lines.values():
            line.pending = deque(item for item in line.pending if not item.future.done())
            line.retries = deque(item for item in line.retries if not item.future.done())
            line.bytes = sum(item.cost for item in line.pending)
        asyncio.get_running_loop().call_later(1.0, self._expire)

    def _resume(self) -> None:
        for line in self._lines.values():
            self._schedule(line)

    def _refuse(self, kind: str, subject: str) -> None:
        for number, (line, flight) in list(self._flights.items()):
            guilty = [item for item in flight.items if item.subject.lower() == subject]
            if kind != "publish" or not guilty:
                continue
            self._land(number)
            for item in guilty:
                fail(item, denied(kind, item.subject))
            self._again(line, [item for item in flight.items if item not in guilty])
