"""Reads a stream in batches for an index: observers follow the log, never the hot path."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import ClassVar, Literal

import nats.errors
import structlog
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from trunkline.delivery import Delivery
from trunkline.protocol.errors import TrunklineError
from trunkline.protocol.frames import Reader as ReaderFrame
from trunkline.protocol.frames import RetryPolicy
from trunkline.reader import Reader
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.core.component import Component

_log = structlog.get_logger("observer")
_ACK_WAIT_S = 30.0
_MAX_BATCH = 200
_BUFFERED = 1000
_SETTLE_S = 0.5

Apply = Callable[[list[Delivery]], Awaitable[None]]
Streams = Callable[[], Awaitable[list[str]]]


class Observer(Component):
    """Feeds one function with everything in some streams, in batches, at least once each.

    Messages are acknowledged after `apply` returned, so it must be idempotent.
    """

    name: ClassVar[str] = "observer"
    scope: ClassVar[Literal["each", "one"]] = "one"
    durable: ClassVar[str] = "observer"
    deliver: ClassVar[Literal["all", "new"]] = "all"
    """Where it begins in a stream that it never read."""

    def __init__(self, bus: HubBus, streams: Streams, apply: Apply) -> None:
        super().__init__()
        self._bus = bus
        self._streams = streams
        self._apply = apply
        self._queue: asyncio.Queue[Delivery | None] = asyncio.Queue(_BUFFERED)

    async def filters(self, stream: str) -> list[str]:  # noqa: ARG002 -- for those that look at a part of a stream
        """Return the subjects to read of a stream; all of them when empty."""
        return []

    async def streams_changed(self) -> None:
        """Ask again which streams there are to read."""
        await self._queue.put(None)

    async def run(self) -> None:
        readers: dict[str, Reader] = {}
        try:
            while True:
                await self._follow(readers)
                self.started.set()
                while (batch := await self._batch()) is not None:
                    await self._apply(batch)
                    for delivery in batch:
                        delivery.ack()
        finally:
            for reader in readers.values():
                await reader.drain(timeout_s=_SETTLE_S)

    async def _batch(self) -> list[Delivery] | None:
        """Return what has arrived, or None when the streams to read have changed."""
        first = await self._queue.get()
        if first is None:
            return None
        batch = [first]
        while not self._queue.empty() and len(batch) < _MAX_BATCH:
            upcoming = self._queue.get_nowait()
            if upcoming is None:
                self._queue.put_nowait(None)
                break
            batch.append(upcoming)
        return batch

    async def _follow(self, readers: dict[str, Reader]) -> None:
        wanted = await self._streams()
        for stream in set(readers) - set(wanted):
            await readers.pop(stream).drain(timeout_s=_SETTLE_S)
        for stream in wanted:
            if stream not in readers:
                readers[stream] = await self._read(stream)

    async def _read(self, stream: str) -> Reader:
        await self._ensure(stream)
        frame = ReaderFrame(
            lane="group", name=self.durable, stream=stream, consumer=self.durable,
            retry=RetryPolicy(), ack_wait_s=_ACK_WAIT_S,
        )  # fmt: skip
        reader = Reader(self._bus.bus, frame, self._queue.put, concurrency=1)
        await reader.start()
        return reader

    async def _ensure(self, stream: str) -> None:
        while True:
            try:
                await self.ensure(stream)
            except (nats.errors.Error, TimeoutError, TrunklineError):  # no stream yet, no leader, no broker
                await asyncio.sleep(_SETTLE_S)
            else:
                return

    async def ensure(self, stream: str) -> None:
        """Make the cursor on a stream if it is not there; any hub may."""
        config = ConsumerConfig(
            durable_name=self.durable, ack_policy=AckPolicy.EXPLICIT, ack_wait=_ACK_WAIT_S, max_ack_pending=_BUFFERED,
            deliver_policy=DeliverPolicy.ALL if self.deliver == "all" else DeliverPolicy.NEW,
            filter_subjects=await self.filters(stream) or None,
        )  # fmt: skip
        await self._bus.js().add_consumer(stream, config)

    async def forget(self, stream: str) -> None:
        """Take the cursor on a stream away: what comes from now on is not kept for this observer."""
        with contextlib.suppress(NotFoundError):
            await self._bus.js().delete_consumer(stream, self.durable)
            _log.info("observer_left", observer=self.durable, stream=stream)
