"""What the publisher keeps in its hands: messages, batches on their way, and the broker's answers."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import msgspec
from nats.aio.msg import Msg

from trunkline.protocol.errors import MessageTooLargeError, TrunklineError
from trunkline.protocol.frames import Ack


class Item(msgspec.Struct, eq=False):
    subject: str
    payload: bytes
    headers: bytes
    ack_id: str
    key: str | None
    future: "asyncio.Future[Ack]"
    deadline: float
    cost: int


@dataclass(eq=False, slots=True)
class Flight:
    number: int
    items: list[Item]
    is_batch: bool = False
    again: bool = False
    """Whether these were on their way before."""
    timer: asyncio.TimerHandle | None = None


@dataclass(eq=False, slots=True)
class OpenBatch:
    """A batch that is being written; its last message is kept back to carry the commit."""

    flight: Flight
    header: bytes
    size: int = 0
    written: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    """How often each key is in this batch: its own keys may join it and keep their order."""

    def add(self, items: list[Item]) -> None:
        for item in items:
            self.size += item.cost
            if item.key is not None:
                self.keys[item.key] = self.keys.get(item.key, 0) + 1


@dataclass(eq=False)
class Line:
    """Messages on their way to one stream."""

    pending: deque[Item] = field(default_factory=deque)
    retries: deque[Item] = field(default_factory=deque)
    retry_at: float = 0.0
    batches: int = 0
    singles: int = 0
    resent: int = 0
    """Singles in the air that are sent again; nobody waits for them."""
    bytes: int = 0
    open: "OpenBatch | None" = None
    """The batch that is being written."""
    scheduled: bool = False


class AckError(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class PubAck(msgspec.Struct):
    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: AckError | None = None


def parse_ack(msg: Msg) -> PubAck:
    if not msg.data:
        status = (msg.headers or {}).get("Status", "")
        return PubAck(error=AckError(description=f"no stream takes this subject (status {status or 'none'})"))
    return msgspec.json.decode(msg.data, type=PubAck)


def fail(item: Item, error: TrunklineError) -> None:
    if not item.future.done():
        item.future.set_exception(error)


def too_large(size: int, limit: int) -> MessageTooLargeError:
    return MessageTooLargeError(f"The message needs {size:,} bytes; the broker takes {limit:,}")
