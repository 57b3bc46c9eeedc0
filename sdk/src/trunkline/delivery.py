"""One delivery of a stored message to this process, and the ways to settle it."""

from dataclasses import dataclass, field

from nats.aio.msg import Msg

from trunkline.connection import Bus
from trunkline.wire import message

_V2_TOKENS = 11
"""`$JS.ACK` subjects with domain and account hash have this many tokens or more (ADR-15)."""


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


def ack_numbers(reply: str) -> tuple[int, int]:
    """Return (deliveries, stream sequence) out of a `$JS.ACK` reply subject, version 1 or 2."""
    tokens = reply.split(".")
    offset = 2 if len(tokens) >= _V2_TOKENS else 0
    return int(tokens[4 + offset]), int(tokens[5 + offset])


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
