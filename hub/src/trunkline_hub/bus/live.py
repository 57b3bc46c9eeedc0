"""Live views of the log: consumers that deliver to a caller's inbox, or to this hub."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial

import nats.errors
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from trunkline.delivery import answer_heartbeat
from trunkline.protocol.errors import BusUnavailableError
from trunkline.protocol.ids import new_token
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.log import Stored, stored
from trunkline_hub.bus.patience import patiently

HEARTBEAT_S = 5.0
_INACTIVE_S = 30.0
_BUFFER = 1000


async def deliver(
    bus: HubBus,
    stream: str,
    filters: list[str],
    to: str,
    *,
    after_seq: int | None = None,
    since: datetime | None = None,
) -> str:
    """Have the broker push what matches to the subject `to`; returns the consumer's name.

    The consumer goes away by itself when nobody listens on `to` for a while.
    """
    config = ConsumerConfig(
        filter_subjects=filters, deliver_subject=to, ack_policy=AckPolicy.NONE, flow_control=True,
        idle_heartbeat=HEARTBEAT_S, mem_storage=True, num_replicas=1, inactive_threshold=_INACTIVE_S,
        deliver_policy=DeliverPolicy.NEW,
    )  # fmt: skip
    if after_seq is not None:
        config.deliver_policy, config.opt_start_seq = DeliverPolicy.BY_START_SEQUENCE, after_seq + 1
    elif since is not None:
        config.deliver_policy, config.opt_start_time = DeliverPolicy.BY_START_TIME, since
    try:
        return (await patiently(partial(bus.js().add_consumer, stream, config))).name
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The log cannot be followed: {error}") from None


async def follow(
    bus: HubBus, stream: str, filters: list[str], *, after_seq: int | None = None
) -> AsyncIterator[Stored | None]:
    """Yield what is stored from now (or after `after_seq`); None at each heartbeat."""
    inbox = f"{bus.bus.dial.inbox_prefix}.{new_token(8)}"
    arrived: asyncio.Queue[Msg] = asyncio.Queue(_BUFFER)
    listener = await bus.bus.subscribe(inbox, arrived.put)
    try:
        await deliver(bus, stream, filters, inbox, after_seq=after_seq)
        while True:
            async with asyncio.timeout(HEARTBEAT_S * 3):
                msg = await arrived.get()
            yield None if answer_heartbeat(bus.bus, msg) else stored(msg)
    finally:
        await bus.bus.unsubscribe(listener)


async def deliver_past(bus: HubBus, stream: str, filters: list[str], to: str, *, after_seq: int) -> tuple[str, int]:
    """Have the broker push what lies after `after_seq` to the subject `to`; returns the consumer's name and how much."""
    config = ConsumerConfig(
        filter_subjects=filters, deliver_subject=to, ack_policy=AckPolicy.NONE, flow_control=True,
        idle_heartbeat=HEARTBEAT_S, mem_storage=True, num_replicas=1, inactive_threshold=_INACTIVE_S,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after_seq + 1,
    )  # fmt: skip
    try:
        info = await bus.js().add_consumer(stream, config)
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The log cannot be read: {error}") from None
    return info.name, info.num_pending or 0
