"""The overview: sampled once a second on each hub, read by everyone."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec

from trunkline.protocol import subjects
from trunkline.protocol.errors import TrunklineError, UnavailableError
from trunkline.protocol.resources import Overview, ReaderLag, Sample
from trunkline.protocol.subjects import Lane
from trunkline_hub import __version__
from trunkline_hub.admin.settings import AdminSettings
from trunkline_hub.agents import Agents
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.state import ReaderState, reader_states, stream_state, tasks_seen
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.component import Component
from trunkline_hub.db import Database
from trunkline_hub.dead_letters import DeadLetters

_LANES: tuple[Lane, ...] = ("queue", "group")
_HEARTBEAT_S = 5.0
_DUTY = 10
"""Sampling takes at most this fraction of the time, however many queues there are."""


@dataclass
class _Watched:
    """What is remembered of a workspace between two samples."""

    history: deque[Sample]
    last_at: float = 0.0
    last_events: int | None = None
    last_tasks: int | None = None
    overview: Overview | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Overviews(Component):
    """Samples every workspace and hands the newest overview to those who watch."""

    name: ClassVar[str] = "overview"

    def __init__(
        self,
        settings: AdminSettings,
        bus: HubBus,
        db: Database,
        clock: Clock,
        agents: Agents,
        dead_letters: DeadLetters,
        workspaces: Callable[[], Awaitable[list[str]]],
    ) -> None:
        super().__init__()
        self._settings = settings
        self._bus = bus
        self._db = db
        self._clock = clock
        self._agents = agents
        self._dead_letters = dead_letters
        self._workspaces = workspaces
        self._watched: dict[str, _Watched] = {}

    async def run(self) -> None:
        while True:
            began = time.monotonic()
            for workspace in await self._workspaces():
                try:
                    await self._sample(workspace)
                except TrunklineError:
                    self._mark_down(workspace)
            self.started.set()
            await asyncio.sleep(max(self._settings.sample_s, (time.monotonic() - began) * _DUTY))

    def now(self, workspace: str) -> Overview:
        """Return the newest overview.

        Raises:
            UnavailableError: the first sample is not in yet.
        """
        overview = self._entry(workspace).overview
        if overview is None:
            raise UnavailableError("The hub has only just started; the first sample is not in yet")
        return overview

    async def follow(self, workspace: str) -> AsyncIterator[Overview | None]:
        """Yield each new overview; None when there was none for a while."""
        while True:
            entry = self._entry(workspace)
            if entry.overview is not None:
                yield entry.overview
            try:
                async with asyncio.timeout(_HEARTBEAT_S):
                    await entry.changed.wait()
            except TimeoutError:
                yield None

    def gauges(self) -> Iterable[tuple[str, str, dict[str, str], float]]:
        """Report the newest overviews as metrics."""
        for workspace, entry in self._watched.items():
            if entry.overview is None:
                continue
            labels = {"workspace": workspace}
            view = entry.overview
            yield "trunkline_bus_up", "Whether the hub reaches the broker.", labels, float(view.bus_up)
            yield "trunkline_agents_up", "Agents with a living instance.", labels, view.agents_up
            yield "trunkline_events_stored", "Sequence of the newest event.", labels, view.events_total
            yield "trunkline_tasks_stored", "Sequence of the newest task.", labels, view.tasks_total
            yield "trunkline_attempts_failed", "Failed attempts on record.", labels, view.attempts_failed
            for lag in view.readers:
                named = {**labels, "lane": lag.lane, "reader": lag.name}
                yield "trunkline_reader_waiting", "Messages that wait for a reader.", named, lag.waiting
                yield "trunkline_reader_in_flight", "Messages given out and not settled.", named, lag.in_flight
                yield "trunkline_dead_letters_waiting", "Dead letters not redriven.", named, lag.dead

    async def _sample(self, workspace: str) -> None:
        entry = self._entry(workspace)
        events = (await stream_state(self._bus, subjects.events_stream(workspace))).last_seq
        tasks = await tasks_seen(self._bus, workspace)
        async with self._db.read() as tx:
            counts = {(count.lane, count.reader): count for count in await self._dead_letters.counts(tx, workspace)}
            failed = await self._dead_letters.failed_attempts(tx, workspace)
            up, total = await self._agents.up_and_total(tx, workspace)
        readers = []
        for lane in _LANES:
            for name, state in sorted((await reader_states(self._bus, workspace, lane)).items()):
                waiting = counts[(lane, name)].waiting if (lane, name) in counts else 0
                readers.append(_lag(lane, name, state, waiting))
        dead_waiting = sum(count.waiting for count in counts.values())
        sample = self._rates(entry, events, tasks, readers, dead_waiting, up)
        entry.history.append(sample)
        overview = Overview(
            at=sample.at, version=__version__, agents_up=up, agents_total=total, events_total=events,
            tasks_total=tasks, dead_total=sum(count.total for count in counts.values()), dead_waiting=dead_waiting,
            attempts_failed=failed, bus_up=True, readers=readers, history=list(entry.history),
        )  # fmt: skip
        self._tell(entry, overview)

    def _rates(self, entry: _Watched, events: int, tasks: int, readers: list[ReaderLag], dead: int, up: int) -> Sample:
        queues = [reader for reader in readers if reader.lane == "queue"]
        now = time.monotonic()
        seconds = max(now - entry.last_at, 0.001)
        sample = Sample(
            at=rfc3339(self._clock.now()),
            events_per_s=_rate(entry.last_events, events, seconds),
            tasks_per_s=_rate(entry.last_tasks, tasks, seconds),
            depth=sum(reader.waiting for reader in queues),
            in_flight=sum(reader.in_flight for reader in queues),
            dead=dead,
            agents_up=up,
        )
        entry.last_at, entry.last_events, entry.last_tasks = now, events, tasks
        return sample

    def _mark_down(self, workspace: str) -> None:
        """Say that the broker is away rather than show old numbers as new ones."""
        entry = self._entry(workspace)
        if entry.overview is not None:
            at = rfc3339(self._clock.now())
            self._tell(entry, msgspec.structs.replace(entry.overview, at=at, bus_up=False))

    def _entry(self, workspace: str) -> _Watched:
        if workspace not in self._watched:
            self._watched[workspace] = _Watched(history=deque(maxlen=self._settings.history))
        return self._watched[workspace]

    def _tell(self, entry: _Watched, overview: Overview) -> None:
        entry.overview = overview
        entry.changed.set()
        entry.changed = asyncio.Event()


def _rate(before: int | None, after: int, seconds: float) -> float:
    return 0.0 if before is None else round(max(0, after - before) / seconds, 2)


def _lag(lane: Lane, reader: str, state: ReaderState, dead: int) -> ReaderLag:
    return ReaderLag(
        lane=lane, name=reader, waiting=state.waiting, in_flight=state.in_flight,
        delivered=state.delivered, dead=dead,
    )  # fmt: skip
