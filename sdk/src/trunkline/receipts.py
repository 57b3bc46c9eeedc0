"""Collects a receipt for each message settled here and publishes them in batches, off the hot path.

Best effort: a worker that dies loses the last fraction of a second, and above
`RATE` a second the successes beyond are only counted. Failures always leave a
receipt; their attempt records, stored before the message is given back, are
what retry and dead-lettering rely on.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from zlib import crc32

import msgspec
from nats.aio.msg import Msg

from trunkline.client import Client
from trunkline.delivery import Delivery, stored_us
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, modes, subjects
from trunkline.protocol.errors import MessageError, PermissionDeniedError, TrunklineError
from trunkline.protocol.receipts import HANDLED, Receipt, ReceiptBatch
from trunkline.protocol.trace import trace_id
from trunkline.tasks import Tasks

_log = logging.getLogger("trunkline.receipts")

EVERY_S = 0.2
RATE = 5_000
"""Successes a second that one reader records at most: what more would cost, the handlers would feel."""
MAX_BATCH = 500
_KEPT = 10_000
"""Receipts that wait for a broker that is away; beyond them they are only counted."""
_PER_TURN = round(RATE * EVERY_S)
_SHARES = 2**32


class Receipts:
    """The receipts of one agent's instance."""

    def __init__(self, client: Client, agent: str, instance: str, version: str, *, share: float = 1.0) -> None:
        self._client = client
        self._agent = agent
        self._instance = instance
        self._version = version
        self._share = share
        self._books: list[Book] = []
        self._tasks = Tasks()
        self._off = share <= 0

    def book(self, lane: str, reader: str) -> "Book | None":
        """Return where the settled messages of one reader are noted; None when receipts are off."""
        if self._off:
            return None
        book = Book(lane, reader, self._share)
        self._books.append(book)
        return book

    def start(self) -> None:
        """Begin to publish now and then."""
        if not self._off:
            self._tasks.spawn(self._publish_forever(), name="receipts")

    async def close(self) -> None:
        """Publish what was noted since; gives up soon where the broker is away."""
        await self._tasks.close()
        if self._off or not self._client.bus.is_up:
            return
        try:
            async with asyncio.timeout(1):
                await self._publish()
        except TimeoutError:
            _log.debug("the last receipts were not stored in time")

    async def _publish_forever(self) -> None:
        while not self._off:
            await asyncio.sleep(EVERY_S)
            if self._client.bus.is_up:
                await self._publish()

    async def _publish(self) -> None:
        sending = [
            self._send(book, batch)
            for book in self._books
            for batch in book.take(self._agent, self._instance, self._version)
        ]
        await asyncio.gather(*sending)

    async def _send(self, book: "Book", batch: ReceiptBatch) -> None:
        client = self._client
        subject = subjects.receipts(client.workspace, client.principal, book.lane, book.reader)
        raw = msgspec.json.encode(batch)
        stream = subjects.receipts_stream(client.workspace)
        number = book.next_number()
        try:
            await client.store(
                stream, subject, raw, msg_id=f"{batch.agent}:{batch.instance}:{book.lane}:{book.reader}:{number}"
            )
        except PermissionDeniedError:
            _log.info("receipts are off: this hub does not take them")
            self._off = True
        except TrunklineError as error:
            _log.debug("%d receipts were not stored: %s", len(batch.receipts), error)


