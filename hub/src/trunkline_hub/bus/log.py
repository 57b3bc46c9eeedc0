"""Reading stored messages in pages, for queries; never on the hot path."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from trunkline.delivery import place_of
from trunkline.protocol.errors import BusUnavailableError
from trunkline.wire import message
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.patience import patiently

_FETCH_TIMEOUT_S = 3.0
_INACTIVE_S = 10.0
_GROWTH = 4
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A message as it lies in a stream."""

    seq: int
    subject: str
    payload: bytes
    headers: dict[str, str]
    stored_at: datetime


async def read_forward(
    bus: HubBus, stream: str, filters: list[str], *, after_seq: int = 0, since: datetime | None = None, limit: int
) -> list[Stored]:
    """Return up to `limit` messages after `after_seq` (and not before `since`), oldest first."""
    config = ConsumerConfig(
        filter_subjects=filters,
        ack_policy=AckPolicy.NONE,
        mem_storage=True,
        num_replicas=1,
        inactive_threshold=_INACTIVE_S,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after_seq + 1,
    )
    if since is not None and after_seq == 0:
        config.deliver_policy = DeliverPolicy.BY_START_TIME
        config.opt_start_time = since
        config.opt_start_seq = None
    js = bus.js()
    try:
        info = await patiently(partial(js.add_consumer, stream, config))
        wanted = min(limit, info.num_pending or 0)
        found: list[Msg] = []
        if wanted:
            puller = await bus.bus.client.jetstream().pull_subscribe_bind(consumer=info.name, stream=stream)
            while len(found) < wanted:
                found += await patiently(partial(puller.fetch, wanted - len(found), timeout=_FETCH_TIMEOUT_S))
            await puller.unsubscribe()
        await js.delete_consumer(stream, info.name)
    except NotFoundError:
        return []
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The log could not be read: {error}") from None
    return [stored(msg) for msg in found]


async def read_backward(
    bus: HubBus, stream: str, filters: list[str], *, before_seq: int | None, limit: int, after_seq: int = 0
) -> list[Stored]:
    """Return up to `limit` messages before `before_seq` and after `after_seq`, newest first, in windows that grow."""
    try:
        state = (await patiently(partial(bus.js().stream_info, stream))).state
    except NotFoundError:
        return []
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The log could not be read: {error}") from None
    end = (before_seq or state.last_seq + 1) - 1
    window = limit
    found: list[Stored] = []
    first = max(state.first_seq, after_seq + 1)
    while len(found) < limit and end >= first and end > 0:
        start = max(first, end - window + 1)
        part = await read_forward(bus, stream, filters, after_seq=start - 1, limit=end - start + 1)
        found += [message for message in reversed(part) if message.seq <= end]
        end = start - 1
        window *= _GROWTH
    return found[:limit]


async def read_one(bus: HubBus, stream: str, seq: int) -> Stored | None:
    """Return the message at `seq`, or None where there is none."""
    return await _get(bus, stream, seq, None)


async def read_next(bus: HubBus, stream: str, seq: int, filter_subject: str) -> Stored | None:
    """Return the first message at or after `seq` under `filter_subject`; works on queues too."""
    return await _get(bus, stream, seq, filter_subject)


async def read_batch(bus: HubBus, stream: str, seq: int, filter_subject: str, *, limit: int) -> list[Stored]:
    """Return up to `limit` messages at or after `seq` under `filter_subject`, in one question; works on queues too.

    The broker ends a batch early when it grows large, so fewer do not mean that there are no more.
    """
    inbox = bus.bus.client.new_inbox()
    answers: asyncio.Queue[Msg] = asyncio.Queue()
    listener = await bus.bus.subscribe(inbox, answers.put)
    ask = msgspec.json.encode({"seq": max(1, seq), "next_by_subj": filter_subject, "batch": limit})
    bus.bus.write(message(f"$JS.API.DIRECT.GET.{stream}", ask, reply=inbox))
    found: list[Stored] = []
    try:
        async with asyncio.timeout(_FETCH_TIMEOUT_S):
            while "Status" not in ((answer := await answers.get()).headers or {}):
                found.append(_direct(answer))
    except TimeoutError:
        raise BusUnavailableError(f"The broker did not answer for {stream}") from None
    finally:
        await bus.bus.unsubscribe(listener)
    return found


def _direct(answer: Msg) -> Stored:
    headers = dict(answer.headers or {})
    stored_at = datetime.fromisoformat(headers.pop("Nats-Time-Stamp"))
    return Stored(
        seq=int(headers.pop("Nats-Sequence")), subject=headers.pop("Nats-Subject"), payload=answer.data,
        headers=headers, stored_at=stored_at,
    )  # fmt: skip


async def _get(bus: HubBus, stream: str, seq: int, filter_subject: str | None) -> Stored | None:
    try:
        ask = partial(bus.js().get_msg, stream, seq, filter_subject, next=filter_subject is not None)
        raw = await patiently(ask)
    except NotFoundError:
        return None
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The log could not be read: {error}") from None
    return Stored(
        seq=raw.seq or seq, subject=raw.subject or "", payload=raw.data or b"",
        headers={name: str(value) for name, value in (raw.headers or {}).items()}, stored_at=raw.time or datetime.fromtimestamp(0, UTC),
    )  # fmt: skip


def stored(msg: Msg) -> Stored:
    """Return a delivered message as what lies in the stream; its time exact to the microsecond."""
    place = place_of(msg.reply)
    moment = _EPOCH + timedelta(microseconds=place.stored_ns // 1000)
    return Stored(
        seq=place.stream_seq, subject=msg.subject, payload=msg.data, headers=msg.headers or {}, stored_at=moment
    )
