"""Where a queue's messages lie and who hands them out: the one place that operating a queue asks.

Bulk work, peeking and pausing go by what is said here, so that another layout
of queues (classes, partitions, streams of their own) is a change here alone.
"""

from dataclasses import dataclass
from functools import partial

import nats.errors
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError
from nats.js.manager import JetStreamManager

from trunkline.protocol import subjects
from trunkline.protocol.errors import BusUnavailableError
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.patience import patiently


@dataclass(frozen=True, kw_only=True)
class Place:
    """A queue on the broker."""

    workspace: str
    queue: str
    stream: str
    consumers: tuple[str, ...]
    subjects: str
    """Matches every message of the queue, and nothing else."""

    def sent_by(self, principal: str | None) -> str:
        """Return the subjects of what `principal` sent; of all when None."""
        return self.subjects if principal is None else f"{self.subjects[:-1]}*.*.{subjects.token(principal)}"


def place_of(workspace: str, queue: str) -> Place:
    """Return where `queue` is."""
    return Place(
        workspace=workspace,
        queue=queue,
        stream=subjects.tasks_stream(workspace),
        consumers=(subjects.consumer("queue", queue),),
        subjects=f"{subjects.ROOT}.{workspace}.tasks.{subjects.token(queue)}.>",
    )


def address(workspace: str, queue: str, principal: str) -> tuple[str, str]:
    """Return (stream, subject) for a message that comes into `queue` from elsewhere."""
    return subjects.tasks_stream(workspace), subjects.task(workspace, queue, principal)


def stream_of(workspace: str, lane: subjects.Lane, reader: str) -> str:
    """Return the stream that this queue's workers or this group's followers read."""
    return subjects.events_stream(workspace) if lane == "group" else place_of(workspace, reader).stream


@dataclass(frozen=True, kw_only=True)
class HandedOut:
    """How far a queue's consumers are: what has been delivered and what of that is not settled."""

    upto: tuple[tuple[tuple[str, ...], int], ...]
    """For each consumer its subjects, and the last message it gave to a worker."""
    in_flight: int

    def has(self, seq: int, subject: str) -> bool:
        """Whether the message was given to a worker."""
        return any(seq <= last for filters, last in self.upto if any(matches(f, subject) for f in filters))


async def handed_out(bus: HubBus, place: Place) -> HandedOut:
    """Ask the broker how far the queue's consumers are."""
    infos = [info for name in place.consumers if (info := await consumer_info(bus.js(), place.stream, name))]
    return HandedOut(
        upto=tuple((_filters(info), info.delivered.stream_seq if info.delivered else 0) for info in infos),
        in_flight=sum(info.num_ack_pending or 0 for info in infos),
    )


async def has_reader(bus: HubBus, workspace: str, lane: subjects.Lane, reader: str) -> bool:
    """Whether the broker hands out to this queue's workers or this group's followers."""
    if lane == "group":
        group = subjects.consumer("group", reader)
        return await consumer_info(bus.js(), stream_of(workspace, lane, reader), group) is not None
    place = place_of(workspace, reader)
    return any([await consumer_info(bus.js(), place.stream, name) is not None for name in place.consumers])


async def consumer_info(js: JetStreamManager, stream: str, name: str) -> ConsumerInfo | None:
    """Return a consumer's state, or None where it is not made yet."""
    try:
        info: ConsumerInfo = await patiently(partial(js.consumer_info, stream, name))
    except NotFoundError:
        return None
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not tell the state of {name}: {error}") from None
    return info


def matches(pattern: str, subject: str) -> bool:
    """Whether `subject` falls under `pattern` by the broker's rules."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(w in {"*", g} for w, g in zip(wanted, given, strict=True))


def _filters(info: ConsumerInfo) -> tuple[str, ...]:
    config = info.config
    return tuple(config.filter_subjects or ([config.filter_subject] if config.filter_subject else [">"]))
