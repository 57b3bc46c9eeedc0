"""NATS micro services (ADR-32): who answers on the bus, and with which endpoints."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from trunkline.protocol.errors import (
    AgentOfflineError,
    BusUnavailableError,
    CallFailedError,
    CallTimeoutError,
    MessageTooLargeError,
    PayloadInvalidError,
    TrunklineError,
)
from trunkline.wire import message
from trunkline_hub.bus.connection import HubBus

_INFO = "$SRV.INFO"
_ANSWERS_S = 1.0
_MAX_ANSWERS = 10_000
_ERROR, _CODE = "Nats-Service-Error", "Nats-Service-Error-Code"
_REFUSED = frozenset({"400", "422"})
_LATE = frozenset({"408", "504"})


class Endpoint(msgspec.Struct):
    """Where a service listens for one kind of request."""

    name: str = ""
    subject: str = ""
    queue_group: str | None = ""
    metadata: dict[str, str] | None = None


class Service(msgspec.Struct):
    """One running instance of a service, as it describes itself."""

    name: str
    id: str
    version: str = ""
    description: str | None = ""
    """Some libraries say null."""
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


async def ask_service(bus: HubBus, subject: str, payload: Any, *, timeout_s: float) -> Any:
    """Send a request to an endpoint and return what it answers: JSON, or text that is none.

    Raises:
        AgentOfflineError: nobody listens there any more.
        CallTimeoutError, MessageTooLargeError, BusUnavailableError
        PayloadInvalidError, CallFailedError: what the service answered is an error.
    """
    if not bus.bus.is_up:
        raise BusUnavailableError("The hub is not connected to the broker")
    body = b"" if payload is None else msgspec.json.encode(payload)
    if len(body) > bus.bus.max_payload:
        raise MessageTooLargeError(f"The request has {len(body):,} bytes")
    try:
        answer = await bus.bus.client.request(subject, body, timeout=timeout_s)
    except NoRespondersError:
        raise AgentOfflineError(f"No service listens on {subject!r} any more") from None
    except (NatsTimeoutError, TimeoutError):
        raise CallTimeoutError(f"The service did not answer within {timeout_s:g} s") from None
    except NatsError as error:
        raise BusUnavailableError(str(error)) from None
    if answer.headers and (_ERROR in answer.headers or _CODE in answer.headers):
        raise _failure(answer.headers)
    return _output(answer.data)


def _failure(headers: Mapping[str, str]) -> TrunklineError:
    code, told = headers.get(_CODE, ""), headers.get(_ERROR, "")
    detail = f"The service answered {code}: {told}" if code else f"The service answered: {told}"
    kind = PayloadInvalidError if code in _REFUSED else CallTimeoutError if code in _LATE else CallFailedError
    return kind(detail)


def _output(data: bytes) -> Any:
    if not data:
        return None
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        pass
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CallFailedError("The service answered with bytes that are neither JSON nor text") from None
