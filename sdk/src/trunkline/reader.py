"""Pulls durable consumers and hands their messages to workers.

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
from trunkline.connection import Bus
from trunkline.delivery import Delivery, ack_numbers
from trunkline.leases import LeaseGuard
from trunkline.protocol.errors import BusUnavailableError, ClientClosedError
from trunkline.protocol.frames import Reader as ReaderFrame
from trunkline.pulling import HEARTBEAT_S, OnePull, Pulls, Room, SharedPulls
from trunkline.tasks import Tasks

_log = logging.getLogger("trunkline.reader")

MAX_PREFETCH = 1000
PREFETCH_S = 0.1
"""Hold about this many seconds' worth of work beside what is being done."""
FIRST_GUESS_S = 0.2
"""Handlers are taken to be slow until they are known: what one process holds, no other can do."""
CONFIRM_S = 1.0
"""The verdict on work that took longer is sent until the broker has it: it would be a pity to do it twice."""
CONFIRM_TIMEOUT_S = 2.0
CONFIRM_LONGEST_S = 300.0
RETRY_S = 0.25
RETRY_MAX_S = 2.0
_LAST_WORDS = (b"+ACK", b"+TERM")

Handle = Callable[[Delivery], Awaitable[None]]


class Reader:
    """`concurrency` workers on the consumers of one queue or group."""

    def __init__(
        self,
        bus: Bus,
        frame: ReaderFrame,
        handle: Handle,
        *,
        concurrency: int,
        box: BlackBox | None = None,
        guard: LeaseGuard | None = None,
    ) -> None:
        self.frame = frame
        self.handled = 0
        self.on_gone: Callable[[], None] = lambda: None
        """Called when the broker says that a consumer is not there (any more)."""
        self._bus = bus
        self._handle = handle
        self._concurrency = concurrency
        self._box = box
        self._guard = guard
        self._buffer: deque[Delivery] = deque()
        self._suspects: list[tuple[int, float, Delivery]] = []
        """What may end this process: the least suspect first, the rest in any order but their own."""
        self._on_trial = False
        self._held: dict[int, Delivery] = {}
        self._pulls: Pulls = self._make_pulls(frame)
        self._work = asyncio.Event()
        self._tasks = Tasks()
        self._last_sign = 0.0
        self._draining = False
        self._mean_s = FIRST_GUESS_S
        self._retry_s = RETRY_S

    @property
    def in_flight(self) -> int:
        """Messages held here, begun or not."""
        return len(self._held)

    async def start(self) -> None:
        """Begin to pull."""
        await self._pulls.open(self._receive)
        self._bus.on_up.append(self._on_up)
        if self._guard is not None:
            self._guard.watch(self._held, self.frame.ack_wait_s)
        for number in range(self._concurrency):
            self._tasks.spawn(self._worker(), name=f"{self.frame.consumer}-{number}")
        self._tasks.spawn(self._keep(), name=f"{self.frame.consumer}-leases")
        self._ask_anew()

    async def refit(self, frame: ReaderFrame) -> None:
        """Go on under new settings; what is at work is not disturbed."""
        old, self.frame = self._pulls, frame
        self._pulls = self._make_pulls(frame)
        await self._pulls.open(self._receive)
        if self._guard is not None:
            self._guard.watch(self._held, frame.ack_wait_s)
        self._ask_anew()
        await old.close(gently=True)

    async def drain(self, *, timeout_s: float) -> None:
        """Stop pulling, finish what was begun within `timeout_s`, give back the rest."""
        self._draining = True
        if self._on_up in self._bus.on_up:
            self._bus.on_up.remove(self._on_up)
        await self._pulls.close()
        for delivery in (*self._buffer, *(suspect for _alone, _dice, suspect in self._suspects)):
            self._drop(delivery).nak()
        self._buffer.clear()
        self._suspects.clear()
        deadline = time.monotonic() + timeout_s
        while self._held and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        await self._tasks.close()
        for delivery in self._held.values():
            delivery.nak()

    def _make_pulls(self, frame: ReaderFrame) -> Pulls:
        if frame.lanes:
            return SharedPulls(self._bus, frame.stream, frame.lanes, self._ask)
        return OnePull(self._bus, frame.stream, frame.consumer)

    def _on_up(self) -> None:
        """After an outage leases may be about to end, and nobody will answer what was asked."""
        now = time.monotonic()
        for delivery in self._held.values():
            delivery.extend(now)
        self._ask_anew()

    def _ask_anew(self) -> None:
        self._pulls.forget()
        self._last_sign = time.monotonic()
        self._ask()

    def _ask(self) -> None:
        if self._draining or not self._bus.is_up or self._suspects or self._on_trial:
            return
        ahead = int(PREFETCH_S / self._mean_s) * self._concurrency if self._mean_s > 0 else MAX_PREFETCH
        capacity = self._concurrency + min(ahead, MAX_PREFETCH)
        self._pulls.ask(Room(capacity, len(self._held), len(self._buffer), not ahead))

    async def _receive(self, msg: Msg) -> None:
        self._last_sign = now = time.monotonic()
        headers = msg.headers or {}
        if "Status" in headers and not msg.reply.startswith("$JS.ACK"):
            self._on_status(msg.subject, headers)
            return
        self._retry_s = RETRY_S
        self._pulls.took(msg.reply)
        deliveries, seq = ack_numbers(msg.reply)
        delivery = Delivery(self._bus, msg.subject, msg.reply, msg.data, headers, seq, deliveries, now)
        if self._draining:
            delivery.nak()
            return
        if self._is_at_hand(delivery, now):
            return
        self._held[seq] = delivery
        if deliveries == 1 or self._box is None or not self._suspect(delivery, self._box):
            self._buffer.append(delivery)
        self._work.set()
        if self._pulls.asked and self._mean_s > PREFETCH_S and len(self._held) >= self._concurrency:
            self._ask()  # that is, take back what is still asked for: it belongs to those who are free

    def _suspect(self, delivery: Delivery, box: BlackBox) -> bool:
        """Whether the message had been begun by a process that died; then it waits until all else is done."""
        against = box.suspicion(self._mark(delivery))
        if against is None:
            return False
        delivery.blamed = against.alone >= BLAMED_AFTER
        self._suspects.append((against.alone, random.random(), delivery))
        self._suspects.sort(key=lambda entry: entry[:2])
        return True

    def _mark(self, delivery: Delivery) -> bytes:
        """Return what tells a message from all others; a queue's stream gives each to one consumer alone."""
        frame = self.frame
        reader = "" if frame.lane == "queue" else f"{frame.consumer} "
        return f"{frame.stream} {reader}{delivery.stream_seq}".encode()

    def _is_at_hand(self, delivery: Delivery, now: float) -> bool:
        """Whether its lease had ended and yet it is at work right here, or done and the broker does not know yet."""
        known = self._held.get(delivery.stream_seq)
        if known is None:
            return False
        if not known.settled:
            delivery.extend(now)
            return True
        is_done = known.verdict.startswith(_LAST_WORDS)
        if is_done:
            delivery.settle(known.verdict)
        return is_done

    def _on_status(self, subject: str, headers: dict[str, str]) -> None:
        status = headers["Status"]
        if status == "100":
            return
        if not self._pulls.is_refused(subject, status, headers.get("Nats-Pending-Messages")):
            self._ask()
            return
        _log.debug("%s: pull answered %s %s", self.frame.consumer, status, headers.get("Description", ""))
        if status == "503" or "Deleted" in headers.get("Description", ""):
            self.on_gone()
        asyncio.get_running_loop().call_later(self._retry_s, self._ask)
        self._retry_s = min(self._retry_s * 2, RETRY_MAX_S)

    async def _worker(self) -> None:
        buffer = self._buffer
        while True:
            while buffer or (self._suspects and not self._on_trial):
                started = time.perf_counter()
                if buffer:
                    delivery = buffer.popleft()
                    await self._begin(delivery)
                else:
                    delivery = self._suspects.pop(0)[2]
                    await self._try(delivery)
                took_s = time.perf_counter() - started
                if took_s > CONFIRM_S:
                    await self._confirm(delivery)
                self._drop(delivery)
                self.handled += 1
                self._mean_s += (took_s - self._mean_s) * 0.05
                self._ask()
            self._work.clear()
            await self._work.wait()

    async def _begin(self, delivery: Delivery) -> None:
        if self._box is None:
            await self._handle(delivery)
        else:
            await self._box.run(self._mark(delivery), delivery, self._handle)

    async def _try(self, delivery: Delivery) -> None:
        """Run a suspect; one at a time, and alone."""
        assert self._box is not None
        mark = self._mark(delivery)
        self._on_trial = True
        try:
            await self._box.run_alone(mark, delivery, self._handle)
        finally:
            self._on_trial = False
            self._work.set()
        if delivery.settled:
            self._box.absolve(mark)

    def _drop(self, delivery: Delivery) -> Delivery:
        if self._held.get(delivery.stream_seq) is delivery:
            del self._held[delivery.stream_seq]
        return delivery

    async def _confirm(self, delivery: Delivery) -> None:
        """Repeat a last verdict until the broker says that it has it; it may be away for a while.

        Not that a message is given back: said twice, that could take it from its next worker.
        """
        deadline = time.monotonic() + CONFIRM_LONGEST_S
        while delivery.verdict.startswith(_LAST_WORDS) and time.monotonic() < deadline:
            try:
                await self._bus.request(delivery.reply, delivery.verdict, timeout_s=CONFIRM_TIMEOUT_S)
            except (BusUnavailableError, ClientClosedError):
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _keep(self) -> None:
        """Extend leases long before they end; ask again when the broker falls silent."""
        while True:
            sixth = self.frame.ack_wait_s / 6
            await asyncio.sleep(min(sixth, HEARTBEAT_S) / 2)
            if self._guard is not None:
                self._guard.seen()
            now = time.monotonic()
            for delivery in self._held.values():
                if now - delivery.extended_at >= sixth:
                    delivery.extend(now)
            if self._pulls.asked and now - self._last_sign > HEARTBEAT_S * 2.5:
                _log.warning("%s: no sign from the broker, asking again", self.frame.consumer)
                self._ask_anew()
            else:
                self._ask()
