"""What streams and consumers hold right now."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from trunkline.protocol import subjects
from trunkline.protocol.subjects import Lane, reader_of_consumer
from trunkline_hub.bus import facts
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.facts import ConsumerFacts


@dataclass(frozen=True, kw_only=True)
class ReaderState:
    """A queue or group in numbers, all its consumers together."""

    name: str
    waiting: int
    in_flight: int
    redelivered: int
    pulls_waiting: int
    delivered: int


@dataclass(frozen=True, kw_only=True)
class StreamState:
    """One stream in numbers."""

    messages: int
    last_seq: int
    size_bytes: int


EMPTY = ReaderState(name="", waiting=0, in_flight=0, redelivered=0, pulls_waiting=0, delivered=0)


async def queue_streams(bus: HubBus, workspace: str) -> list[str]:
    """Return the streams that hold a workspace's queues: the common one, its further pages, those of single queues."""
    roots = (f"{subjects.ROOT}.{workspace}.{root}.>" for root in ("paged", "limited"))
    paged, limited = await asyncio.gather(*(facts.streams_on(bus, root) for root in roots))
    return [subjects.tasks_stream(workspace), *paged, *limited]


async def tasks_seen(bus: HubBus, workspace: str) -> int:
    """Return how many messages the present streams of a workspace's queues have taken in, ever."""
    streams = await queue_streams(bus, workspace)
    return sum(state.last_seq for state in await asyncio.gather(*(stream_state(bus, stream) for stream in streams)))


async def reader_states(bus: HubBus, workspace: str, lane: Lane) -> dict[str, ReaderState]:
    """Return the state of every queue or group that has a consumer, by name."""
    streams = await queue_streams(bus, workspace) if lane == "queue" else [subjects.events_stream(workspace)]
    by_reader: dict[str, list[ConsumerFacts]] = {}
    for stream in streams:
        for one in await facts.consumers(bus, stream):
            if one.name.startswith(f"{lane[0]}_"):
                by_reader.setdefault(reader_of_consumer(one.name), []).append(one)
    return {name: reader_state(name, ones) for name, ones in by_reader.items()}


def reader_state(name: str, ones: Iterable[ConsumerFacts]) -> ReaderState:
    """Return several consumers as the one reader they are."""
    found = list(ones)
    return ReaderState(
        name=name,
        waiting=sum(one.num_pending for one in found),
        in_flight=sum(one.num_ack_pending for one in found),
        redelivered=sum(one.num_redelivered for one in found),
        pulls_waiting=max((one.num_waiting for one in found), default=0),
        delivered=sum(one.delivered.consumer_seq for one in found),
    )


async def stream_state(bus: HubBus, stream: str) -> StreamState:
    """Return the state of a stream; zeros where it is not made yet."""
    found = await facts.counts(bus, stream) or facts.StreamCounts()
    return StreamState(messages=found.messages, last_seq=found.last_seq, size_bytes=found.bytes)


async def group_cursor(bus: HubBus, workspace: str, group: str) -> int | None:
    """Return the last place in the log that a group has been handed, or None while its cursor is not made."""
    found = await facts.consumer(bus, subjects.events_stream(workspace), subjects.consumer("group", group))
    return found.delivered.stream_seq if found else None
