"""Time-ordered identifiers: UUIDv7 (RFC 9562 §5.7) in canonical text form."""

import os
import time
from random import getrandbits

_VARIANT = {"0": "8", "1": "9", "2": "a", "3": "b"}
"""Two random bits behind the two that name the variant."""


def new_id() -> str:
    """Return a new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits.

    Sorting ids as text sorts them by creation time, to the millisecond. They
    are unique, not secret: what must not be guessed is made by `new_token`.
    """
    millis = f"{time.time_ns() // 1_000_000:012x}"
    bits = f"{getrandbits(74):019x}"
    return f"{millis[:8]}-{millis[8:]}-7{bits[1:4]}-{_VARIANT[bits[0]]}{bits[4:7]}-{bits[7:]}"


def new_token(size_bytes: int = 12) -> str:
    """Return an unguessable lower-case hex token of `size_bytes` random bytes."""
    return os.urandom(size_bytes).hex()
