"""Makes NATS so: streams and consumers as SQL says they should be."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import nats.errors
import structlog
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamConfig
from nats.js.errors import BadRequestError, NotFoundError, ServerError
from nats.js.manager import JetStreamManager

from trunkline.protocol.errors import BusUnavailableError
from trunkline.protocol.subjects import (
    Lane,
    consumer,
    events_stream,
    reader_of_consumer,
    reader_stream,
)
from trunkline_hub.bus import facts, pauses, streams
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.facts import NS, ConsumerFacts, ConsumerShape
from trunkline_hub.bus.keep import LogPlan, converge_keeps, ensure_log
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.bus.state import queue_streams
from trunkline_hub.core.component import Component

_log = structlog.get_logger("reconciler")
_INTERVAL_S = 15.0
_DUTY = 10
"""Comparing everything takes at most this fraction of the time."""
_OURS = "trunkline-reader"
_SPARE_DELIVERIES = 2
"""The broker gives up this many deliveries after the worker should have."""
_AT_ONCE = 16
_LINGER_S = 120.0
"""A stream that no queue wants any more is kept for senders that do not know yet."""


@dataclass(frozen=True, kw_only=True)
class ConsumerSpec:
    """A durable consumer that should exist."""

    workspace: str
    lane: Lane
    reader: str
    filters: tuple[str, ...]
    max_attempts: int
    ack_wait_s: float
    max_in_flight: int
    part: str = ""
    """Name of the consumer, where a queue has several."""
    held_in: str = ""
    """Name of the stream, where it is not the workspace's common one."""
    paused: bool = False

    @property
    def stream(self) -> str:
        return self.held_in or reader_stream(self.workspace, self.lane)

    @property
    def name(self) -> str:
        return self.part or consumer(self.lane, self.reader)


@dataclass(frozen=True, kw_only=True)
class QueueStream:
    """A stream that should exist beside the common one: a further page of plain queues, or one queue with limits."""

    workspace: str
    page: int = 0
    queue: str = ""
    """The one queue; of its limits, 0 means none of that kind."""
    max_messages: int = 0
    max_bytes: int = 0

    def config(self, settings: BusSettings) -> StreamConfig:
        """Return it as configuration."""
        if self.page:
            return streams.page_stream(self.workspace, self.page, settings)
        return streams.limited_stream(self.workspace, self.queue, self.max_messages, self.max_bytes, settings)


@dataclass(frozen=True, kw_only=True)
class Only:
    """Some readers of one workspace, instead of all."""

    workspace: str
    lane: Lane
    names: tuple[str, ...]


Desired = Callable[[Only | None], Awaitable[list[ConsumerSpec]]]
QueueStreams = Callable[[Only | None], Awaitable[list[QueueStream]]]
Workspaces = Callable[[], Awaitable[list[str]]]
LogPlans = Callable[[str], Awaitable[LogPlan]]


