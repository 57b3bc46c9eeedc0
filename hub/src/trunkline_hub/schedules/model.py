"""Rules of schedules: what an expression means, when it fires, what a late clock makes of it. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError

from trunkline.protocol import envelope as ce
from trunkline.protocol import queueing
from trunkline.protocol.errors import FieldError, QueueClassUnknownError, RequestInvalidError
from trunkline.protocol.resources import QueueDeclaration, ScheduleDeclaration
from trunkline.protocol.subjects import can_name_reader
from trunkline_hub.core.clock import rfc3339

GRACE = timedelta(seconds=60)
"""A firing this much late still counts as on time: so long may a hub take over from another."""
SHOWN = 5
_MAX_EXPRESSION_CHARS = 127
_MAX_JITTER_S = 3600.0
_MAX_TEXT_CHARS = 512
_MAX_TYPE_CHARS = 255
_MAX_DATA_BYTES = 256 * 1024
_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_SECONDS_FIELDS = 6
_NEVER = "names no moment that ever comes"


@dataclass(frozen=True, kw_only=True)
class Lateness:
    """What to do about the firings before now: those left out, those to make."""

    missed: tuple[datetime, datetime] | None
    """First and last of those that are left out."""
    fire: list[datetime]


class FiringMessage(ce.Envelope, kw_only=True):
    """A message that a schedule sends; a handler finds these two under `ctx.extensions`."""

    schedule: str
    scheduledtime: str
    """RFC 3339: the time it was planned for, whenever it came."""


def check(name: str, wanted: ScheduleDeclaration, now: datetime) -> None:
    """Refuse a declaration that cannot be kept.

    Raises:
        RequestInvalidError: names each wrong field.
    """
    problems: list[FieldError] = []
    if not can_name_reader(name):
        problems.append(FieldError("/name", "letters, digits, '_', '.', '-'; at most 127"))
    problems += _timing_problems(wanted.cron, wanted.timezone, now)
    if (wanted.queue is None) == (wanted.event is None):
        problems.append(FieldError("/queue", "give exactly one of `queue` and `event`"))
    if wanted.event is not None and wanted.priority is not None:
        problems.append(FieldError("/priority", "only work has a priority, events have none"))
    if wanted.event is not None and not _is_type(wanted.event):
        detail = f"must be 1 to {_MAX_TYPE_CHARS} characters without spaces, '*' or '>'"
        problems.append(FieldError("/event", detail))
    if not 0 <= wanted.jitter_s <= _MAX_JITTER_S:
        problems.append(FieldError("/jitter_s", f"must be 0 to {_MAX_JITTER_S:.0f}"))
    if len(msgspec.json.encode(wanted.data)) > _MAX_DATA_BYTES:
        problems.append(FieldError("/data", f"must be at most {_MAX_DATA_BYTES} bytes"))
    for field in ("type", "subject", "key", "description"):
        if len(getattr(wanted, field) or "") > _MAX_TEXT_CHARS:
            problems.append(FieldError(f"/{field}", f"must be at most {_MAX_TEXT_CHARS} characters"))
    if problems:
        raise RequestInvalidError(errors=problems)


def check_times(cron: str, zone: str, now: datetime) -> None:
    """Refuse an expression that names no moments.

    Raises:
        RequestInvalidError: names the wrong parameter.
    """
    if problems := _timing_problems(cron, zone, now, "query:"):
        raise RequestInvalidError(errors=problems)


def check_class(wanted: ScheduleDeclaration, queue: QueueDeclaration) -> None:
    """Refuse a class that the queue does not have.

    Raises:
        QueueClassUnknownError
    """
    classes = queueing.layout(queue).classes
    if wanted.priority is not None and wanted.priority not in classes:
        raise QueueClassUnknownError(
            f"The queue {wanted.queue!r} has no class {wanted.priority!r}; it has {', '.join(classes)}"
        )


def next_after(cron: str, zone: str, moment: datetime) -> datetime:
    """Return the first firing after `moment`, in UTC."""
    return next(upcoming(cron, zone, moment))


def upcoming(cron: str, zone: str, moment: datetime) -> Iterator[datetime]:
    """Yield the firings after `moment`, in UTC."""
    for local in CronSim(_expression(cron), moment.astimezone(_zone(zone))):
        yield local.astimezone(UTC)


def latest_before(cron: str, zone: str, moment: datetime) -> datetime:
    """Return the last firing before `moment`, in UTC."""
    return next(CronSim(_expression(cron), moment.astimezone(_zone(zone)), reverse=True)).astimezone(UTC)


def fires_at(name: str, wanted: ScheduleDeclaration, planned: datetime) -> datetime:
    """Return when the firing planned for `planned` goes out: the jitter is the same whoever asks."""
    if not wanted.jitter_s:
        return planned
    digest = hashlib.sha256(f"{name}\0{planned.timestamp()}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return planned + timedelta(seconds=wanted.jitter_s * share)


def judge_lateness(name: str, wanted: ScheduleDeclaration, planned: datetime, now: datetime) -> Lateness:
    """Decide about `planned` and the firings after it, up to now.

    Within the grace each one is made. Of older ones none (`skip`) or the latest (`once`).
    """
    missed: tuple[datetime, datetime] | None = None
    fire: list[datetime] = []
    cutoff = now - GRACE - timedelta(seconds=wanted.jitter_s)
    if planned < cutoff:
        latest = max(planned, latest_before(wanted.cron, wanted.timezone, cutoff))
        if wanted.misfire == "once":
            fire.append(latest)
            before = latest_before(wanted.cron, wanted.timezone, latest)
            missed = (planned, before) if before >= planned else None
        else:
            missed = (planned, latest)
        planned = next_after(wanted.cron, wanted.timezone, latest)
    while fires_at(name, wanted, planned) <= now:
        fire.append(planned)
        planned = next_after(wanted.cron, wanted.timezone, planned)
    return Lateness(missed=missed, fire=fire)


def message_id(name: str, planned: datetime) -> str:
    """Return the id of a firing's message: the same whichever hub makes it."""
    return f"cron:{name}:{planned.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def firing_message(
    name: str,
    wanted: ScheduleDeclaration,
    *,
    workspace: str,
    planned: datetime,
    id: str,  # noqa: A002 -- CloudEvents' own name
) -> FiringMessage:
    """Return the message of one firing."""
    return FiringMessage(
        specversion="1.0",
        id=id,
        source=f"/{workspace}/schedules/{name}",
        type=wanted.event or wanted.type or f"task.{wanted.queue}",
        subject=wanted.subject,
        time=ce.now_rfc3339(),
        datacontenttype=ce.JSON_DATA,
        data=msgspec.Raw(msgspec.json.encode(wanted.data)),
        partitionkey=wanted.key,
        priority=wanted.priority,
        schedule=name,
        scheduledtime=rfc3339(planned),
    )


