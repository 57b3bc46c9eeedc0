"""How much lies in one queue, and how long it has lain there."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from trunkline.protocol import queueing
from trunkline.protocol.queueing import Layout
from trunkline.protocol.resources import QueueLaneState
from trunkline_hub.bus import facts
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.facts import ConsumerFacts
from trunkline_hub.bus.log import Stored, read_next

_FEW = 128
"""So many consumers are asked one by one; for more, the whole list is quicker."""


async def stored_messages(bus: HubBus, workspace: str, queue: str, layout: Layout) -> int:
    """Count what is stored for a queue, at work or not."""
    stream = queueing.stream(workspace, queue, layout)
    held = await facts.counts(bus, stream, queueing.queue_filter(workspace, queue, layout))
    return sum((held.subjects or {}).values()) if held else 0


async def queue_consumers(bus: HubBus, workspace: str, queues: Mapping[str, Layout]) -> dict[str, list[ConsumerFacts]]:
    """Return the consumers of some queues, in the order of their lanes; those not made yet are left out."""
    wanted = {
        queue: [(queueing.stream(workspace, queue, layout), lane.consumer) for lane in queueing.lanes(queue, layout)]
        for queue, layout in queues.items()
    }
    places = [place for of_queue in wanted.values() for place in of_queue]
    if len(places) <= _FEW:
        answers = await asyncio.gather(*(facts.consumer(bus, *place) for place in places))
        found = dict(zip(places, answers, strict=True))
    else:
        streams = {stream for stream, _name in places}
        found = {(stream, one.name): one for stream in streams for one in await facts.consumers(bus, stream)}
    return {
        queue: [one for place in of_queue if (one := found.get(place)) is not None]
        for queue, of_queue in wanted.items()
    }


def lane_states(queue: str, layout: Layout, ones: Iterable[ConsumerFacts]) -> list[QueueLaneState]:
    """Return what each class or partition of a queue holds."""
    by_name = {one.name: one for one in ones}
    return [
        QueueLaneState(
            priority=lane.priority, partition=lane.partition,
            depth=one.num_pending if one else 0, in_flight=one.num_ack_pending if one else 0,
        )
        for lane in queueing.lanes(queue, layout)
        for one in [by_name.get(lane.consumer)]
    ]  # fmt: skip


async def oldest(bus: HubBus, workspace: str, queues: Sequence[tuple[str, Layout]]) -> list[Stored | None]:
    """Return the oldest message of each queue that is not done."""
    return list(
        await asyncio.gather(
            *(
                read_next(
                    bus, queueing.stream(workspace, queue, layout), 1, queueing.queue_filter(workspace, queue, layout)
                )
                for queue, layout in queues
            )
        )
    )
