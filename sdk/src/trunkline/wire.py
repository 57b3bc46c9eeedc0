"""The hot path to the broker: NATS protocol lines built here, written in one go.

`nats-py` validates and formats each message on its own; under load that costs
more than the rest of a publish together. This module appends ready lines to
the client's own output buffer and wakes its flusher once per loop turn. It is
the only place that touches `nats-py` internals (`docs/decisions/0004`).
"""

import asyncio
from collections.abc import Mapping

from nats.aio.client import Client

_LINE = b"NATS/1.0\r\n"


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Encode headers as `Name: value` lines; line breaks in values become spaces."""
    return "".join(f"{name}: {_one_line(value)}\r\n" for name, value in headers.items()).encode()


def message(subject: str, payload: bytes, *, reply: str = "", headers: bytes = b"") -> bytes:
    """Return the protocol bytes of one message; `headers` as `header_lines` made them."""
    to = f"{subject} {reply}" if reply else subject
    if not headers:
        return b"PUB %s %d\r\n%s\r\n" % (to.encode(), len(payload), payload)
    head = b"%s%s\r\n" % (_LINE, headers)
    return b"HPUB %s %d %d\r\n%s%s\r\n" % (to.encode(), len(head), len(head) + len(payload), head, payload)


class FastLane:
    """Writes ready protocol bytes through one `nats-py` client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._woken = False

    def write(self, lines: bytes) -> None:
        """Queue `lines` for the socket; they leave at the end of this loop turn."""
        client = self._client
        client._pending.append(lines)
        client._pending_data_size += len(lines)
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._wake)

    def _wake(self) -> None:
        self._woken = False
        queue = self._client._flush_queue
        if queue is not None and queue.empty():
            queue.put_nowait(asyncio.get_running_loop().create_future())


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
