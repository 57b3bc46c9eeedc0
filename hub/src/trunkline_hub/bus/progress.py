"""How far durable readers are: what they have settled, what they hold, what still waits."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import nats.errors
from nats.js.api import ConsumerInfo

from trunkline.protocol.errors import BusUnavailableError
from trunkline.protocol.subjects import Lane, reader_stream
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.log import Stored, read_next
from trunkline_hub.bus.reconciler import consumers


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where one durable consumer stands."""

    created_at: datetime
    filters: tuple[str, ...]
    settled_up_to: int
    """Everything that it gets up to this place of the stream is settled."""
    delivered_up_to: int
    settled: int
    """Deliveries settled so far."""
    waiting: int
    in_flight: int
    redelivered: int
    pulls_waiting: int


async def progress_of_all(bus: HubBus, workspace: str, lane: Lane) -> dict[str, Progress]:
    """Return where every consumer of a lane stands, by consumer name.

    Raises:
        BusUnavailableError
    """
    try:
        found = await consumers(bus.js(), reader_stream(workspace, lane))
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not tell its consumers: {error}") from None
    return {info.name: _progress(info) for info in found}


async def oldest_unsettled(bus: HubBus, stream: str, progress: Progress) -> Stored | None:
    """Return the oldest message that the consumer has not settled, or None where there is none."""
    if not progress.waiting and not progress.in_flight:
        return None
    after = progress.settled_up_to + 1
    nexts = await asyncio.gather(*(read_next(bus, stream, after, subject) for subject in progress.filters))
    return min((message for message in nexts if message is not None), key=lambda one: one.seq, default=None)


def _progress(info: ConsumerInfo) -> Progress:
    config = info.config
    delivered, floor = info.delivered, info.ack_floor
    in_flight = info.num_ack_pending or 0
    return Progress(
        created_at=info.created,
        filters=tuple(config.filter_subjects or [config.filter_subject or ">"]),
        settled_up_to=floor.stream_seq if floor else 0,
        delivered_up_to=delivered.stream_seq if delivered else 0,
        settled=(delivered.consumer_seq if delivered else 0) - in_flight,
        waiting=info.num_pending or 0,
        in_flight=in_flight,
        redelivered=info.num_redelivered or 0,
        pulls_waiting=info.num_waiting or 0,
    )
