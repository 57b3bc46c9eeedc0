"""The hub's own connection to the broker."""

import asyncio
from typing import ClassVar

import structlog
from nats.js import JetStreamContext
from nats.js.manager import JetStreamManager

from trunkline.connection import Bus, Dial
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import BusUnavailableError, ClientClosedError, TrunklineError
from trunkline.protocol.frames import Ack
from trunkline.publisher import Publisher
from trunkline.wire import header_lines
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.core.component import Component

_log = structlog.get_logger("bus")
_CE_HEADERS = header_lines({"Content-Type": ce.CONTENT_TYPE})
_RETRY_S = 0.2
_GIVE_UP_S = 8.0
"""A caller over HTTP is told soon that the broker is away; it may send the same id again."""


class HubBus(Component):
    """Connects as the hub, stays connected, publishes for the features."""

    name: ClassVar[str] = "bus"

    def __init__(self, settings: BusSettings, *, hub_id: str) -> None:
        super().__init__()
        self.settings = settings
        self.bus = Bus(
            Dial(
                urls=settings.urls,
                name=f"hub {hub_id}",
                inbox_prefix=f"_INBOX_{subjects.HUB}.{hub_id}",
                user=settings.user,
                password=settings.password.get_secret_value(),
            )
        )
        self.publisher = Publisher(self.bus, give_up_s=_GIVE_UP_S)

    async def run(self) -> None:
        await open_patiently(self.bus)
        await self.publisher.open()
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await self.publisher.drain(timeout_s=1.0)
            self.publisher.close()
            await self.bus.close()

    def ailment(self) -> str | None:
        return None if self.bus.is_up else "the broker is not reachable"

    def js(self) -> JetStreamManager:
        """Return the stream and consumer API.

        Raises:
            BusUnavailableError: the broker is away.
        """
        if not self.bus.is_up:
            raise BusUnavailableError("The hub is not connected to the broker")
        try:
            return self.bus.client.jsm(timeout=5)
        except ClientClosedError:
            raise BusUnavailableError("The hub is not connected to the broker") from None

    def client_context(self) -> JetStreamContext:
        """Return the API that also pulls.

        Raises:
            BusUnavailableError: the broker is away.
        """
        self.js()
        return self.bus.client.jetstream(timeout=5)

    async def publish_fact(self, workspace: str, event_type: str, fact_id: str, raw: bytes) -> None:
        """Store a fact of the hub's own, encoded already."""
        subject = subjects.event(workspace, subjects.HUB, event_type)
        await self.store(subjects.events_stream(workspace), subject, raw, msg_id=f"{subjects.HUB}:{fact_id}")

    async def store(
        self,
        stream: str,
        subject: str,
        raw: bytes,
        *,
        msg_id: str,
        headers: bytes = _CE_HEADERS,
        key: str | None = None,
    ) -> Ack:
        """Store ready bytes and wait for the broker's acknowledgement; those of one `key` keep their order."""
        try:
            return await self.publisher.publish(stream, subject, raw, msg_id=msg_id, headers=headers, key=key)
        except ClientClosedError:
            raise BusUnavailableError("The hub is not connected to the broker") from None


async def open_patiently(bus: Bus) -> None:
    """Connect, however long the broker is away."""
    while True:
        try:
            await bus.open(timeout_s=5)
        except TrunklineError as error:
            _log.warning("broker_unreachable", connection=bus.dial.name, error=str(error))
            await asyncio.sleep(_RETRY_S)
        else:
            return
