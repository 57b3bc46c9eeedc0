"""Starting tasks, talking to them, calling them off; saying how they stand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec

from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import CursorInvalidError, TaskUnknownError
from trunkline.protocol.ids import new_id
from trunkline.protocol.resources import QueueDeclaration, Task, TaskPage, TaskReply, TaskRequest, TaskStep
from trunkline.protocol.tasks import TASK_RUN, Part, TaskEvent, TaskJob, TaskMessage, TaskSeed
from trunkline.protocol.trace import current_traceparent, next_traceparent
from trunkline.tasks import Tasks as Background
from trunkline_hub.agents import Offer, check_input
from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus, Reconciler, course
from trunkline_hub.bus.course import Step
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.incoming import plain
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.permission import allows
from trunkline_hub.core.principal import Principal, ordered_by
from trunkline_hub.db import Database
from trunkline_hub.tasks import model, store
from trunkline_hub.tasks.events import TaskWatch
from trunkline_hub.tasks.model import Record
from trunkline_hub.tasks.ports import Catalogue, Doer, QueueLane

_CAUGHT_UP_S = 2.0
_LOOK_S = 0.02
_QUIET_S = 15.0


class Tasks:
    """The tasks of all workspaces."""

    def __init__(
        self, bus: HubBus, db: Database, clock: Clock, audit: Audit, catalogue: Catalogue, queues: QueueLane,
        watch: TaskWatch, reconciler: Reconciler,
    ) -> None:  # fmt: skip
        self._bus = bus
        self._db = db
        self._clock = clock
        self._audit = audit
        self._catalogue = catalogue
        self._queues = queues
        self.watch = watch
        self.doers: list[Doer] = []
        self._reconciler = reconciler
        self._with_hub_queue: set[str] = set()
        self._marks = Background()

    async def start(self, by: Principal, workspace: str, wanted: TaskRequest, *, origin: str) -> Task:
        """Start a task; answered when it is on record, or as `wait_s` says.

        Raises:
            RequestInvalidError, SkillUnknownError, TaskInputError, PayloadInvalidError, MessageTooLargeError,
            QueueFullError, BusUnavailableError
        """
        record = await self.begin(by, workspace, wanted, origin=origin)
        if wanted.wait_s:
            record = await self.outcome(workspace, record, timeout_s=wanted.wait_s)
        return record.shown()

    async def begin(
        self, by: Principal, workspace: str, wanted: TaskRequest, *, origin: str, task_id: str | None = None
    ) -> Record:
        """Put a task on record and hand it to whoever does it; raises as `start` does."""
        parts = wanted.parts or _parts(wanted.input)
        model.check_message(parts, wanted.context_id, wanted.message_id, wanted.wait_s)
        offer = await self._catalogue.offer(workspace, wanted.skill, wanted.agent)
        value = _input(wanted, parts, offer)
        if not offer.skill.task:
            await self._open_hub_queue(workspace)
        now = rfc3339(self._clock.now())
        message = _message(wanted, parts, now)
        seed = TaskSeed(
            context_id=wanted.context_id or new_id(), agent=offer.agent, owner=offer.owner, skill=offer.skill.name,
            caller=by.name, origin=origin, message=message, input=value, metadata=wanted.metadata,
            queue=subjects.agent_queue(offer.agent) if offer.skill.task else model.HUB_QUEUE,
            traceparent=current_traceparent.get(),
        )  # fmt: skip
        task_id = task_id or new_id()
        created = TaskEvent(kind="created", at=now, seed=seed, by=by.name)
        ack = await course.write(self._bus, workspace, seed.agent, task_id, created, msg_id=f"{task_id}.created")
        record = model.fold(None, subjects.HUB, seed.agent, task_id, ack.seq, created)
        assert record is not None
        await self.hand_over(workspace, record)
        return record

    async def id_for(self, workspace: str, call_id: str) -> str:
        """Return the id of the task that a call becomes: the call's own, so that its caller finds it, if it can be one."""
        if not model.is_task_id(call_id) or await self.latest(workspace, call_id) is not None:
            return new_id()
        return call_id

    async def reply(
        self, by: Principal, workspace: str, task_id: str, wanted: TaskReply, *, context_id: str | None = None
    ) -> Record:
        """Give a task the message that it waits for; the next worker goes on from there.

        Raises:
            TaskUnknownError, TaskFinishedError, TaskBusyError, TaskContextError, RequestInvalidError
        """
        record = await self.record(by, workspace, task_id, "tasks:write")
        model.check_reply(record, context_id)
        parts = wanted.parts or _parts(wanted.input)
        model.check_message(parts, None, wanted.message_id)
        now = rfc3339(self._clock.now())
        message = _message(wanted, parts, now)
        spoken = TaskEvent(kind="message", at=now, message=message, by=by.name)
        turn = record.turn + 1
        await self._write(workspace, record, spoken, msg_id=f"{task_id}.message.{turn}")
        latest = await self._latest(workspace, task_id, record)
        await self.hand_over(workspace, latest)
        return latest

    async def amend(self, by: Principal, workspace: str, task_id: str, said: TaskMessage) -> None:
        """Put what a task asks anew, by the same id: some of it is known now, and it still waits for the rest.

        Raises:
            TaskUnknownError, TaskFinishedError, TaskBusyError
        """
        record = await self.record(by, workspace, task_id, "tasks:write")
        model.check_reply(record, None)
        event = TaskEvent(
            kind="status", at=rfc3339(self._clock.now()), state=record.state, message=said, by=by.name
        )  # fmt: skip
        await self._write(workspace, record, event, msg_id=f"{task_id}.amended.{new_id()}")

    async def cancel(self, by: Principal, workspace: str, task_id: str, reason: str = "") -> Record:
        """Call a task off, whoever works on it.

        Raises:
            TaskUnknownError, TaskFinishedError
        """
        record = await self.record(by, workspace, task_id, "tasks:write")
        model.check_open(record)
        now = rfc3339(self._clock.now())
        said = None
        if reason:
            said = TaskMessage(id=new_id(), role="user", parts=[Part(text=reason)], at=now)
        event = TaskEvent(kind="status", at=now, state="canceled", message=said, by=by.name)
        await self._write(workspace, record, event, msg_id=f"{task_id}.canceled.{new_id()}")
        course.call_off(self._bus, workspace, record.seed.skill, task_id)
        self._marks.spawn(self._call_off_elsewhere(workspace, record), name="task-call-off")
        if by.name != record.seed.caller:
            async with self._db.write() as tx:
                await self._audit.record(tx, workspace, by.name, "task.canceled", f"task/{task_id}", reason=reason)
        return await self._latest(workspace, task_id, record)

    async def waiting(self, workspace: str, agent: str, limit: int) -> list[Record]:
        """Return tasks of an agent that wait for their caller, those that wait longest first."""
        async with self._db.read() as tx:
            return await store.interrupted(tx, workspace, agent, limit)

    async def resume(self, workspace: str, record: Record) -> None:
        """Hand over a task that waits as it is: what it waited for came another way than by its caller.

        Whoever takes it writes `resumed` first, which no longer counts once the caller has answered.
        """
        await self._enqueue(workspace, record, f"{record.id}.{record.turn}.resumed.{record.seq}")

    async def fail(self, workspace: str, record: Record, event: TaskEvent) -> None:
        """Write that nobody could do a task; it counts unless the task has ended meanwhile."""
        await self._write(workspace, record, event, msg_id=f"{record.id}.failed.{record.turn}")

    async def record(self, by: Principal, workspace: str, task_id: str, scope: str = "tasks:read") -> Record:
        """Return a task as it stands now, for its caller or for those who hold `scope`.

        Raises:
            TaskUnknownError: there is none, or it is none of theirs.
        """
        found = await self.latest(workspace, task_id)
        if found is None or (found.seed.caller != by.name and not allows(by.scopes, scope)):
            raise TaskUnknownError(f"There is no task {task_id!r}")
        return found

    async def latest(self, workspace: str, task_id: str) -> Record | None:
        """Return a task as it stands now, or None."""
        async with self._db.read() as tx:
            found = await store.get(tx, workspace, task_id)
        return await self._tail(workspace, task_id, found)

    async def job(self, by: Principal, workspace: str, task_id: str) -> TaskJob:
        """Return what a worker of the task's agent needs to go on with it.

        Raises:
            TaskUnknownError
        """
        found = await self.latest(workspace, task_id)
        if found is None or found.seed.owner != by.name:
            raise TaskUnknownError(f"There is no task {task_id!r} of an agent of {by.name!r}")
        return found.job()

    async def course(self, by: Principal, workspace: str, task_id: str) -> list[TaskStep]:
        """Return the steps that counted, as far as the stream holds them; what was made and saved is left out.

        Raises:
            TaskUnknownError
        """
        found = await self.record(by, workspace, task_id)
        return model.outline(await course.read(self._bus, workspace, task_id, after_seq=0), found.seed.owner)

    async def page(
        self, by: Principal, workspace: str, filters: dict[str, Any], *, cursor: str | None, limit: int
    ) -> TaskPage:
        """Return tasks, those that changed last first: one's own, or with `tasks:read` everybody's; no artifacts."""
        records, after, _total = await self.records(by, workspace, filters, cursor=cursor, limit=limit)
        return TaskPage(items=[record.shown(history=0, artifacts=False) for record in records], next=after)

    async def records(
        self, by: Principal, workspace: str, filters: dict[str, Any], *, cursor: str | None, limit: int
    ) -> tuple[list[Record], str | None, int]:
        """Return (tasks, cursor of the next page, how many there are in all); waits until what was written is in."""
        if not allows(by.scopes, "tasks:read"):
            filters = filters | {"caller": by.name}
        before = _place(cursor)
        await self._catch_up(workspace)
        async with self._db.read() as tx:
            rows = await store.page(tx, workspace, filters, before=before, limit=limit)
            total = await store.count(tx, workspace, filters)
        kept, after = cut(rows, limit, lambda row: f"{row.state_at.isoformat()}|{row.id}")
        return [store.record_of(row) for row in kept], after, total

    async def outcome(self, workspace: str, record: Record, *, timeout_s: float) -> Record:
        """Return the task once it has ended or waits for its caller, or as it is after `timeout_s`."""
        latest = record
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                async for latest, _step in self.follow(workspace, record):
                    if latest.finished or latest.waits:
                        break
        return latest

    async def follow(self, workspace: str, record: Record) -> AsyncIterator[tuple[Record, Step | None]]:
        """Yield the task after each further step of its course, until it ends; (record, None) while nothing happens."""
        async with self.watch.watch(workspace, record.id) as steps:
            latest = record
            for step in await course.read(self._bus, workspace, record.id, after_seq=record.seq):
                for found in _after(latest, step):
                    yield found
            while not latest.finished:
                try:
                    async with asyncio.timeout(_QUIET_S):
                        step = await steps.get()
                except TimeoutError:
                    yield latest, None
                    for missed in await course.read(self._bus, workspace, record.id, after_seq=latest.seq):
                        for found in _after(latest, missed):
                            yield found
                    continue
                for found in _after(latest, step):
                    yield found

    async def hand_over(self, workspace: str, record: Record) -> None:
        """Put the job of a task's present turn where its worker looks; twice does no harm within two minutes."""
        job_id = f"{record.id}.{record.turn}"
        await self._enqueue(workspace, record, job_id)
        handed = TaskEvent(kind="handed_over", at=rfc3339(self._clock.now()), by=subjects.HUB)
        mark = self._write(workspace, record, handed, msg_id=f"{job_id}.handed_over")
        self._marks.spawn(mark, name="task-handed-over")

    async def _enqueue(self, workspace: str, record: Record, job_id: str) -> None:
        message = ce.new_envelope(
            type=TASK_RUN, source=f"/{workspace}/{record.seed.caller}", id=job_id, subject=record.id,
            data=msgspec.json.encode(record.job()), correlationid=record.seed.context_id,
            traceparent=record.seed.traceparent or next_traceparent(),
        )  # fmt: skip
        await self._queues.forward(
            workspace, subjects.HUB, record.seed.queue, plain(message), msg_id=f"{subjects.HUB}:{job_id}"
        )

    async def _open_hub_queue(self, workspace: str) -> None:
        """Declare the queue of the hub's calls where it is needed for the first time."""
        if workspace in self._with_hub_queue:
            return
        hub = ordered_by(subjects.HUB, workspace)
        async with self._db.write() as tx:
            await self._queues.declare(tx, hub, workspace, model.HUB_QUEUE, QueueDeclaration(retry=model.PATIENT))
        await self._queues.converge(self._reconciler, workspace, [model.HUB_QUEUE])
        self._with_hub_queue.add(workspace)

    async def _call_off_elsewhere(self, workspace: str, record: Record) -> None:
        for doer in self.doers:
            if record.seed.queue == model.HUB_QUEUE and await doer.takes(workspace, record.seed.agent):
                await doer.call_off(workspace, record.job())

    async def _write(self, workspace: str, record: Record, event: TaskEvent, *, msg_id: str) -> None:
        await course.write(self._bus, workspace, record.seed.agent, record.id, event, msg_id=msg_id)

    async def _latest(self, workspace: str, task_id: str, record: Record) -> Record:
        found = await self._tail(workspace, task_id, record)
        assert found is not None
        return found

    async def _tail(self, workspace: str, task_id: str, record: Record | None) -> Record | None:
        after_seq = record.seq if record is not None else 0
        if record is not None and record.finished:
            return record
        return model.fold_all(record, await course.read(self._bus, workspace, task_id, after_seq=after_seq))

    async def _catch_up(self, workspace: str) -> None:
        """Wait until the records hold what was written before now; a list then shows what was done."""
        found = await course.span(self._bus, workspace)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CAUGHT_UP_S):
                while found is not None and not await self._holds(workspace, found.last_seq):
                    await asyncio.sleep(_LOOK_S)

    async def _holds(self, workspace: str, seq: int) -> bool:
        async with self._db.read() as tx:
            position = await store.position(tx, workspace)
        return seq == 0 or (position is not None and position[1] >= seq)


