"""One delivery of a stored message to this process, and the ways to settle it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from nats.aio.msg import Msg

from trunkline.connection import Bus
from trunkline.protocol import frames
from trunkline.wire import message

_V2_TOKENS = 11
"""`$JS.ACK` subjects with domain and account hash have this many tokens or more (ADR-15)."""
_MAX_DIGITS = 18
_MAX_ATTEMPT = 1_000_000


@dataclass(eq=False, slots=True)
class Delivery:
    """A message from a durable consumer. Settle it exactly once: `ack`, `nak` or `term`."""

    bus: Bus = field(repr=False)
    subject: str
    reply: str
    payload: bytes
    headers: dict[str, str]
    stream_seq: int
    deliveries: int
    """How often this message has been handed out, this time included."""
    extended_at: float
    settled: bool = False
    verdict: bytes = b""
    """What settled it."""
    blamed: bool = False
    """It has ended its process too often to be tried again; see `blackbox`."""

    @property
    def attempt(self) -> int:
        """Number of this attempt at the message, those at copies of it that were put off included."""
        return first_attempt(self.headers) + self.deliveries - 1

    @property
    def origin_seq(self) -> int:
        """Place of the message's first copy: where its attempts are recorded."""
        return origin_seq(self.headers, self.stream_seq)

    def ack(self) -> None:
        """Done: the message is never delivered to this consumer again."""
        self.settle(b"+ACK")

    def nak(self, delay_s: float = 0.0) -> None:
        """Not done: deliver it again after `delay_s` seconds."""
        self.settle(b'-NAK {"delay": %d}' % round(delay_s * 1e9) if delay_s > 0 else b"-NAK")

    def term(self, reason: str) -> None:
        """Hopeless: never deliver it again. Its dead letter must be stored before."""
        self.settle(b"+TERM " + reason.replace("\n", " ").encode())

    def extend(self, now: float) -> None:
        """Still at work: start the acknowledgement deadline anew."""
        if not self.settled:
            self.extended_at = now
            self.bus.write(message(self.reply, b"+WPI"))

    def settle(self, verdict: bytes) -> None:
        """Say a verdict; only the first one counts."""
        if not self.settled:
            self.settled = True
            self.verdict = verdict
            self.bus.write(message(self.reply, verdict))


def first_attempt(headers: Mapping[str, str]) -> int:
    """Return the number of the attempt that a stored copy begins at."""
    return min(max(1, _number(headers.get(frames.HEADER_ATTEMPT))), _MAX_ATTEMPT)


def origin_seq(headers: Mapping[str, str], stream_seq: int) -> int:
    """Return the place of a message's first copy, which is its own where it was never put off."""
    return _number(headers.get(frames.HEADER_ORIGIN_SEQ)) or stream_seq


def _number(text: str | None) -> int:
    """Return the number a header holds; 0 for what is none: anybody who may send may write one."""
    plain = text is not None and text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text or "") if plain else 0


def ack_numbers(reply: str) -> tuple[int, int]:
    """Return (deliveries, stream sequence) out of a `$JS.ACK` reply subject, version 1 or 2."""
    tokens = reply.split(".")
    offset = 2 if len(tokens) >= _V2_TOKENS else 0
    return int(tokens[4 + offset]), int(tokens[5 + offset])


class Place(NamedTuple):
    """Where a delivered message lies in its stream, and how its consumer stands."""

    stream_seq: int
    consumer_seq: int
    stored_ns: int
    """When the broker stored it, nanoseconds since 1970."""
    pending: int
    """Messages that the consumer has still to deliver behind this one."""


def place_of(reply: str) -> Place:
    """Return where a message lies, out of its `$JS.ACK` reply subject, version 1 or 2."""
    tokens = reply.split(".")
    first = 7 if len(tokens) >= _V2_TOKENS else 5
    return Place(*map(int, tokens[first : first + 4]))


def consumer_seq(reply: str) -> int:
    """Return the how-manieth delivery of its consumer this is, out of its `$JS.ACK` reply subject."""
    tokens = reply.split(".")
    return int(tokens[8 if len(tokens) >= _V2_TOKENS else 6])


def stored_us(reply: str) -> int:
    """Return when the message was stored, microseconds since 1970, out of its `$JS.ACK` reply subject."""
    tokens = reply.split(".")
    return int(tokens[9 if len(tokens) >= _V2_TOKENS else 7]) // 1000


def ack_consumer(reply: str) -> str:
    """Return the consumer's name out of a `$JS.ACK` reply subject, version 1 or 2."""
    tokens = reply.split(".", 6)
    return tokens[3] if reply.count(".") + 1 < _V2_TOKENS else tokens[5]


def answer_heartbeat(bus: Bus, msg: Msg) -> bool:
    """Whether `msg` is an idle heartbeat or flow control of a push consumer; what asks for an answer gets it."""
    headers = msg.headers or {}
    if headers.get("Status") != "100":
        return False
    answer_to = msg.reply or headers.get("Nats-Consumer-Stalled", "")
    if answer_to:
        bus.write(message(answer_to, b""))
    return True
