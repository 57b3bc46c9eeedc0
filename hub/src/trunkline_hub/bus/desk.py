"""What a worker inside the hub reads and writes through: the SDK's own reader and processor, on the hub's connection."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import cast

from trunkline.client import Client
from trunkline.connection import Bus
from trunkline.context import Context
from trunkline.delivery import Delivery
from trunkline.payloads import Codec, Nothing
from trunkline.processing import Identity, Processor
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, subjects
from trunkline.protocol.frames import Ack, RetryPolicy
from trunkline.reader import Reader
from trunkline.receipts import Receipts
from trunkline_hub.bus.connection import HubBus

_ACK_WAIT_S = 30.0

Work = Callable[[Delivery, Context], Awaitable[None]]
"""What is done with one message: as it was delivered, and its context. Its payload is carried on, not looked into."""


class _Trusting:
    """Lets every event pass: the hub's own workers ask the catalogue itself, which may have to be read."""

    def check_received(self, message: ce.Envelope) -> None: ...


TRUSTING = _Trusting()


class Desk:
    """What the processor needs of a client, as the hub itself."""

    def __init__(self, bus: HubBus, workspace: str) -> None:
        self.workspace = workspace
        self.principal = subjects.HUB
        self._bus = bus

        self.rules = TRUSTING

    @property
    def bus(self) -> Bus:
        return self._bus.bus

    async def payload(self, message: ce.Envelope, codec: Codec, *, patience_s: float) -> None:
        """Leave a payload that travels by reference where it is."""

    def store(
        self, stream: str, subject: str, payload: bytes, *, msg_id: str, headers: bytes = b"", key: str | None = None
    ) -> "asyncio.Future[Ack]":
        """Store ready bytes and wait for the broker's acknowledgement."""
        return self._bus.publisher.publish(stream, subject, payload, msg_id=msg_id, headers=headers, key=key)


class Worker:
    """Does `work` for what one reader brings, with retries, dead letters and receipts as in an agent."""

    def __init__(
        self, bus: HubBus, workspace: str, frame: frames.Reader, work: Work, *, concurrency: int, identity: Identity
    ) -> None:
        self._work = work
        self._current: ContextVar[Delivery] = ContextVar("delivery")
        client = cast("Client", Desk(bus, workspace))  # all that is asked of it there
        self._receipts = Receipts(client, identity.agent, identity.instance, identity.version)
        book = self._receipts.book(frame.lane, frame.name)
        self._processor = Processor(client, frame, Codec(Nothing), self._run, identity, book=book)
        self._reader = Reader(bus.bus, frame, self._handle, concurrency=concurrency)

    async def start(self) -> None:
        """Begin to read."""
        await self._reader.start()
        self._receipts.start()

    async def drain(self, *, timeout_s: float) -> None:
        """Finish what was begun within `timeout_s`, give back the rest."""
        await self._reader.drain(timeout_s=timeout_s)
        await self._receipts.close()

    async def _handle(self, delivery: Delivery) -> None:
        self._current.set(delivery)
        await self._processor.handle(delivery)

    async def _run(self, _payload: None, context: Context) -> None:
        await self._work(self._current.get(), context)


def group_frame(workspace: str, group: str, retry: RetryPolicy) -> frames.Reader:
    """Return how the cursor of a group of the hub's own is read."""
    return frames.Reader(
        lane="group", name=group, stream=subjects.events_stream(workspace), consumer=subjects.consumer("group", group),
        retry=retry, ack_wait_s=_ACK_WAIT_S,
    )  # fmt: skip
