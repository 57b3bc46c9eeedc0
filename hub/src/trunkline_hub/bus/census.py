"""Who published what, read off subjects: messages' headers and bodies stay in the broker."""

from dataclasses import dataclass
from datetime import datetime

import nats.errors
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from trunkline.delivery import ack_numbers
from trunkline.protocol.errors import BusUnavailableError
from trunkline_hub.bus.connection import HubBus

_FETCH_TIMEOUT_S = 3.0
_INACTIVE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One message: where it went, and when it was stored."""

    subject: str
    stored_at: datetime


@dataclass(frozen=True, kw_only=True)
class Census:
    """What came into a stream since the last look."""

    seq: int
    """Look on from here."""
    new: int
    """Messages that came; more than `sightings` where there were too many to look at."""
    sightings: list[Sighting]


async def take_census(bus: HubBus, stream: str, subject_filter: str, *, after_seq: int, limit: int) -> Census:
    """Look at up to `limit` of the messages after `after_seq`, without their bodies."""
    js = bus.js()
    config = ConsumerConfig(
        filter_subject=subject_filter, ack_policy=AckPolicy.NONE, mem_storage=True, num_replicas=1, headers_only=True,
        inactive_threshold=_INACTIVE_S, deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after_seq + 1,
    )  # fmt: skip
    try:
        last = (await js.stream_info(stream)).state.last_seq
        if last <= after_seq:
            return Census(seq=last, new=0, sightings=[])
        info = await js.add_consumer(stream, config)
        new = info.num_pending or 0
        found = await _fetch(bus, stream, info.name, min(new, limit))
        await js.delete_consumer(stream, info.name)
    except NotFoundError:
        return Census(seq=after_seq, new=0, sightings=[])
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The log could not be looked at: {error}") from None
    read_to = ack_numbers(found[-1].reply)[1] if found and len(found) == new else last
    sightings = [Sighting(subject=msg.subject, stored_at=msg.metadata.timestamp) for msg in found]
    return Census(seq=max(read_to, last), new=new, sightings=sightings)


async def subjects_in(bus: HubBus, stream: str, subject_filter: str) -> list[str]:
    """Return every subject that has messages in a stream."""
    try:
        state = (await bus.js().stream_info(stream, subjects_filter=subject_filter)).state
    except NotFoundError:
        return []
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The log could not be looked at: {error}") from None
    return list(state.subjects or {})


async def _fetch(bus: HubBus, stream: str, consumer: str, wanted: int) -> list[Msg]:
    found: list[Msg] = []
    if wanted:
        puller = await bus.bus.client.jetstream().pull_subscribe_bind(consumer=consumer, stream=stream)
        while len(found) < wanted:
            found += await puller.fetch(wanted - len(found), timeout=_FETCH_TIMEOUT_S)
        await puller.unsubscribe()
    return found