class Book:
    """What one reader's messages came to, until it is published."""

    def __init__(self, lane: str, reader: str, share: float) -> None:
        self.lane = lane
        self.reader = reader
        self._is_group = lane == "group"
        self._below = _SHARES if share >= 1 else int(share * _SHARES)
        self._noted: list[Receipt] = []
        self._room = _PER_TURN
        self._skipped = 0
        self._number = 0

    def settled(
        self, delivery: Delivery, message: ce.Envelope | None, began: float, outcome: str, *, attempt: int
    ) -> None:
        """Note how a delivery ended. `began` is of `time.perf_counter`; `message` None where it did not decode."""
        if outcome == HANDLED:
            if self._room <= 0 or (self._below < _SHARES and not self._is_chosen(message)):
                self._skipped += 1
                return
            self._room -= 1
        if len(self._noted) >= _KEPT:
            self._skipped += 1
            return
        message = message or _decoded(delivery.payload, delivery.headers)
        receipt = _receipt(message, began, outcome, delivery.payload)
        receipt.seq, receipt.attempt, receipt.stored_us = delivery.stream_seq, attempt, stored_us(delivery.reply)
        if message is None:
            receipt.id = delivery.headers.get(frames.HEADER_MSG_ID, f"seq-{delivery.stream_seq}")
        _tell_sender(receipt, message, delivery.subject)
        if not self._is_group:
            _describe(receipt, message)
        receipt.redrive_of = delivery.headers.get(frames.HEADER_REDRIVE_OF)
        receipt.replay = delivery.headers.get(frames.HEADER_REPLAY)
        self._noted.append(receipt)

    def called(self, msg: Msg, began: float, outcome: str) -> None:
        """Note how a call ended."""
        if self._room <= 0 or len(self._noted) >= _KEPT:
            self._skipped += 1
            return
        message = _decoded(msg.data, msg.headers)
        if message is None or not self._is_chosen(message):
            self._skipped += 1
            return
        self._room -= 1
        receipt = _receipt(message, began, outcome, msg.data)
        _tell_sender(receipt, message, msg.subject)
        _describe(receipt, message)
        self._noted.append(receipt)

    def take(self, agent: str, instance: str, version: str) -> list[ReceiptBatch]:
        """Return what was noted, in batches, and make room for more."""
        noted, skipped = self._noted, self._skipped
        self._noted, self._skipped, self._room = [], 0, _PER_TURN
        if not noted and not skipped:
            return []
        parts = [noted[at : at + MAX_BATCH] for at in range(0, len(noted), MAX_BATCH)] or [[]]
        batches = [ReceiptBatch(agent=agent, instance=instance, version=version, receipts=part) for part in parts]
        batches[0].skipped = skipped
        return batches

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def _is_chosen(self, message: ce.Envelope | None) -> bool:
        """Choose whole transactions rather than single messages, so that a trace is there or is not."""
        if self._below >= _SHARES or message is None:
            return True
        return crc32((message.correlationid or message.id).encode()) < self._below


def _receipt(message: ce.Envelope | None, began: float, outcome: str, payload: bytes) -> Receipt:
    took_us = int((time.perf_counter() - began) * 1e6)
    receipt = Receipt(
        id="", started_us=time.time_ns() // 1000 - took_us, duration_us=took_us, outcome=outcome,
        size_bytes=len(payload),
    )  # fmt: skip
    if message is not None:
        receipt.id, receipt.type = message.id, message.type
        receipt.correlation, receipt.causation = message.correlationid, message.causationid
        receipt.trace_id = trace_id(message.traceparent)
    return receipt


def _tell_sender(receipt: Receipt, message: ce.Envelope | None, subject: str) -> None:
    """Add who sent it: the map of who works with whom is drawn from receipts alone."""
    receipt.sender = _sender(subject)
    if message is not None:
        receipt.source = message.source


def _describe(receipt: Receipt, message: ce.Envelope | None) -> None:
    """Add what an event's log would tell: work and calls lie in none that could be read afterwards."""
    if message is not None:
        receipt.subject, receipt.sent_at = message.subject, message.time


def _decoded(payload: bytes, headers: Mapping[str, str] | None) -> ce.Envelope | None:
    try:
        return modes.read(payload, headers)
    except MessageError:
        return None


@lru_cache(maxsize=1024)
def _sender(subject: str) -> str:
    try:
        return subjects.sender_of(subject)
    except (KeyError, IndexError, UnicodeDecodeError):
        return ""
