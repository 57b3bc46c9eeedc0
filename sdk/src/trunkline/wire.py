"""The hot path to and from the broker: NATS protocol lines built here and written in one go, messages heard at once.

`nats-py` validates and formats each message on its own and hands it to another
task for writing; under load that costs more than the rest of a publish
together, and a lone message waits a loop turn for it. This module passes ready
lines through the client's output buffer to its transport. It is the only place
that touches `nats-py` internals (`docs/decisions/0004`).

Likewise on the way in: each subscription of `nats-py` with a callback has a
queue and a task behind it, which costs a loop turn per message. An `Ear` is
called as soon as a message is read. Header lines repeat, so they are parsed once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import lru_cache

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.transport import TcpTransport

_log = logging.getLogger("trunkline.bus")
_LINE = b"NATS/1.0\r\n"
_ENOUGH_BYTES = 65_536
_CLOSELY_S = 0.0001
_SHORT_BYTES = 128


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


class WireClient(Client):
    """A `nats-py` client that parses a header line once, however often it comes."""

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        pairs = (_known_pair(line) if len(line) < _SHORT_BYTES else _pair(line) for line in raw.split(b"\r\n"))
        return dict(pair for pair in pairs if pair is not None)


def _pair(line: bytes) -> tuple[str, str] | None:
    """Return name and value; None for what is no header, as `nats-py` reads it."""
    name, colon, value = line.partition(b":")
    name = name.strip()
    if not colon or not name.isascii() or len(name.split()) > 1:
        return None
    return name.decode(), value.strip().decode("utf-8", "replace")


_known_pair = lru_cache(maxsize=4096)(_pair)


class Ear:
    """Hears every message of a subscription, given to `nats-py` as the future of its one answer."""

    def __init__(self, hear: Callable[[Msg], None]) -> None:
        self._hear = hear

    def cancelled(self) -> bool:
        """Whether nobody listens any more: an ear does until its subscription ends."""
        return False

    def set_result(self, msg: Msg) -> None:
        """Take one message in."""
        try:
            self._hear(msg)
        except Exception:  # noqa: BLE001 -- the edge of the reading loop, which one message must not end
            _log.exception("a message on %s was not understood", msg.subject)


def one_line(value: str) -> str:
    """Return `value` as it can stand in a header: line breaks become spaces."""
    return value.replace("\r", " ").replace("\n", " ")
