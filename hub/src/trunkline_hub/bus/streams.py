"""The streams of a workspace, as configuration."""

from typing import Any

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError
from nats.js.manager import JetStreamManager

from trunkline.protocol import subjects
from trunkline.protocol.queueing import MAX_LANES
from trunkline_hub.bus.schedule_streams import schedule_streams
from trunkline_hub.bus.settings import BusSettings

ADVISORIES = "ADVISORIES"
ADVISORY_SUBJECT = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"
DUPLICATE_WINDOW_S = 120.0
_ADVISORY_BYTES = 64 * 2**20
_MAX_MSGS_ADVISORY_AGE_S = 7 * 86400.0
_COMPARED = (
    "subjects", "retention", "discard", "max_msgs", "max_bytes", "max_age", "max_consumers", "num_replicas",
    "duplicate_window", "allow_atomic", "allow_direct",
)  # fmt: skip


def workspace_streams(workspace: str, settings: BusSettings) -> list[StreamConfig]:
    """Return what a workspace needs: the log, the queues, what went wrong, what was handled, what waits for its time.

    No rollup, no TTL, no schedules where agents may write: with any of them a
    permitted publisher could wipe a stream or write to subjects it has no right to.
    """
    root = f"{subjects.ROOT}.{workspace}"
    return [
        StreamConfig(
            name=subjects.events_stream(workspace),
            description="The event log: append-only.",
            subjects=[f"{root}.events.>", f"{root}.redrive.>"],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
            max_bytes=settings.events_max_bytes,
            max_age=settings.events_max_age_s,
            deny_delete=True,
            deny_purge=True,
            **_common(settings),
        ),
        StreamConfig(
            name=subjects.tasks_stream(workspace),
            description="Work in queues. Full means back-pressure, never loss.",
            subjects=[f"{root}.tasks.>"],
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,
            max_bytes=settings.tasks_max_bytes,
            **_common(settings),
        ),
        StreamConfig(
            name=subjects.dead_stream(workspace),
            description="Dead letters. Full means that their senders keep them.",
            subjects=[f"{root}.dead.>"],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.NEW,
            max_bytes=settings.dead_max_bytes,
            **_common(settings),
        ),
        StreamConfig(
            name=subjects.attempts_stream(workspace),
            description="What went wrong, attempt by attempt.",
            subjects=[f"{root}.attempts.>"],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
            max_bytes=settings.dead_max_bytes,
            max_age=settings.attempts_max_age_s,
            **_common(settings),
        ),
        *schedule_streams(workspace, settings, _common(settings)),
        StreamConfig(
            name=subjects.receipts_stream(workspace),
            description="What was handled, by whom, how long; batches of records, best effort.",
            subjects=[f"{root}.receipts.>"],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
            max_bytes=settings.receipts_max_bytes,
            max_age=settings.receipts_max_age_s,
            **_common(settings),
        ),
        StreamConfig(
            name=subjects.work_stream(workspace),
            description="The course of tasks, event by event.",
            subjects=[f"{root}.work.>"],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
            max_bytes=settings.work_max_bytes,
            max_age=settings.work_max_age_s,
            **_common(settings),
        ),
    ]


def limited_stream(
    workspace: str, queue: str, max_messages: int, max_bytes: int, settings: BusSettings
) -> StreamConfig:
    """Return the stream of a queue with limits of its own; 0 means no limit of that kind."""
    return StreamConfig(
        name=subjects.limited_stream(workspace, queue),
        description="A queue with limits of its own. Full means back-pressure, never loss.",
        subjects=[f"{subjects.ROOT}.{workspace}.limited.{subjects.token(queue)}.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        discard=DiscardPolicy.NEW,
        max_msgs=max_messages or -1,
        max_bytes=max_bytes or -1,
        **_common(settings) | {"max_consumers": MAX_LANES * 2},
    )


def page_stream(workspace: str, page: int, settings: BusSettings) -> StreamConfig:
    """Return the stream of a further page of plain queues."""
    return StreamConfig(
        name=subjects.page_stream(workspace, page),
        description="Work in queues that the common stream has no room for. Full means back-pressure, never loss.",
        subjects=[f"{subjects.ROOT}.{workspace}.paged.{page}.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        discard=DiscardPolicy.NEW,
        max_bytes=settings.tasks_max_bytes,
        **_common(settings),
    )


def advisory_stream(settings: BusSettings) -> StreamConfig:
    """Return the stream that keeps the broker's word of messages given up."""
    return StreamConfig(
        name=ADVISORIES,
        description="Messages whose deliveries are exhausted.",
        subjects=[ADVISORY_SUBJECT],
        max_bytes=_ADVISORY_BYTES,
        max_age=_MAX_MSGS_ADVISORY_AGE_S,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        num_replicas=settings.replicas,
    )


async def ensure_stream(js: JetStreamManager, wanted: StreamConfig) -> bool:
    """Create or update one stream; whether anything changed."""
    assert wanted.name is not None
    try:
        present = (await js.stream_info(wanted.name)).config
    except NotFoundError:
        await js.add_stream(wanted)
        return True
    if all(_same(getattr(present, name), getattr(wanted, name)) for name in _COMPARED):
        return False
    await js.update_stream(wanted)
    return True


def _common(settings: BusSettings) -> dict[str, Any]:
    return {
        "storage": StorageType.FILE,
        "num_replicas": settings.replicas,
        "max_consumers": settings.max_consumers,
        "duplicate_window": DUPLICATE_WINDOW_S,
        "allow_atomic": True,
        "allow_direct": True,
    }


def _same(present: object, wanted: object) -> bool:
    return wanted is None or (present or None) == (wanted or None)
