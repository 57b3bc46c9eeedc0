"""Showing to people what others sent: any bytes, any length, as JSON can carry them."""

import base64
from typing import Any

import msgspec

SHOWN_BYTES = 64 * 1024


def show(payload: bytes, size_bytes: int = SHOWN_BYTES) -> tuple[Any, str, bool]:
    """Return a payload for people: (value, encoding, truncated)."""
    cut = len(payload) > size_bytes
    if not cut:
        try:
            return msgspec.json.decode(payload), "json", False
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    part = payload[:size_bytes]
    try:
        text = part.decode(errors="ignore" if cut else "strict")
    except UnicodeDecodeError:
        return base64.b64encode(part).decode(), "base64", cut
    return text, "text", cut


def show_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return headers as JSON can carry them, whatever bytes they are made of."""
    return {storable(name, SHOWN_BYTES): storable(value, SHOWN_BYTES) for name, value in headers.items()}


def storable(text: str, size: int) -> str:
    """Return `text` as it can be stored: no NUL, no lone surrogate, at most `size` characters."""
    if "\0" in text or not text.isascii():
        text = text.replace("\0", "").encode(errors="replace").decode()
    return text[:size]
