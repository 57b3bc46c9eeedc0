"""An event that comes from outside, on its way into a stream."""

from dataclasses import dataclass

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
