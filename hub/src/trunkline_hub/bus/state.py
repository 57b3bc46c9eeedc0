"""What streams and consumers hold right now."""

from dataclasses import dataclass
from functools import partial

import nats.errors
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from trunkline.protocol.errors import BusUnavailableError
from trunkline.protocol.subjects import Lane, consumer, reader_stream
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.patience import patiently
from trunkline_hub.bus.reconciler import consumers


@dataclass(frozen=True, kw_only=True)
class ReaderState:
    """One durable consumer in numbers."""

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


async def reader_state(bus: HubBus, workspace: str, lane: Lane, reader: str) -> ReaderState:
    """Return the state of one reader; zeros where its consumer is not made yet."""
    name = consumer(lane, reader)
    try:
        return _state(await patiently(partial(bus.js().consumer_info, reader_stream(workspace, lane), name)))
    except NotFoundError:
        return EMPTY
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not tell the state of {name}: {error}") from None


async def reader_states(bus: HubBus, workspace: str, lane: Lane) -> dict[str, ReaderState]:
    """Return the state of every consumer of a lane, by consumer name."""
    try:
        found = await patiently(partial(consumers, bus.js(), reader_stream(workspace, lane)))
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not tell its consumers: {error}") from None
    return {info.name: _state(info) for info in found}


async def stream_state(bus: HubBus, stream: str) -> StreamState:
    """Return the state of a stream; zeros where it is not made yet."""
    try:
        state = (await patiently(partial(bus.js().stream_info, stream))).state
    except NotFoundError:
        return StreamState(messages=0, last_seq=0, size_bytes=0)
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not tell the state of {stream}: {error}") from None
    return StreamState(messages=state.messages, last_seq=state.last_seq, size_bytes=state.bytes)


async def subjects_held(bus: HubBus, stream: str, pattern: str) -> dict[str, int]:
    """Return the subjects under `pattern` that hold messages, and how many each."""
    try:
        return (await bus.js().stream_info(stream, subjects_filter=pattern)).state.subjects or {}
    except NotFoundError:
        return {}
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not tell what {stream} holds: {error}") from None


def _state(info: ConsumerInfo) -> ReaderState:
    return ReaderState(
        name=info.name,
        waiting=info.num_pending or 0,
        in_flight=info.num_ack_pending or 0,
        redelivered=info.num_redelivered or 0,
        pulls_waiting=info.num_waiting or 0,
        delivered=info.delivered.consumer_seq if info.delivered else 0,
    )


async def group_cursor(bus: HubBus, workspace: str, group: str) -> int | None:
    """Return the last place in the log that a group has been handed, or None while its cursor is not made."""
    name = consumer("group", group)
    try:
        info = await bus.js().consumer_info(reader_stream(workspace, "group"), name)
    except NotFoundError:
        return None
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not tell the state of {name}: {error}") from None
    return (info.delivered.stream_seq if info.delivered else 0) or 0
