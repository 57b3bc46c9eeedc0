"""The course of tasks: written by whoever does them, followed and read back here."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from trunkline.protocol import subjects
from trunkline.protocol.frames import Ack
from trunkline.protocol.tasks import TaskEvent
from trunkline.tasks import Tasks
from trunkline.wire import header_lines, message
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.direct import read_run
from trunkline_hub.bus.feed import Extent, Fed, Feed, extent

_JSON = header_lines({"Content-Type": "application/json"})
_RUN = 500
_decoder = msgspec.json.Decoder(TaskEvent)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One event of a course as it lies in the stream: who wrote it is pinned by its subject."""

    seq: int
    stored_at: datetime
    writer: str
    agent: str
    task_id: str
    event: TaskEvent


def step_of(seq: int, stored_at: datetime, subject: str, payload: bytes) -> Step | None:
    """Return the step in a stored message, or None where it is none: anybody who may write may write nonsense."""
    _root, _workspace, _work, writer, agent, task_id = subject.split(".")
    try:
        event = _decoder.decode(payload)
    except msgspec.DecodeError:
        return None
    return Step(
        seq=seq, stored_at=stored_at, writer=subjects.untoken(writer), agent=subjects.untoken(agent),
        task_id=subjects.untoken(task_id), event=event,
    )  # fmt: skip


def step_of_fed(fed: Fed) -> Step | None:
    """Return the step in what a feed brought, or None."""
    return step_of(fed.seq, datetime.fromtimestamp(fed.stored_us / 1e6, UTC), fed.subject, fed.payload)


async def write(bus: HubBus, workspace: str, agent: str, task_id: str, event: TaskEvent, *, msg_id: str) -> Ack:
    """Write the next step of a task as the hub.

    Raises:
        BusUnavailableError, MessageTooLargeError
    """
    subject = subjects.work(workspace, subjects.HUB, agent, task_id)
    raw = msgspec.json.encode(event)
    return await bus.store(subjects.work_stream(workspace), subject, raw, msg_id=msg_id, headers=_JSON, key=task_id)


async def read(bus: HubBus, workspace: str, task_id: str, *, after_seq: int) -> list[Step]:
    """Return a task's steps behind `after_seq`, in order."""
    found: list[Step] = []
    stream, course = subjects.work_stream(workspace), subjects.work_filter(workspace, task_id=task_id)
    while True:
        run = await read_run(bus, stream, course, from_seq=after_seq + 1, limit=_RUN)
        steps = (step_of(one.seq, one.stored_at, one.subject, one.payload) for one in run.messages)
        found += [step for step in steps if step is not None]
        if not run.behind:
            return found
        after_seq = run.messages[-1].seq


def call_off(bus: HubBus, workspace: str, skill: str, called: str) -> None:
    """Tell whoever works on a task, or on a call of the hub's, that it is no longer wanted."""
    bus.bus.write(message(subjects.cancel(workspace, subjects.HUB, skill, called), b""))


async def span(bus: HubBus, workspace: str) -> Extent | None:
    """Return what the courses of a workspace's tasks hold, or None where there are none yet."""
    return await extent(bus, subjects.work_stream(workspace))


class Followed:
    """The courses of some workspaces as they are written, in order and without a gap."""

    def __init__(self, bus: HubBus) -> None:
        self.arrived = asyncio.Event()
        self._bus = bus
        self._feeds: dict[str, Feed] = {}
        self._tasks = Tasks()

    def __contains__(self, workspace: str) -> bool:
        return workspace in self._feeds

    def add(self, workspace: str, *, after_seq: int) -> None:
        """Begin to follow a workspace behind a place of its stream."""
        feed = Feed(self._bus, subjects.work_stream(workspace), after_seq=after_seq, arrived=self.arrived)
        self._feeds[workspace] = feed
        self._tasks.spawn(feed.run(), name=f"follow-{feed.stream}")

    def take(self, most: int) -> Iterator[tuple[str, list[Fed]]]:
        """Yield what has arrived by workspace; it is gone from here."""
        self.arrived.clear()
        for workspace, feed in list(self._feeds.items()):
            taken = feed.take(most)
            if taken:
                yield workspace, taken

    async def wait(self, timeout_s: float) -> None:
        """Return when something has arrived, or after `timeout_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.arrived.wait()

    async def close(self) -> None:
        """Follow nothing any more."""
        await self._tasks.close()
        self._feeds.clear()
