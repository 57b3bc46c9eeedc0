"""A job that nobody could do becomes a dead letter; its task says so."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

import msgspec

from trunkline.delivery import Delivery
from trunkline.protocol import modes, subjects
from trunkline.protocol.errors import CallFailedError, MessageError
from trunkline.protocol.frames import HEADER_ERROR, HEADER_REASON
from trunkline.protocol.tasks import TASK_RUN, TaskEvent, TaskJob
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.observer import Observer, Streams
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.tasks import model
from trunkline_hub.tasks.model import Record

Latest = Callable[[str, str], Awaitable[Record | None]]
Fail = Callable[[str, Record, TaskEvent], Awaitable[None]]


class TaskMourner(Observer):
    """Ends the tasks whose jobs are dead."""

    name: ClassVar[str] = "task-mourner"
    durable: ClassVar[str] = "hub_task_mourner"

    def __init__(self, bus: HubBus, streams: Streams, clock: Clock, latest: Latest, fail: Fail) -> None:
        super().__init__(bus, streams, self._mourn)
        self._clock = clock
        self._latest = latest
        self._fail = fail

    async def _mourn(self, batch: list[Delivery]) -> None:
        for delivery in batch:
            job = _job(delivery)
            if job is not None:
                await self._end(delivery, job)

    async def _end(self, delivery: Delivery, job: TaskJob) -> None:
        """Write that the task failed, if it is still that job's turn: readers may write dead letters as they like."""
        _root, workspace, _dead, _sender, lane, reader = delivery.subject.split(".")
        record = await self._latest(workspace, job.task_id)
        if record is None or record.finished or record.turn != job.turn:
            return
        if lane != "queue" or subjects.untoken(reader) != record.seed.queue:
            return
        reason, error = (delivery.headers.get(name, "") for name in (HEADER_REASON, HEADER_ERROR))
        problem = CallFailedError(f"Nobody could do it ({reason}): {error}").to_problem()
        await self._fail(workspace, record, model.failure(problem, rfc3339(self._clock.now())))


def _job(delivery: Delivery) -> TaskJob | None:
    try:
        message = modes.read(delivery.payload, delivery.headers)
        return msgspec.json.decode(message.data, type=TaskJob) if message.type == TASK_RUN else None
    except (MessageError, msgspec.DecodeError):
        return None
