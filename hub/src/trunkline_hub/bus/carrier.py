"""Carries stored messages on: each goes to one hub, which stores it elsewhere, then acknowledges."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

import structlog
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from trunkline.delivery import Delivery
from trunkline.protocol.errors import TrunklineError, UnavailableError
from trunkline.protocol.frames import Reader as ReaderFrame
from trunkline.protocol.frames import RetryPolicy
from trunkline.reader import Reader
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.reconciler import Workspaces
from trunkline_hub.core.component import Component

_log = structlog.get_logger("carrier")
_ACK_WAIT_S = 30.0
_IN_FLIGHT = 1000
_WORKERS = 64
_LOOK_S = 5.0
_SETTLE_S = 1.0
_RETRY_S = 1.0
_FAULT_S = 30.0

Carry = Callable[[Delivery], Awaitable[None]]


class Carrier(Component):
    """Hands every message of a stream, in every workspace, to `carry`; at least once each.

    All hubs share one durable consumer, so what a dead hub held goes to another.
    """

    name: ClassVar[str] = "carrier"
    durable: ClassVar[str] = "hub_carrier"

    def __init__(self, bus: HubBus, workspaces: Workspaces) -> None:
        super().__init__()
        self._bus = bus
        self._workspaces = workspaces
        self._ailment: str | None = None

    def stream(self, workspace: str) -> str:
        """Return the stream to read."""
        raise NotImplementedError

    def subjects_of(self, workspace: str) -> str:
        """Return which of its subjects."""
        raise NotImplementedError

    async def carry(self, delivery: Delivery) -> None:
        """Store the message elsewhere; returning means that it is safe there."""
        raise NotImplementedError

    async def tidy(self, workspace: str) -> None:
        """Do what is to be done now and then."""

    async def run(self) -> None:
        readers: dict[str, Reader] = {}
        self._ailment = "waiting for the broker"
        self.started.set()
        try:
            while True:
                for workspace in await self._workspaces():
                    if workspace not in readers:
                        readers[workspace] = await self._read(workspace)
                    await self._tidy(workspace)
                self._ailment = None
                await asyncio.sleep(_LOOK_S)
        finally:
            await asyncio.gather(*(reader.drain(timeout_s=_SETTLE_S) for reader in readers.values()))

    def ailment(self) -> str | None:
        return self._ailment

    async def _read(self, workspace: str) -> Reader:
        stream = self.stream(workspace)
        config = ConsumerConfig(
            durable_name=self.durable, deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT_S, max_ack_pending=_IN_FLIGHT, filter_subject=self.subjects_of(workspace),
        )  # fmt: skip
        while True:
            try:
                await self._bus.js().add_consumer(stream, config)
                break
            except (NotFoundError, TrunklineError, TimeoutError):
                await asyncio.sleep(_SETTLE_S)
        frame = ReaderFrame(
            lane="group", name=self.durable, stream=stream, consumer=self.durable,
            retry=RetryPolicy(), ack_wait_s=_ACK_WAIT_S,
        )  # fmt: skip
        reader = Reader(self._bus.bus, frame, self._handle, concurrency=_WORKERS)
        await reader.start()
        return reader

    async def _handle(self, delivery: Delivery) -> None:
        try:
            await self.carry(delivery)
        except UnavailableError as error:
            _log.info("carried_later", carrier=self.name, error=str(error))
            delivery.nak(_RETRY_S)
        except Exception:  # noqa: BLE001 -- an edge: one message must not stop the others
            _log.exception("not_carried", carrier=self.name, subject=delivery.subject, seq=delivery.stream_seq)
            delivery.nak(_FAULT_S)
        else:
            delivery.ack()

    async def _tidy(self, workspace: str) -> None:
        try:
            await self.tidy(workspace)
        except UnavailableError as error:
            _log.info("not_tidied", carrier=self.name, error=str(error))
