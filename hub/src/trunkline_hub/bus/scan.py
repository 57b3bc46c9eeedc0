"""Reading a stream from a place to a place, in batches, as fast as the broker hands it out."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

import nats.errors
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from trunkline.delivery import place_of
from trunkline.protocol.errors import BusUnavailableError
from trunkline.protocol.ids import new_token
from trunkline.wire import message
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.log import Stored, stored

_BATCH = 1000
_SILENCE_S = 5.0
_INACTIVE_S = 30.0
_NO_MORE = frozenset({"404", "408"})
"""Some of what was counted has left the stream meanwhile."""


async def scan(
    bus: HubBus, stream: str, filters: Sequence[str], *, after_seq: int, until_seq: int
) -> AsyncGenerator[list[Stored], None]:
    """Yield what lies after `after_seq` and up to `until_seq`, oldest first, in batches; nothing where no stream is.

    Raises:
        BusUnavailableError: the broker fell silent on the way.
    """
    position = after_seq
    while True:
        try:
            info = await bus.js().add_consumer(stream, _from(position, filters))
        except NotFoundError:
            return
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise BusUnavailableError(f"{stream} cannot be read: {error}") from None
        pull = _Pull(bus, stream, info.name)
        left = info.num_pending or 0
        began = position
        try:
            await pull.open()
            while left:
                batch, left = await pull.take(min(left, _BATCH))
                wanted = [item for item in batch if item.seq <= until_seq]
                if wanted:
                    position = wanted[-1].seq
                    yield wanted
                if len(wanted) < len(batch):
                    return
        except _GoneError as error:
            if position == began:
                raise BusUnavailableError(f"{stream} cannot be read: {error}") from None
        else:
            return
        finally:
            await pull.close()


async def count(bus: HubBus, stream: str, filters: Sequence[str], *, after_seq: int, until_seq: int) -> int:
    """Return how many messages lie after `after_seq` and up to `until_seq`, without reading them."""
    try:
        behind = [
            (await bus.js().add_consumer(stream, _from(seq, filters))).num_pending or 0
            for seq in (after_seq, until_seq)
        ]
    except NotFoundError:
        return 0
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"{stream} cannot be read: {error}") from None
    return max(0, behind[0] - behind[1])


async def first_since(bus: HubBus, stream: str, moment: datetime) -> int | None:
    """Return the sequence of the first message stored at `moment` or later, or None where there is none."""
    config = ConsumerConfig(
        ack_policy=AckPolicy.NONE, mem_storage=True, num_replicas=1, inactive_threshold=_INACTIVE_S,
        deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=moment,
    )  # fmt: skip
    try:
        info = await bus.js().add_consumer(stream, config)
    except NotFoundError:
        return None
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"{stream} cannot be read: {error}") from None
    pull = _Pull(bus, stream, info.name)
    try:
        await pull.open()
        batch, _left = await pull.take(1) if info.num_pending else ([], 0)
    finally:
        await pull.close()
    is_later = bool(batch) and batch[0].stored_at >= moment  # for a time to come, the broker begins at the start
    return batch[0].seq if is_later else None


class _GoneError(Exception):
    """The broker has forgotten the consumer: it was not asked for long, or the broker was started anew."""


class _Pull:
    """One consumer, asked for batches; what comes is gathered outside of `nats-py`'s own queues."""

    def __init__(self, bus: HubBus, stream: str, consumer: str) -> None:
        self._bus = bus.bus
        self._js = bus.js()
        self._stream, self._consumer = stream, consumer
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = f"{self._bus.dial.inbox_prefix}.{new_token(8)}"
        self._got: list[Msg] = []
        self._wanted = 0
        self._enough = asyncio.Event()
        self._refusal = ""

    async def open(self) -> None:
        self._listener = await self._bus.subscribe(self._inbox, self._receive)

    async def close(self) -> None:
        await self._bus.unsubscribe(self._listener)
        if self._bus.is_up:
            self._bus.write(message(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._consumer}", b""))

    async def take(self, count: int) -> tuple[list[Stored], int]:
        """Return the next `count` messages, and how many were behind them."""
        self._wanted = count
        self._enough.clear()
        self._bus.write(message(self._next, b'{"batch":%d,"no_wait":true}' % count, reply=self._inbox))
        while not self._enough.is_set():
            before = len(self._got)
            try:
                async with asyncio.timeout(_SILENCE_S):
                    await self._enough.wait()
            except TimeoutError:
                if len(self._got) == before:
                    raise BusUnavailableError(f"The broker fell silent while {self._stream} was read") from None
        if self._refusal:
            raise _GoneError(self._refusal)
        found, self._got = self._got, []
        more = len(found) == count and place_of(found[-1].reply).pending
        return [stored(msg) for msg in found], int(more)

    async def _receive(self, msg: Msg) -> None:
        if not msg.reply.startswith("$JS.ACK"):
            headers = msg.headers or {}
            if headers.get("Status") not in _NO_MORE:
                self._refusal = f"{headers.get('Status', '')} {headers.get('Description', '')}".strip()
            self._enough.set()
            return
        self._got.append(msg)
        if len(self._got) >= self._wanted:
            self._enough.set()


def _from(after_seq: int, filters: Sequence[str]) -> ConsumerConfig:
    return ConsumerConfig(
        filter_subjects=list(filters), ack_policy=AckPolicy.NONE, mem_storage=True, num_replicas=1,
        inactive_threshold=_INACTIVE_S, deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after_seq + 1,
    )  # fmt: skip
