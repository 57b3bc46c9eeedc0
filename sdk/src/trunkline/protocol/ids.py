"""Time-ordered identifiers: UUIDv7 (RFC 9562 §5.7) in canonical text form."""

import os
import time


def new_id() -> str:
    """Return a new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits.

    Sorting ids as text sorts them by creation time, to the millisecond.
    """
    millis = time.time_ns() // 1_000_000
    value = (millis << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_token(size_bytes: int = 12) -> str:
    """Return an unguessable lower-case hex token of `size_bytes` random bytes."""
    return os.urandom(size_bytes).hex()