def _after(record: Record, step: Step) -> list[tuple[Record, Step]]:
    """Fold one step into `record`; what it means, if it counts and is more than a note of the hub's own."""
    before = record.seq
    model.fold(record, step.writer, step.agent, step.task_id, step.seq, step.event)
    return [(record, step)] if record.seq != before and step.event.kind != "handed_over" else []


def _parts(value: Any) -> list[Part]:
    return model.parts_of(None if value is msgspec.UNSET else value)


def _message(wanted: TaskRequest | TaskReply, parts: list[Part], at: str) -> TaskMessage:
    return TaskMessage(
        id=wanted.message_id or new_id(), role="user", parts=parts, at=at, metadata=wanted.metadata,
        extensions=wanted.extensions, reference_task_ids=wanted.reference_task_ids,
    )  # fmt: skip


def _input(wanted: TaskRequest, parts: list[Part], offer: Offer) -> Any:
    """Return the skill's input, checked against its schema.

    Raises:
        TaskInputError, PayloadInvalidError
    """
    schema = offer.skill.input_schema
    given = wanted.input is not msgspec.UNSET
    value = wanted.input if given else model.input_of(parts, schema)
    if value is not msgspec.UNSET:
        check_input(offer.skill, value)
    return value


def _place(cursor: str | None) -> tuple[datetime, str] | None:
    position = decode_cursor(cursor)
    if position is None:
        return None
    at, separator, task_id = position.partition("|")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        moment = None
    if moment is None or not separator:
        raise CursorInvalidError(f"{cursor!r} is not a cursor of this list")
    return moment, task_id
