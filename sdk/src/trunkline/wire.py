"""The hot path to the broker: NATS protocol lines built here, written in one go.

`nats-py` validates and formats each message on its own and hands it to another
task for writing; under load that costs more than the rest of a publish
together, and a lone message waits a loop turn for it. This module passes ready
lines through the client's output buffer to its transport. It is the only place
that touches `nats-py` internals (`docs/decisions/0004`).
"""

import asyncio
import time
from collections.abc import Mapping

from nats.aio.client import Client
from nats.aio.transport import TcpTransport

_LINE = b"NATS/1.0\r\n"
_ENOUGH_BYTES = 65_536
_CLOSELY_S = 0.0001


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Encode headers as `Name: value` lines; line breaks in values become spaces."""
    return "".join(f"{name}: {one_line(value)}\r\n" for name, value in headers.items()).encode()


def message(subject: str, payload: bytes, *, reply: str = "", headers: bytes = b"") -> bytes:
    """Return the protocol bytes of one message; `headers` as `header_lines` made them."""
    to = f"{subject} {reply}" if reply else subject
    if not headers:
        return b"PUB %s %d\r\n%s\r\n" % (to.encode(), len(payload), payload)
    head = b"%s%s\r\n" % (_LINE, headers)
    return b"HPUB %s %d %d\r\n%s%s\r\n" % (to.encode(), len(head), len(head) + len(payload), head, payload)


class FastLane:
    """Writes ready protocol bytes through one `nats-py` client.

    A lone message goes to the socket at once and waits for nothing. What
    follows closely is gathered until the loop turn ends, or until there is
    enough for the broker to begin with.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._gathering = False
        self._last = 0.0

    def write(self, lines: bytes) -> None:
        """Hand `lines` to the socket: now, or with others at the end of this loop turn."""
        client = self._client
        client._pending.append(lines)
        client._pending_data_size += len(lines)
        now = time.monotonic()
        if client._pending_data_size >= _ENOUGH_BYTES or (not self._gathering and now - self._last > _CLOSELY_S):
            self._flush()
        elif not self._gathering:
            self._gathering = True
            asyncio.get_running_loop().call_soon(self._end_of_turn)
        self._last = now

    def _end_of_turn(self) -> None:
        self._gathering = False
        if self._client._pending_data_size:
            self._flush()

    def _flush(self) -> None:
        client = self._client
        transport = client._transport
        if client.is_connected and isinstance(transport, TcpTransport):
            pending, client._pending, client._pending_data_size = client._pending, [], 0
            transport.writelines(pending)  # type: ignore[no-untyped-call]
        elif client._flush_queue is not None and client._flush_queue.empty():
            client._flush_queue.put_nowait(asyncio.get_running_loop().create_future())


def one_line(value: str) -> str:
    """Return `value` as it can stand in a header: line breaks become spaces."""
    return value.replace("\r", " ").replace("\n", " ")
