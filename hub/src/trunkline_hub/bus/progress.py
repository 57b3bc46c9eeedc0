"""How far durable readers are: what they have settled, what they hold, what still waits."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from trunkline.protocol.subjects import Lane, reader_stream
from trunkline_hub.bus import facts
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.facts import ConsumerFacts
from trunkline_hub.bus.log import Stored, read_next


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
    found = await facts.consumers(bus, reader_stream(workspace, lane))
    return {one.name: _progress(one) for one in found}


async def oldest_unsettled(bus: HubBus, stream: str, progress: Progress) -> Stored | None:
    """Return the oldest message that the consumer has not settled, or None where there is none."""
    if not progress.waiting and not progress.in_flight:
        return None
    after = progress.settled_up_to + 1
    nexts = await asyncio.gather(*(read_next(bus, stream, after, subject) for subject in progress.filters))
    return min((message for message in nexts if message is not None), key=lambda one: one.seq, default=None)


def _progress(one: ConsumerFacts) -> Progress:
    return Progress(
        created_at=one.created,
        filters=tuple(one.config.filters or [">"]),
        settled_up_to=one.ack_floor.stream_seq,
        delivered_up_to=one.delivered.stream_seq,
        settled=one.delivered.consumer_seq - one.num_ack_pending,
        waiting=one.num_pending,
        in_flight=one.num_ack_pending,
        redelivered=one.num_redelivered,
        pulls_waiting=one.num_waiting,
    )
