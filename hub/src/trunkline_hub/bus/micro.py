"""NATS micro services (ADR-32): who answers on the bus, and with which endpoints."""

import asyncio

import msgspec
from nats.aio.msg import Msg

from trunkline.protocol.errors import BusUnavailableError
from trunkline.wire import message
from trunkline_hub.bus.connection import HubBus

_INFO = "$SRV.INFO"
_ANSWERS_S = 1.0
_MAX_ANSWERS = 10_000


class Endpoint(msgspec.Struct):
    """Where a service listens for one kind of request."""

    name: str = ""
    subject: str = ""
    queue_group: str = ""
    metadata: dict[str, str] | None = None


class Service(msgspec.Struct):
    """One running instance of a service, as it describes itself."""

    name: str
    id: str
    version: str = ""
    description: str = ""
    metadata: dict[str, str] | None = None
    endpoints: list[Endpoint] | None = None


async def ask_services(bus: HubBus) -> list[Service]:
    """Ask every service on the hub's account for its description; those slower than a second are not waited for.

    Raises:
        BusUnavailableError
    """
    if not bus.bus.is_up:
        raise BusUnavailableError("The hub is not connected to the broker")
    found: list[Service] = []

    async def collect(msg: Msg) -> None:
        try:
            service = msgspec.json.decode(msg.data, type=Service)
        except msgspec.DecodeError:
            return
        if len(found) < _MAX_ANSWERS:
            found.append(service)

    inbox = bus.bus.client.new_inbox()
    listener = await bus.bus.subscribe(inbox, collect)
    try:
        bus.bus.write(message(_INFO, b"", reply=inbox))
        await asyncio.sleep(_ANSWERS_S)
    finally:
        await bus.bus.unsubscribe(listener)
    return found