def _timing_problems(cron: str, zone: str, now: datetime, where: str = "/") -> list[FieldError]:
    try:
        _zone(zone)
    except (ValueError, KeyError, OSError):
        return [FieldError(f"{where}timezone", f"{zone[:64]!r} is not an IANA time zone such as 'Europe/Berlin'")]
    if len(cron) > _MAX_EXPRESSION_CHARS:
        return [FieldError(f"{where}cron", f"must be at most {_MAX_EXPRESSION_CHARS} characters")]
    try:
        next_after(cron, zone, now)
        latest_before(cron, zone, now)
    except CronSimError as error:
        hint = "minute hour day month weekday, or with seconds first; or @hourly, @daily, @weekly, @monthly, @yearly"
        return [FieldError(f"{where}cron", f"{error}: {hint}")]
    except (StopIteration, OverflowError):
        return [FieldError(f"{where}cron", _NEVER)]
    return []


def _expression(cron: str) -> str:
    """Return what the evaluator reads. On the full minute, seconds change nothing but how clock changes are met."""
    cron = _ALIASES.get(cron.strip().lower(), cron)
    fields = cron.split()
    if len(fields) == _SECONDS_FIELDS and fields[0] == "0":
        return " ".join(fields[1:])
    return cron


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _is_type(text: str) -> bool:
    return 0 < len(text) <= _MAX_TYPE_CHARS and not any(char.isspace() or char in "*>" for char in text)
