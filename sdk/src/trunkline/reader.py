"""Pulls a durable consumer and hands its messages to workers.

Asks only for what its workers can take, asks again at once after a reconnect
or a missed heartbeat, keeps the lease of everything it holds, and on drain
gives back what nobody has begun.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg

from trunkline.blackbox import BLAMED_AFTER, BlackBox
from trunkline.connection import Bus, Listener
from trunkline.delivery import Delivery, ack_numbers
from trunkline.protocol.frames import Reader as ReaderFrame
from trunkline.protocol.ids import new_token
from trunkline.tasks import Tasks
from trunkline.wire import message

_log = logging.getLogger("trunkline.reader")

MAX_PREFETCH = 1000
PREFETCH_S = 0.1
"""Hold about this many seconds' worth of work beside what is being done."""
PULL_EXPIRES_S = 30
HEARTBEAT_S = 5
RETRY_S = 0.25
RETRY_MAX_S = 2.0

Handle = Callable[[Delivery], Awaitable[None]]


class Reader:
    """`concurrency` workers on one durable consumer."""

    def __init__(
        self, bus: Bus, frame: ReaderFrame, handle: Handle, *, concurrency: int, box: BlackBox | None = None
    ) -> None:
        self.frame = frame
        self.handled = 0
        self._bus = bus
        self._handle = handle
        self._concurrency = concurrency
        self._next_subject = f"$JS.API.CONSUMER.MSG.NEXT.{frame.stream}.{frame.consumer}"
        self._inbox = f"{bus.dial.inbox_prefix}.{new_token(6)}"
        self._box = box
        self._mark = f"{frame.stream} {frame.consumer} ".encode()
        self._buffer: deque[Delivery] = deque()
        self._suspects: list[tuple[int, float, Delivery]] = []
        """What may end this process: the least suspect first, the rest in any order but their own."""
        self._on_trial = False
        self._held: set[Delivery] = set()
        self._asked = 0
        self._work = asyncio.Event()
        self._tasks = Tasks()
        self._listener: Listener | None = None
        self._last_sign = 0.0
        self._draining = False
        self._mean_s = 0.01
        self._retry_s = RETRY_S

    @property
    def in_flight(self) -> int:
        """Messages held here, begun or not."""
        return len(self._held)

    async def start(self) -> None:
        """Begin to pull."""
        self._listener = await self._bus.subscribe(self._inbox, self._receive)
        self._bus.on_up.append(self._ask_anew)
        for number in range(self._concurrency):
            self._tasks.spawn(self._worker(), name=f"{self.frame.consumer}-{number}")
        self._tasks.spawn(self._keep(), name=f"{self.frame.consumer}-leases")
        self._ask_anew()

    async def drain(self, *, timeout_s: float) -> None:
        """Stop pulling, finish what was begun within `timeout_s`, give back the rest."""
        self._draining = True
        if self._ask_anew in self._bus.on_up:
            self._bus.on_up.remove(self._ask_anew)
        if self._listener is not None:
            await self._bus.unsubscribe(self._listener)
        for delivery in (*self._buffer, *(suspect for _alone, _dice, suspect in self._suspects)):
            self._held.discard(delivery)
            delivery.nak()
        self._buffer.clear()
        self._suspects.clear()
        deadline = time.monotonic() + timeout_s
        while self._held and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        await self._tasks.close()
        for delivery in self._held:
            delivery.nak()

    def _ask_anew(self) -> None:
        """Forget what was asked for: after a reconnect nobody will answer it."""
        self._asked = 0
        self._last_sign = time.monotonic()
        self._ask()

    def _ask(self) -> None:
        if self._draining or not self._bus.is_up or self._suspects or self._on_trial:
            return
        capacity = self._capacity()
        want = capacity - len(self._held) - self._asked
        few = want * 4 < capacity
        if want <= 0 or (few and (self._asked or self._buffer)):
            return
        self._asked += want
        body = b'{"batch":%d,"expires":%d,"idle_heartbeat":%d}' % (
            want,
            PULL_EXPIRES_S * 1_000_000_000,
            HEARTBEAT_S * 1_000_000_000,
        )
        self._bus.write(message(self._next_subject, body, reply=self._inbox))

    def _capacity(self) -> int:
        ahead = int(PREFETCH_S / self._mean_s) * self._concurrency if self._mean_s > 0 else MAX_PREFETCH
        return self._concurrency + min(ahead, MAX_PREFETCH)

    async def _receive(self, msg: Msg) -> None:
        self._last_sign = now = time.monotonic()
        headers = msg.headers or {}
        if "Status" in headers and not msg.reply.startswith("$JS.ACK"):
            self._on_status(headers)
            return
        self._asked = max(0, self._asked - 1)
        self._retry_s = RETRY_S
        deliveries, seq = ack_numbers(msg.reply)
        delivery = Delivery(self._bus, msg.subject, msg.reply, msg.data, headers, seq, deliveries, now)
        if self._draining:
            delivery.nak()
            return
        self._held.add(delivery)
        if deliveries == 1 or self._box is None or not self._suspect(delivery, self._box):
            self._buffer.append(delivery)
        self._work.set()

    def _suspect(self, delivery: Delivery, box: BlackBox) -> bool:
        """Whether the message had been begun by a process that died; then it waits until all else is done."""
        against = box.suspicion(self._mark + b"%d" % delivery.stream_seq)
        if against is None:
            return False
        delivery.blamed = against.alone >= BLAMED_AFTER
        self._suspects.append((against.alone, random.random(), delivery))
        self._suspects.sort(key=lambda entry: entry[:2])
        return True

    def _on_status(self, headers: dict[str, str]) -> None:
        status = headers["Status"]
        if status == "100":
            return
        pending = headers.get("Nats-Pending-Messages")
        self._asked = max(0, self._asked - int(pending)) if pending is not None else 0
        if status in {"404", "408"}:
            self._ask()
            return
        _log.debug("%s: pull answered %s %s", self.frame.consumer, status, headers.get("Description", ""))
        asyncio.get_running_loop().call_later(self._retry_s, self._ask)
        self._retry_s = min(self._retry_s * 2, RETRY_MAX_S)

    async def _worker(self) -> None:
        buffer, held = self._buffer, self._held
        while True:
            while buffer or (self._suspects and not self._on_trial):
                started = time.perf_counter()
                if buffer:
                    delivery = buffer.popleft()
                    await self._begin(delivery)
                else:
                    delivery = self._suspects.pop(0)[2]
                    await self._try(delivery)
                held.discard(delivery)
                self.handled += 1
                self._mean_s += (time.perf_counter() - started - self._mean_s) * 0.05
                self._ask()
            self._work.clear()
            await self._work.wait()

    async def _begin(self, delivery: Delivery) -> None:
        if self._box is None:
            await self._handle(delivery)
        else:
            await self._box.run(self._mark + b"%d" % delivery.stream_seq, delivery, self._handle)

    async def _try(self, delivery: Delivery) -> None:
        """Run a suspect; one at a time, and alone."""
        assert self._box is not None
        mark = self._mark + b"%d" % delivery.stream_seq
        self._on_trial = True
        try:
            await self._box.run_alone(mark, delivery, self._handle)
        finally:
            self._on_trial = False
            self._work.set()
        if delivery.settled:
            self._box.absolve(mark)

    async def _keep(self) -> None:
        """Extend leases at a third of the deadline; ask again when the broker falls silent."""
        third = self.frame.ack_wait_s / 3
        while True:
            await asyncio.sleep(min(third, HEARTBEAT_S) / 2)
            now = time.monotonic()
            for delivery in self._held:
                if now - delivery.extended_at >= third:
                    delivery.extend(now)
            if self._asked and now - self._last_sign > HEARTBEAT_S * 2.5:
                _log.warning("%s: no sign from the broker, asking again", self.frame.consumer)
                self._ask_anew()
            elif not self._asked:
                self._ask()
