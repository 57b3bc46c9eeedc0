"""Where a queue's messages lie, where a message belongs, and who hands it out.

`protocol/queueing.py` has the rules; here they meet what is stored. Whoever
puts a message into a queue on the hub's side, and all that operates queues,
goes by what is said here.
"""

from dataclasses import dataclass, replace

import msgspec

from trunkline.protocol import modes, queueing, subjects
from trunkline.protocol.errors import TrunklineError
from trunkline.protocol.queueing import NORMAL, Layout, Spot
from trunkline_hub.bus import facts
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.depths import queue_consumers


@dataclass(frozen=True, kw_only=True)
class Place:
    """A queue on the broker."""

    workspace: str
    queue: str
    layout: Layout
    stream: str
    consumers: tuple[str, ...]
    subjects: str
    """Matches every message of the queue, and nothing else."""

    def sent_by(self, principal: str | None) -> str:
        """Return the subjects of what `principal` sent; of all when None."""
        return self.subjects if principal is None else f"{self.subjects[:-1]}*.*.{subjects.token(principal)}"


def place_of(workspace: str, queue: str, layout: Layout) -> Place:
    """Return where `queue` is."""
    return Place(
        workspace=workspace,
        queue=queue,
        layout=layout,
        stream=queueing.stream(workspace, queue, layout),
        consumers=tuple(lane.consumer for lane in queueing.lanes(queue, layout)),
        subjects=queueing.queue_filter(workspace, queue, layout),
    )


class Said(msgspec.Struct):
    """What a message says of itself that queues go by."""

    id: str = ""
    partitionkey: str | None = None
    priority: str | None = None
    expirytime: str | None = None


def said(raw: bytes, headers: dict[str, str]) -> Said:
    """Return what a message says, in whichever mode it is; nothing where it is no event."""
    try:
        if not modes.is_binary(headers):
            return msgspec.json.decode(raw, type=Said)
        event = modes.read(raw, headers)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TrunklineError):
        return Said()
    return Said(
        id=event.id, partitionkey=event.partitionkey, priority=event.priority, expirytime=event.expirytime
    )  # fmt: skip


def address(spot: Spot, layout: Layout, words: Said, *, otherwise: str) -> tuple[str, str]:
    """Return (stream, subject) for a message; `spot` tells its queue, its sender, and the class it had.

    The message's own word comes first; a class that the queue does not have
    (any more) is `normal`. `otherwise` spreads what has neither key nor id.
    """
    wanted = words.priority or spot.priority
    priority = wanted if wanted in layout.classes else NORMAL
    place = queueing.place(layout, priority, words.partitionkey or words.id or otherwise)
    stream = queueing.stream(spot.workspace, spot.queue, layout)
    return stream, queueing.address(spot.workspace, spot.queue, place, spot.principal)


def new_spot(workspace: str, queue: str, sender: str) -> Spot:
    """Return the spot of a message that comes from outside of any queue."""
    return Spot(workspace=workspace, root="tasks", queue=queue, priority=NORMAL, partition="0", principal=sender)


def stream_under(workspace: str, lane: subjects.Lane, reader: str, subject: str) -> str:
    """Return the stream that held what this queue's workers or this group's followers got as `subject`."""
    if lane == "group":
        return subjects.events_stream(workspace)
    try:
        spot = queueing.spot(subject)
    except ValueError:
        return subjects.tasks_stream(workspace)
    return replace(spot, workspace=workspace, queue=reader).stream


@dataclass(frozen=True, kw_only=True)
class HandedOut:
    """How far a queue's consumers are: what has been delivered and what of that is not settled."""

    upto: tuple[tuple[tuple[str, ...], int], ...]
    """For each consumer its subjects, and the last message it gave to a worker."""
    in_flight: int

    def has(self, seq: int, subject: str) -> bool:
        """Whether the message was given to a worker."""
        return any(seq <= last for filters, last in self.upto if any(subjects.matches(f, subject) for f in filters))


async def handed_out(bus: HubBus, place: Place) -> HandedOut:
    """Ask the broker how far the queue's consumers are."""
    found = (await queue_consumers(bus, place.workspace, {place.queue: place.layout}))[place.queue]
    return HandedOut(
        upto=tuple((tuple(one.config.filters), one.delivered.stream_seq) for one in found),
        in_flight=sum(one.num_ack_pending for one in found),
    )


async def has_group(bus: HubBus, workspace: str, group: str) -> bool:
    """Whether the broker hands out to this group's followers."""
    stream = subjects.events_stream(workspace)
    return await facts.consumer(bus, stream, subjects.consumer("group", group)) is not None
