"""What a worker inside the hub reads and writes through: the SDK's own reader and processor, on the hub's connection."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import cast

from trunkline.client import Client
from trunkline.connection import Bus
from trunkline.context import Context
from trunkline.delivery import Delivery
from trunkline.payloads import Codec
from trunkline.processing import Identity, Processor
from trunkline.protocol import frames, subjects
from trunkline.protocol.frames import Ack, RetryPolicy
from trunkline.reader import Reader
from trunkline_hub.bus.connection import HubBus

_ACK_WAIT_S = 30.0

Work = Callable[[Delivery, bytes, Context], Awaitable[None]]
"""What is done with one event: as it was delivered, its payload, its context."""


class Desk:
    """What the processor needs of a client, as the hub itself."""

    def __init__(self, bus: HubBus, workspace: str) -> None:
        self.workspace = workspace
        self.principal = subjects.HUB
        self._bus = bus

    @property
    def bus(self) -> Bus:
        return self._bus.bus

    def store(
        self, stream: str, subject: str, payload: bytes, *, msg_id: str, headers: bytes = b"", key: str | None = None
    ) -> "asyncio.Future[Ack]":
        """Store ready bytes and wait for the broker's acknowledgement."""
        return self._bus.publisher.publish(stream, subject, payload, msg_id=msg_id, headers=headers, key=key)


def group_worker(
    bus: HubBus, workspace: str, group: str, work: Work, *, retry: RetryPolicy, concurrency: int, identity: Identity
) -> Reader:
    """Return a reader of a group's cursor that does `work` for each event, with retries and dead letters as in an agent."""
    current: ContextVar[Delivery] = ContextVar("delivery")

    async def run(payload: bytes, context: Context) -> None:
        await work(current.get(), payload, context)

    async def handle(delivery: Delivery) -> None:
        current.set(delivery)
        await processor.handle(delivery)

    frame = frames.Reader(
        lane="group", name=group, stream=subjects.events_stream(workspace), consumer=subjects.consumer("group", group),
        retry=retry, ack_wait_s=_ACK_WAIT_S,
    )  # fmt: skip
    client = cast("Client", Desk(bus, workspace))  # all that is asked of it there
    processor = Processor(client, frame, Codec(bytes), run, identity)
    return Reader(bus.bus, frame, handle, concurrency=concurrency)
