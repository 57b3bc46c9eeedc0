"""The streams of what is to happen later, as configuration."""

from typing import Any

from nats.js.api import DiscardPolicy, RetentionPolicy, StreamConfig

from trunkline.protocol import subjects
from trunkline_hub.bus.settings import BusSettings

_DEFERRED_BYTES = 256 * 2**20


def schedule_streams(workspace: str, settings: BusSettings, common: dict[str, Any]) -> list[StreamConfig]:
    """Return the stream of schedules, which no agent may write to, and the one where agents put messages off."""
    root = f"{subjects.ROOT}.{workspace}"
    return [
        StreamConfig(
            name=subjects.schedule_stream(workspace),
            description="What waits for its time, and what fell due. Only hubs write here.",
            subjects=[f"{root}.schedule.>", f"{root}.due.>"],
            retention=RetentionPolicy.LIMITS,
            max_bytes=-1,  # a limit here would make the broker drop schedules; the hub refuses instead
            allow_msg_schedules=True,
            **common,
        ),
        StreamConfig(
            name=subjects.deferred_stream(workspace),
            description="Messages that workers put off for long, until a hub has scheduled them.",
            subjects=[f"{root}.deferred.>"],
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,
            max_bytes=min(settings.tasks_max_bytes, _DEFERRED_BYTES),
            **common,
        ),
    ]
