"""Asking durable consumers for messages: what was asked for, and what for next.

A reader of a plain queue or group has one consumer and keeps one request
open. A queue with classes or partitions has many, and one limit for all that
a worker may hold: free room is shared out by weight among the consumers that
have something, the rest only wait for a sign.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from trunkline.connection import Bus, Listener, Receive
from trunkline.delivery import ack_consumer
from trunkline.protocol.ids import new_token
from trunkline.protocol.queueing import QueueLane
from trunkline.tasks import Tasks
from trunkline.wire import message

PULL_EXPIRES_S = 30
HEARTBEAT_S = 5
_NS = 1_000_000_000
_SILENT_S = 0.02
"""A consumer with something to give answers sooner; one that says nothing is held up by another worker."""
_EMPTY = frozenset({"404", "408"})
_NO_WAIT = b'{"batch":%d,"no_wait":true}'
_WAIT = b'{"batch":%d,"expires":%d,"idle_heartbeat":%d}'


def waiting_request(batch: int) -> bytes:
    """Return the body of a request that stays open until `batch` messages came."""
    return _WAIT % (batch, PULL_EXPIRES_S * _NS, HEARTBEAT_S * _NS)


class Pulls(Protocol):
    """What a reader has asked for."""

    @property
    def asked(self) -> int:
        """Messages asked for and not sent yet."""
        ...

    async def open(self, receive: Receive) -> None: ...

    async def close(self, *, gently: bool = False) -> None: ...

    def forget(self) -> None:
        """After a reconnect nobody will answer what was asked."""
        ...

    def took(self, reply: str) -> None:
        """A message came; `reply` is where its verdict goes."""
        ...

    def is_refused(self, subject: str, status: str, pending: str | None) -> bool:
        """Take the broker's word on a request in; whether to wait before the next one."""
        ...

    def ask(self, room: "Room") -> None:
        """Ask for what fits."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """What a reader can take: `capacity` messages, of which it holds `held`, `begun` or not."""

    capacity: int
    held: int
    unbegun: int
    is_slow: bool
    """Whether handlers are so slow that nothing is to be held in advance."""


class OnePull:
    """One consumer, one open request."""

    def __init__(self, bus: Bus, stream: str, consumer: str) -> None:
        self.asked = 0
        self._bus = bus
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = f"{bus.dial.inbox_prefix}.{new_token(6)}"
        self._listener: Listener | None = None

    async def open(self, receive: Receive) -> None:
        self._listener = await self._bus.subscribe(self._inbox, receive)

    async def close(self, *, gently: bool = False) -> None:
        if self._listener is not None:
            await self._bus.unsubscribe(self._listener, drain=gently)

    def forget(self) -> None:
        self.asked = 0

    def took(self, reply: str) -> None:  # noqa: ARG002 -- there is only one
        self.asked = max(0, self.asked - 1)

    def is_refused(self, subject: str, status: str, pending: str | None) -> bool:  # noqa: ARG002 -- as above
        self.asked = max(0, self.asked - int(pending)) if pending is not None else 0
        return status not in _EMPTY

    def ask(self, room: Room) -> None:
        want = room.capacity - room.held - self.asked
        few = want * 4 < room.capacity
        if want <= 0 or (few and (self.asked or room.unbegun)):
            return
        self.asked += want
        self._bus.write(message(self._next, waiting_request(want), reply=self._inbox))


@dataclass(eq=False, slots=True)
class _Lane:
    number: int
    next: str
    weight: int
    credit: int = 0
    asked: int = 0
    asked_at: float = 0.0
    is_empty: bool = False
    """It said so, and nothing came from it since."""
    is_waiting: bool = False
    """What is asked stays open until something comes."""


class SharedPulls:
    """Many consumers, by weight.

    Room is offered to consumers in turn, more often to those of more weight,
    with requests that are answered at once. Empty ones get a request that
    waits. Where handlers are slow, so that nothing is to be held in advance,
    waiting requests are taken back as soon as every worker is busy: what comes
    then belongs to another process.
    """

    def __init__(self, bus: Bus, stream: str, lanes: Sequence[QueueLane], again: Callable[[], None]) -> None:
        self._bus = bus
        self._again = again
        self._lanes = [
            _Lane(number, f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{lane.consumer}", lane.weight)
            for number, lane in enumerate(lanes)
        ]
        self._by_consumer = {lane.consumer: mine for lane, mine in zip(lanes, self._lanes, strict=True)}
        self._base = f"{bus.dial.inbox_prefix}.{new_token(6)}"
        self._round = 0
        self._listener: Listener | None = None
        self._receive: Receive | None = None
        self._tasks = Tasks()
        self._is_turning = False
        self._is_timed = False

    @property
    def asked(self) -> int:
        return sum(lane.asked for lane in self._lanes if lane.is_waiting)

    async def open(self, receive: Receive) -> None:
        self._receive = receive
        self._listener = await self._bus.subscribe(f"{self._base}.{self._round}.*", receive)

    async def close(self, *, gently: bool = False) -> None:
        self._is_turning = True
        if self._listener is not None:
            await self._bus.unsubscribe(self._listener, drain=gently)
        await self._tasks.close()

    def forget(self) -> None:
        for lane in self._lanes:
            lane.asked, lane.is_empty, lane.is_waiting = 0, False, False

    def took(self, reply: str) -> None:
        lane = self._by_consumer.get(ack_consumer(reply))
        if lane is not None:
            lane.asked = max(0, lane.asked - 1)
            lane.is_empty = False
            if not lane.asked:
                lane.is_waiting = False

    def is_refused(self, subject: str, status: str, pending: str | None) -> bool:  # noqa: ARG002 -- each has one request
        _base, number, index = subject.rsplit(".", 2)
        if int(number) != self._round:
            return False
        lane = self._lanes[int(index)]
        lane.asked, lane.is_waiting, lane.is_empty = 0, False, True
        return status not in _EMPTY

    def ask(self, room: Room) -> None:
        free = room.capacity - room.held
        if free <= 0 and room.is_slow:
            self._take_back()
        if self._is_turning or free <= 0 or (free * 4 < room.capacity and not room.is_slow):
            return
        now = time.monotonic()
        free -= self._on_the_way(now)
        if free <= 0:
            return
        able = [lane for lane in self._lanes if not lane.is_waiting and not lane.is_empty]
        if able:
            self._share_out(free, able, now)
        if not room.is_slow:
            self._wait(max(1, free // len(self._lanes)), now)
        elif not able and self._is_quiet():
            self._wait(1, now)

    def _on_the_way(self, now: float) -> int:
        """Count what was asked for just now; a consumer that stays silent has nothing for us."""
        count = 0
        for lane in self._lanes:
            if lane.asked and not lane.is_waiting:
                if now - lane.asked_at < _SILENT_S:
                    count += lane.asked
                else:
                    lane.is_waiting = True
        return count

    def _is_quiet(self) -> bool:
        return all(lane.is_waiting or lane.is_empty for lane in self._lanes)

    def _share_out(self, free: int, able: list[_Lane], now: float) -> None:
        """Ask for `free` messages, by weight; what does not divide goes round in turn."""
        total = sum(lane.weight for lane in able)
        shares = {lane.number: free * lane.weight // total for lane in able}
        for _ in range(free - sum(shares.values())):
            for lane in able:
                lane.credit += lane.weight
            lucky = max(able, key=lambda lane: lane.credit)
            lucky.credit -= total
            shares[lucky.number] += 1
        for lane in able:
            if shares[lane.number]:
                self._send(lane, _NO_WAIT % shares[lane.number], shares[lane.number], now)
        if not self._is_timed:
            self._is_timed = True
            asyncio.get_running_loop().call_later(_SILENT_S * 1.5, self._on_time)

    def _wait(self, batch: int, now: float) -> None:
        for lane in self._lanes:
            if lane.is_empty and not lane.asked:
                lane.is_waiting = True
                self._send(lane, waiting_request(batch), batch, now)

    def _send(self, lane: _Lane, body: bytes, count: int, now: float) -> None:
        lane.asked += count
        lane.asked_at = now
        self._bus.write(message(lane.next, body, reply=f"{self._base}.{self._round}.{lane.number}"))

    def _on_time(self) -> None:
        """Look again when those that stay silent had their time."""
        self._is_timed = False
        self._again()

    def _take_back(self) -> None:
        """End every open request: the broker drops those whose inbox nobody listens on."""
        if any(lane.asked for lane in self._lanes) and self._listener is not None:
            self._is_turning = True
            self._tasks.spawn(self._turn(self._listener), name="take-back")
        else:
            self.forget()

    async def _turn(self, old: Listener) -> None:
        self._round += 1
        self.forget()
        assert self._receive is not None
        self._listener = await self._bus.subscribe(f"{self._base}.{self._round}.*", self._receive)
        self._is_turning = False
        self._again()
        await self._bus.unsubscribe(old, drain=True)
