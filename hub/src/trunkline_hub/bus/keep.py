"""Streams that keep some types longer than the log does: filtered mirrors, filled by the broker itself.

A mirror leaves sequences and times as they are in the log, so that the two can
be read as one (`docs/decisions/0017`). What a mirror copies is fixed when it is
made; other patterns make a next generation, and the former one stops growing
and lasts until its messages are too old.
"""

import contextlib
from dataclasses import dataclass

import msgspec
import nats.errors
import structlog
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig, StreamInfo, StreamSource
from nats.js.api import SubjectTransform as Transform
from nats.js.errors import APIError, NotFoundError
from nats.js.manager import JetStreamManager

from trunkline.protocol import subjects
from trunkline.protocol.errors import BusUnavailableError, FieldError, RequestInvalidError
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.bus.streams import ensure_stream, workspace_streams

_log = structlog.get_logger("keep")
_MARK = "trunkline-keep"
_WORKSPACE = "trunkline-workspace"
_NO_WINDOW_S = 1.0


class _Names(msgspec.Struct):
    total: int
    streams: list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class KeepSpec:
    """Types that are kept apart from the log, and for how long."""

    name: str
    generation: int
    patterns: tuple[str, ...]
    max_age_s: float
    max_bytes: int


@dataclass(frozen=True, kw_only=True)
class LogPlan:
    """How long the log of one workspace lasts; None is as the settings say."""

    max_age_s: float | None = None
    max_bytes: int | None = None
    keeps: tuple[KeepSpec, ...] = ()


@dataclass(frozen=True, kw_only=True)
class KeepState:
    """One keep stream in numbers."""

    stream: str
    name: str
    messages: int
    size_bytes: int
    first_seq: int
    last_seq: int
    lag: int
    grows: bool


def keep_stream(workspace: str, name: str, generation: int) -> str:
    return f"KEEP_{workspace}_{name}_{generation}"


async def ensure_log(js: JetStreamManager, config: StreamConfig, plan: LogPlan) -> bool:
    """Create or update a workspace's log with the limits that it has set; whether anything changed.

    Limits that the broker has no room for must not keep the hub from its other work.
    """
    try:
        return await ensure_stream(js, _with_limits(config, plan))
    except APIError as error:
        if plan.max_age_s is None and plan.max_bytes is None:
            raise
        _log.error("limits_refused", stream=config.name, error=error.description)  # noqa: TRY400 -- it says it all
        return False


async def try_limits(bus: HubBus, workspace: str, plan: LogPlan) -> None:
    """Give a workspace's log the limits of `plan` at once.

    Raises:
        RequestInvalidError: the broker has no room for them.
        BusUnavailableError
    """
    wanted = next(
        config
        for config in workspace_streams(workspace, bus.settings)
        if config.name == subjects.events_stream(workspace)
    )
    try:
        await ensure_stream(bus.js(), _with_limits(wanted, plan))
    except APIError as error:
        raise RequestInvalidError(errors=[FieldError("/max_bytes", f"the broker: {error.description}")]) from None
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The log's limits cannot be changed: {error}") from None


def _with_limits(config: StreamConfig, plan: LogPlan) -> StreamConfig:
    return config.evolve(
        max_age=config.max_age if plan.max_age_s is None else plan.max_age_s,
        max_bytes=config.max_bytes if plan.max_bytes is None else plan.max_bytes,
    )


async def converge_keeps(bus: HubBus, workspace: str, plan: LogPlan) -> None:
    """Make the keep streams of a workspace as planned; what nobody plans any more goes."""
    js = bus.js()
    present = {str(info.config.name): info for info in await keep_streams(bus, workspace)}
    wanted = {keep_stream(workspace, spec.name, spec.generation): spec for spec in plan.keeps}
    names = {spec.name: spec for spec in plan.keeps}
    for stream, spec in wanted.items():
        try:
            if await ensure_stream(js, _config(workspace, spec, bus.settings)):
                _log.info("keep_ready", stream=stream)
        except APIError as error:  # one that the broker has no room for must not keep the others from being made
            _log.error("keep_refused", stream=stream, error=error.description)  # noqa: TRY400 -- it says it all
    for stream, info in present.items():
        if stream in wanted:
            continue
        retired = names.get(keep_name(info))
        if retired is None or info.state.messages == 0:
            await js.delete_stream(stream)
            _log.info("keep_removed", stream=stream, messages=info.state.messages)
        else:
            await _retire(js, info, retired)


