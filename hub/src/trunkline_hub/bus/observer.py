"""Reads a stream in batches for an index: observers follow the log, never the hot path."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, Literal

from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from trunkline.delivery import Delivery
from trunkline.protocol.errors import TrunklineError
from trunkline.protocol.frames import Reader as ReaderFrame
from trunkline.protocol.frames import RetryPolicy
from trunkline.reader import Reader
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.core.component import Component

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

    def __init__(self, bus: HubBus, streams: Streams, apply: Apply) -> None:
        super().__init__()
        self._bus = bus
        self._streams = streams
        self._apply = apply
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue(_BUFFERED)

    async def filters(self, stream: str) -> list[str] | None:  # noqa: ARG002 -- for those who read less than all
        """Return the subjects to read from now on; None means everything, from the beginning."""
        return None

    async def run(self) -> None:
        readers = [await self._read(stream) for stream in await self._streams()]
        self.started.set()
        try:
            while True:
                batch = [await self._queue.get()]
                while not self._queue.empty() and len(batch) < _MAX_BATCH:
                    batch.append(self._queue.get_nowait())
                await self._apply(batch)
                for delivery in batch:
                    delivery.ack()
        finally:
            for reader in readers:
                await reader.drain(timeout_s=_SETTLE_S)

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
        config = ConsumerConfig(
            durable_name=self.durable, deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT_S, max_ack_pending=_BUFFERED,
        )  # fmt: skip
        filters = await self.filters(stream)
        if filters is not None:
            config.filter_subjects, config.deliver_policy = filters, DeliverPolicy.NEW
        while True:
            try:
                await self._bus.js().add_consumer(stream, config)
            except (NotFoundError, TrunklineError):
                await asyncio.sleep(_SETTLE_S)
            else:
                return
