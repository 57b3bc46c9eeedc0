"""Makes NATS so: streams and consumers as SQL says they should be."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import nats.errors
import structlog
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from nats.js.errors import BadRequestError, NotFoundError
from nats.js.manager import JetStreamManager

from trunkline.protocol.errors import BusUnavailableError
from trunkline.protocol.subjects import Lane, consumer, events_stream, reader_stream
from trunkline_hub.bus import pauses, streams
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.keep import LogPlan, converge_keeps, ensure_log
from trunkline_hub.core.component import Component

_log = structlog.get_logger("reconciler")
_INTERVAL_S = 15.0
_PAGE = 256
_OURS = "trunkline-reader"
_SPARE_DELIVERIES = 2
"""The broker gives up this many deliveries after the worker should have."""


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
    paused: bool = False

    @property
    def stream(self) -> str:
        return reader_stream(self.workspace, self.lane)

    @property
    def name(self) -> str:
        return consumer(self.lane, self.reader)


Desired = Callable[[], Awaitable[list[ConsumerSpec]]]
Workspaces = Callable[[], Awaitable[list[str]]]
LogPlans = Callable[[str], Awaitable[LogPlan]]


class Reconciler(Component):
    """Compares what should exist with what does, and creates, updates, deletes."""

    name: ClassVar[str] = "reconciler"

    def __init__(self, bus: HubBus, workspaces: Workspaces, desired: Sequence[Desired], log_plan: LogPlans) -> None:
        super().__init__()
        self._log_plan = log_plan
        self._bus = bus
        self._workspaces = workspaces
        self._desired = desired
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._last_error: str | None = None

    async def run(self) -> None:
        self._bus.bus.on_up.append(self._wake.set)
        while True:
            self._wake.clear()
            try:
                await self.converge()
                self._last_error = None
                self.started.set()
            except (BusUnavailableError, TimeoutError, nats.errors.Error) as error:
                self._last_error = f"the broker is away: {error}"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_INTERVAL_S if self._last_error is None else 0.5):
                    await self._wake.wait()

    def ailment(self) -> str | None:
        return self._last_error

    async def converge(self) -> None:
        """Bring NATS in line now; returns when it is."""
        async with self._turn:
            js = self._bus.js()
            await streams.ensure_stream(js, streams.advisory_stream(self._bus.settings))
            wanted = [spec for source in self._desired for spec in await source()]
            for workspace in await self._workspaces():
                await self._converge_workspace(js, workspace, [s for s in wanted if s.workspace == workspace])

    async def _converge_workspace(self, js: JetStreamManager, workspace: str, wanted: list[ConsumerSpec]) -> None:
        plan = await self._log_plan(workspace)
        for config in streams.workspace_streams(workspace, self._bus.settings):
            is_log = config.name == events_stream(workspace)
            if await (ensure_log(js, config, plan) if is_log else streams.ensure_stream(js, config)):
                _log.info("stream_ready", stream=config.name)
        await converge_keeps(self._bus, workspace, plan)
        lanes: tuple[Lane, ...] = ("queue", "group")
        for lane in lanes:
            stream = reader_stream(workspace, lane)
            present = {info.name: info for info in await consumers(js, stream)}
            of_lane = {spec.name: spec for spec in wanted if spec.lane == lane}
            for name, spec in of_lane.items():
                await self._ensure(js, spec, present.get(name))
            for name, info in present.items():
                if name not in of_lane and _OURS in (info.config.metadata or {}):
                    await js.delete_consumer(stream, name)
                    _log.info("consumer_removed", stream=stream, consumer=name)

    async def _ensure(self, js: JetStreamManager, spec: ConsumerSpec, present: ConsumerInfo | None) -> None:
        config = _config(spec)
        if present is not None:
            await pauses.align(js, spec.stream, present, paused=spec.paused)
        elif spec.paused:
            config.pause_until = pauses.FOREVER
        if present is not None and _same(present.config, config):
            return
        if present is not None:
            config.deliver_policy = present.config.deliver_policy
            config.opt_start_seq = present.config.opt_start_seq
        try:
            await js.add_consumer(spec.stream, config)
        except BadRequestError as error:  # one that the broker refuses must not keep the others from being made
            _log.error("consumer_refused", stream=spec.stream, consumer=spec.name, error=error.description)  # noqa: TRY400
            return
        _log.info("consumer_ready", stream=spec.stream, consumer=spec.name, new=present is None)


async def consumers(js: JetStreamManager, stream: str) -> list[ConsumerInfo]:
    """Return every consumer of `stream`; the API answers in pages of 256."""
    found: list[ConsumerInfo] = []
    while True:
        try:
            page = await js.consumers_info(stream, offset=len(found))
        except NotFoundError:
            return found
        found += page
        if len(page) < _PAGE:
            return found


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


def _same(present: ConsumerConfig, wanted: ConsumerConfig) -> bool:
    filters = present.filter_subjects or ([present.filter_subject] if present.filter_subject else [])
    return (
        sorted(filters) == sorted(wanted.filter_subjects or [])
        and present.ack_wait == wanted.ack_wait
        and present.max_deliver == wanted.max_deliver
        and present.max_ack_pending == wanted.max_ack_pending
    )