class Reconciler(Component):
    """Compares what should exist with what does, and creates, updates, deletes."""

    name: ClassVar[str] = "reconciler"

    def __init__(
        self,
        bus: HubBus,
        workspaces: Workspaces,
        desired: Sequence[Desired],
        queue_streams: QueueStreams,
        log_plan: LogPlans,
    ) -> None:
        super().__init__()
        self._log_plan = log_plan
        self._bus = bus
        self._workspaces = workspaces
        self._desired = desired
        self._queue_streams = queue_streams
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._last_error: str | None = None
        self._unwanted_since: dict[str, float] = {}

    async def run(self) -> None:
        self._bus.bus.on_up.append(self._wake.set)
        while True:
            self._wake.clear()
            began = time.monotonic()
            try:
                await self.converge()
                self._last_error = None
                self.started.set()
            except (BusUnavailableError, TimeoutError, nats.errors.Error) as error:
                self._last_error = f"the broker is away: {error}"
            rest_s = max(_INTERVAL_S, (time.monotonic() - began) * _DUTY) if self._last_error is None else 0.5
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s):
                    await self._wake.wait()

    def ailment(self) -> str | None:
        return self._last_error

    async def converge(self) -> None:
        """Bring NATS in line now; returns when it is."""
        async with self._turn:
            js = self._bus.js()
            await streams.ensure_stream(js, streams.advisory_stream(self._bus.settings))
            own = await self._queue_streams(None)
            wanted = await self._wanted(None)
            for workspace in await self._workspaces():
                await self._converge_streams(js, workspace, [one for one in own if one.workspace == workspace])
                await self._converge_consumers(js, workspace, [spec for spec in wanted if spec.workspace == workspace])

    async def refit(self, only: Only) -> None:
        """Make what some readers need now, without looking at all the others; any number of these at a time."""
        js = self._bus.js()
        for one in await self._queue_streams(only):
            await self.ensure_stream(one)
        fits = True
        for spec in await self._wanted(only):
            fits &= await self._ensure(js, spec, await facts.consumer(self._bus, spec.stream, spec.name))
        if not fits:  # consumers of an earlier layout stand in the way
            await self.converge()

    async def _wanted(self, only: Only | None) -> list[ConsumerSpec]:
        return [spec for source in self._desired for spec in await source(only)]

    async def _converge_streams(self, js: JetStreamManager, workspace: str, own: list[QueueStream]) -> None:
        plan = await self._log_plan(workspace)
        for config in streams.workspace_streams(workspace, self._bus.settings):
            is_log = config.name == events_stream(workspace)
            if await (ensure_log(js, config, plan) if is_log else streams.ensure_stream(js, config)):
                _log.info("stream_ready", stream=config.name)
        await converge_keeps(self._bus, workspace, plan)
        for one in own:
            await self.ensure_stream(one)
        wanted = {one.config(self._bus.settings).name for one in own}
        _common, *present = await queue_streams(self._bus, workspace)
        for stream in present:
            if stream in wanted:
                self._unwanted_since.pop(stream, None)
            else:
                await self._retire(js, stream)

    async def ensure_stream(self, one: QueueStream) -> bool:
        """Make or fit a stream of queues; whether the broker took it."""
        config = one.config(self._bus.settings)
        try:
            if await streams.ensure_stream(self._bus.js(), config):
                _log.info("stream_ready", stream=config.name)
        except (
            BadRequestError,
            ServerError,
        ) as error:  # too little room for it must not keep the others from being made
            _log.error("stream_refused", stream=config.name, error=error.description)  # noqa: TRY400
            return False
        return True

    async def _retire(self, js: JetStreamManager, stream: str) -> None:
        """Delete a stream that is empty and has been unwanted for a while."""
        since = self._unwanted_since.setdefault(stream, time.monotonic())
        found = await facts.counts(self._bus, stream)
        if found is not None and not found.messages and time.monotonic() - since > _LINGER_S:
            await js.delete_stream(stream)
            self._unwanted_since.pop(stream, None)
            _log.info("stream_removed", stream=stream)

    async def _converge_consumers(self, js: JetStreamManager, workspace: str, wanted: list[ConsumerSpec]) -> None:
        by_stream: dict[str, dict[str, ConsumerSpec]] = {reader_stream(workspace, "group"): {}}
        by_stream |= {stream: {} for stream in await queue_streams(self._bus, workspace)}
        for spec in wanted:
            by_stream.setdefault(spec.stream, {})[spec.name] = spec
        for stream, specs in by_stream.items():
            present = {one.name: one for one in await facts.consumers(self._bus, stream)}
            for name, one in present.items():
                if name not in specs and _OURS in (one.config.metadata or {}):
                    await self._remove(js, workspace, stream, name)
            found = [(spec, present.get(name)) for name, spec in specs.items()]
            for at in range(0, len(found), _AT_ONCE):
                await asyncio.gather(*(self._ensure(js, spec, one) for spec, one in found[at : at + _AT_ONCE]))

    async def _remove(self, js: JetStreamManager, workspace: str, stream: str, name: str) -> None:
        """Delete a consumer, unless it has come to be wanted since the comparison began."""
        lane: Lane = "queue" if name.startswith("q_") else "group"
        now = await self._wanted(Only(workspace=workspace, lane=lane, names=(reader_of_consumer(name),)))
        if (stream, name) in {(spec.stream, spec.name) for spec in now}:
            return
        with contextlib.suppress(NotFoundError):
            await js.delete_consumer(stream, name)
        _log.info("consumer_removed", stream=stream, consumer=name)

    async def _ensure(self, js: JetStreamManager, spec: ConsumerSpec, present: ConsumerFacts | None) -> bool:
        """Create or update one consumer; whether the broker took it."""
        config = _config(spec)
        if present is not None:
            await pauses.align(js, spec.stream, present, paused=spec.paused)
            if _same(present.config, spec):
                return True
            config.deliver_policy = DeliverPolicy(present.config.deliver_policy)
            config.opt_start_seq = present.config.opt_start_seq
        elif spec.paused:
            config.pause_until = pauses.FOREVER
        try:
            await js.add_consumer(spec.stream, config)
        except (BadRequestError, NotFoundError) as error:  # one that the broker refuses must not stop the others
            _log.error("consumer_refused", stream=spec.stream, consumer=spec.name, error=error.description)  # noqa: TRY400
            return False
        _log.info("consumer_ready", stream=spec.stream, consumer=spec.name, new=present is None)
        return True


def _config(spec: ConsumerSpec) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=spec.name,
        filter_subjects=list(spec.filters),
        deliver_policy=DeliverPolicy.ALL if spec.lane == "queue" else DeliverPolicy.NEW,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=spec.ack_wait_s,
        max_deliver=spec.max_attempts + _SPARE_DELIVERIES,
        max_ack_pending=spec.max_in_flight,
        metadata={_OURS: f"{spec.lane}:{spec.reader}"},
    )


def _same(present: ConsumerShape, wanted: ConsumerSpec) -> bool:
    return (
        sorted(present.filters) == sorted(wanted.filters)
        and present.ack_wait == round(wanted.ack_wait_s * NS)
        and present.max_deliver == wanted.max_attempts + _SPARE_DELIVERIES
        and present.max_ack_pending == wanted.max_in_flight
    )