async def keep_streams(bus: HubBus, workspace: str) -> list[StreamInfo]:
    """Return the keep streams of a workspace, retired generations too.

    Raises:
        BusUnavailableError
    """
    js = bus.js()
    found: list[StreamInfo] = []
    for name in await _stream_names(bus):
        if name.startswith(f"KEEP_{workspace}_"):
            with contextlib.suppress(NotFoundError):
                info = await js.stream_info(name)
                if (info.config.metadata or {}).get(_WORKSPACE) == workspace:
                    found.append(info)
    return found


async def keep_states(bus: HubBus, workspace: str) -> list[KeepState]:
    """Return what the keep streams of a workspace hold."""
    return [_state(info) for info in await keep_streams(bus, workspace)]


async def keep_filters(bus: HubBus, keep: KeepState) -> list[str]:
    """Return the subjects that a keep stream copies; empty for a former one, which copies nothing any more."""
    mirror = (await bus.js().stream_info(keep.stream)).config.mirror
    return [one.src for one in mirror.subject_transforms or []] if mirror is not None else []


def keep_name(info: StreamInfo) -> str:
    """Return the name under which a keep stream was declared."""
    return (info.config.metadata or {})[_MARK]


def _state(info: StreamInfo) -> KeepState:
    return KeepState(
        stream=str(info.config.name), name=keep_name(info), messages=info.state.messages, size_bytes=info.state.bytes,
        first_seq=info.state.first_seq, last_seq=info.state.last_seq, grows=info.config.mirror is not None,
        lag=(info.mirror.lag or 0) if info.mirror is not None else 0,
    )  # fmt: skip


async def _stream_names(bus: HubBus) -> list[str]:
    """Return the names of all streams; the full list would carry the state of each."""
    found: list[str] = []
    while True:
        answer = await bus.bus.request("$JS.API.STREAM.NAMES", {"offset": len(found)})
        page = msgspec.json.decode(answer.data, type=_Names)
        found += page.streams or []
        if not page.streams or len(found) >= page.total:
            return found


async def _retire(js: JetStreamManager, info: StreamInfo, spec: KeepSpec) -> None:
    """Have a former generation stop growing; its messages live as long as the new one's would."""
    config = info.config
    if config.mirror is not None or config.max_age != spec.max_age_s or config.max_bytes != spec.max_bytes:
        config.mirror = None
        config.max_age, config.max_bytes = spec.max_age_s, spec.max_bytes
        config.duplicate_window = _NO_WINDOW_S  # nothing is written to it any more
        await js.update_stream(config)
        _log.info("keep_retired", stream=config.name)


def _config(workspace: str, spec: KeepSpec, settings: BusSettings) -> StreamConfig:
    root = f"{subjects.ROOT}.{workspace}.events"
    copied = [
        Transform(
            src=subjects.event_filter(workspace, pattern),
            dest=f"{root}.{{{{wildcard(1)}}}}.{_numbered(subjects.type_filter(pattern), first=2)}",
        )
        for pattern in spec.patterns
    ]
    return StreamConfig(
        name=keep_stream(workspace, spec.name, spec.generation),
        description="Events that are kept longer than the log.",
        mirror=StreamSource(name=subjects.events_stream(workspace), subject_transforms=copied),
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        max_age=spec.max_age_s,
        max_bytes=spec.max_bytes,
        num_replicas=settings.replicas,
        allow_direct=True,
        deny_delete=True,
        deny_purge=True,
        metadata={_MARK: spec.name, _WORKSPACE: workspace},
    )


def _numbered(type_filter: str, *, first: int) -> str:
    """Return the destination that leaves a type as it is: each `*` becomes the number of its wildcard."""
    number = first
    parts = []
    for token in type_filter.split("."):
        if token == "*":  # noqa: S105 -- a token of a subject
            parts.append(f"{{{{wildcard({number})}}}}")
            number += 1
        else:
            parts.append(token)
    return ".".join(parts)
