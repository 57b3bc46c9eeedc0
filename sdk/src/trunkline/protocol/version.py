"""Which versions of the protocol on the wire this code speaks; the words are in `docs/protocol/`."""

from trunkline.protocol.errors import ProtocolUnsupportedError

PROTOCOL = 1
"""Spoken by this code. It changes only where what is sent today would be misunderstood."""
EDITION = "1.0"
"""Of the written specification: what it gains behind the point breaks nobody."""
SPOKEN = frozenset({PROTOCOL})


def check(version: int) -> None:
    """Refuse an agent that speaks what is not understood here.

    Raises:
        ProtocolUnsupportedError
    """
    if version not in SPOKEN:
        known = ", ".join(map(str, sorted(SPOKEN)))
        raise ProtocolUnsupportedError(f"The agent speaks version {version} of the protocol; this hub speaks {known}")
