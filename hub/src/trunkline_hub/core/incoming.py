"""An event that comes from outside, on its way into a stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.protocol import binary, modes
from trunkline.protocol import envelope as ce


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """An event as it will be stored: untouched, in the mode in which it came."""

    message: ce.Envelope
    payload: bytes
    headers: dict[str, str]


def structured(body: bytes) -> Incoming:
    """Return a structured event after checking it.

    Raises:
        EnvelopeInvalidError
    """
    headers = {binary.HEADER_CONTENT_TYPE: ce.CONTENT_TYPE}
    return Incoming(message=modes.check(body), payload=body, headers=headers)


def plain(message: ce.Envelope) -> Incoming:
    """Return an event of the hub's own making, structured."""
    headers = {binary.HEADER_CONTENT_TYPE: ce.CONTENT_TYPE}
    return Incoming(message=message, payload=ce.encode(message), headers=headers)


def from_bus(payload: bytes, headers: Mapping[str, str]) -> Incoming:
    """Return an event in a message from the bus after checking it, whichever mode it is in.

    Raises:
        EnvelopeInvalidError
    """
    if modes.is_binary(headers):
        return Incoming(message=modes.read(payload, headers), payload=payload, headers=modes.kept(headers))
    return structured(payload)


def stamped(event: Incoming, **changed: str | None) -> Incoming:
    """Return an event with some attributes set anew; its payload and all else stay as they came."""
    given = {name: value for name, value in changed.items() if value is not None}
    if not given:
        return event
    message = msgspec.structs.replace(event.message, **given)
    if modes.is_binary(event.headers):
        anew = binary.to_nats(given)
        kept = {name: value for name, value in event.headers.items() if name.lower() not in anew}
        return Incoming(message=message, payload=event.payload, headers=kept | anew)
    fields: dict[str, Any] = msgspec.json.decode(event.payload, type=dict[str, msgspec.Raw])
    return Incoming(message=message, payload=msgspec.json.encode(fields | given), headers=event.headers)
