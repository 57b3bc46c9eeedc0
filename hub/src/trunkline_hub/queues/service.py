"""Declaring queues, looking into them, putting work in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import QueueUnknownError
from trunkline.protocol.frames import Ack
from trunkline.protocol.resources import EnqueueRequest, Queue, QueueDeclaration, QueuePage
from trunkline.protocol.trace import current_traceparent
from trunkline.wire import header_lines
from trunkline_hub.audit import Audit
from trunkline_hub.bus import ConsumerSpec, HubBus, schedule
from trunkline_hub.bus.state import EMPTY, ReaderState, reader_state, reader_states
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.incoming import Incoming, plain
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.queues import model, store
from trunkline_hub.queues.ports import DeadCounts, Statuses
from trunkline_hub.revisions import Revisions


class Queues:
    """The queues of all workspaces."""

    def __init__(
        self, bus: HubBus, db: Database, audit: Audit, dead: DeadCounts, statuses: Statuses, revisions: Revisions
    ) -> None:
        self._bus = bus
        self._db = db
        self._audit = audit
        self._dead = dead
        self._statuses = statuses
        self._revisions = revisions

    async def declare(
        self, tx: Tx, by: Principal, workspace: str, name: str, wanted: QueueDeclaration, *, back_to: str | None = None
    ) -> model.Settled:
        """Create a queue, or change its settings; `back_to` notes a rollback.

        Raises:
            RequestInvalidError
        """
        present = await store.get(tx, workspace, name)
        before = store.settled(present) if present else None
        settled = model.settle(name, wanted, before)
        if settled == before:
            tx.audited = True  # nothing changed, so there is nothing to record
            return settled
        await store.put(tx, workspace, name, settled)
        detail = msgspec.to_builtins(settled)
        action: Literal["declared", "rolled_back"] = "declared" if back_to is None else "rolled_back"
        await self._revisions.record(tx, by, workspace, ("queue", name), detail, action=action, note=back_to or "")
        await self._audit.record(tx, workspace, by.name, "queue.declared", f"queue/{name}", **detail)
        if present is None:
            await tx.emit(workspace, "trunkline.queue.declared", {"queue": name, **detail}, subject=name)
        return settled

    async def ensure(self, tx: Tx, by: Principal, workspace: str, wanted: frames.ReaderDeclaration) -> frames.Reader:
        """Declare what an agent wants to read; settings it leaves out stay as they are."""
        declaration = QueueDeclaration(retry=wanted.retry, ack_wait_s=wanted.ack_wait_s)
        return _reader(workspace, wanted.name, await self.declare(tx, by, workspace, wanted.name, declaration))

    async def readers(self, tx: Tx, workspace: str, names: Sequence[str]) -> list[frames.Reader]:
        """Return queues as those who take their work see them; those that are gone are left out."""
        rows = await store.some(tx, workspace, names)
        return [_reader(workspace, row.name, store.settled(row)) for row in rows]

    async def get(self, tx: Tx, workspace: str, name: str) -> Queue:
        """Return a queue with what is in it now.

        Raises:
            QueueUnknownError
        """
        row = await self._row(tx, workspace, name)
        dead = await self._dead.waiting_by_queue(tx, workspace)
        queue = _queue(row, await reader_state(self._bus, workspace, "queue", name), dead.get(name, 0))
        queue.status = await self._statuses.status(tx, workspace, name)
        return queue

    async def declaration(self, tx: Tx, workspace: str, name: str) -> QueueDeclaration:
        """Return a queue's settings alone; needs no broker.

        Raises:
            QueueUnknownError
        """
        settled = store.settled(await self._row(tx, workspace, name))
        return QueueDeclaration(retry=settled.retry, ack_wait_s=settled.ack_wait_s, max_in_flight=settled.max_in_flight)

    async def page(self, tx: Tx, workspace: str, *, text: str | None, cursor: str | None, limit: int) -> QueuePage:
        """Return the queues by name, each with what is in it now; with `text` only those whose name holds it."""
        rows = await store.page(tx, workspace, text=text, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.name))
        states = await reader_states(self._bus, workspace, "queue")
        dead = await self._dead.waiting_by_queue(tx, workspace)
        items = [
            _queue(row, states.get(subjects.consumer("queue", row.name), EMPTY), dead.get(row.name, 0)) for row in kept
        ]
        statuses = await self._statuses.by_queue(tx, workspace)
        for item in items:
            item.status = statuses.get(item.name, item.status)
        return QueuePage(items=items, next=after)

    async def enqueue(self, principal: Principal, workspace: str, name: str, wanted: EnqueueRequest) -> Ack:
        """Put work into a queue, under the principal's pinned name.

        Raises:
            QueueUnknownError, QueueDrainingError, QueueFullError, MessageTooLargeError, BusUnavailableError
            RequestInvalidError, ScheduleFullError: it is to be delayed, and cannot be.
        """
        async with self._db.read() as tx:
            await self.admit(tx, workspace, name)
            due = schedule.Later(delay_s=wanted.delay_s, deliver_at=wanted.deliver_at).due(tx.clock.now())
        message = ce.new_envelope(
            type=wanted.type or f"task.{name}", source=f"/{workspace}/{principal.name}",
            data=msgspec.json.encode(wanted.data), id=wanted.id, partitionkey=wanted.key,
            correlationid=wanted.correlation_id, causationid=wanted.causation_id,
            traceparent=current_traceparent.get(),
        )  # fmt: skip
        if due is not None:
            return await self._enqueue_later(principal, workspace, name, plain(message), due)
        return await self._bus.publish_task(workspace, principal.name, name, message)

    async def restore(
        self, tx: Tx, by: Principal, workspace: str, name: str, wanted: QueueDeclaration, note: str
    ) -> None:
        """Give a queue earlier settings again."""
        await self.declare(tx, by, workspace, name, wanted, back_to=note)

    async def forget(self, tx: Tx, by: Principal, workspace: str, name: str, note: str) -> None:
        """Strike a queue off; what it held must be elsewhere by now."""
        await store.delete(tx, workspace, name)
        await self._revisions.record(tx, by, workspace, ("queue", name), None, action="removed", note=note)
        await self._audit.record(tx, workspace, by.name, "queue.deleted", f"queue/{name}", reason=note)
        await tx.emit(
            workspace, "trunkline.queue.deleted", {"queue": name, "by": by.name, "reason": note}, subject=name
        )

    async def forward(
        self,
        workspace: str,
        principal: str,
        queue: str,
        event: Incoming,
        *,
        msg_id: str,
        extra: dict[str, str] | None = None,
    ) -> Ack:
        """Put a message as it is into a queue, under its sender's pinned name, with `extra` headers; whether it may is asked before.

        Raises:
            QueueFullError, MessageTooLargeError, BusUnavailableError
        """
        return await self._bus.store(
            subjects.tasks_stream(workspace), subjects.task(workspace, queue, principal), event.payload,
            msg_id=msg_id, headers=header_lines(event.headers | (extra or {})), key=event.message.partitionkey,
        )  # fmt: skip

    async def admit(self, tx: Tx, workspace: str, name: str) -> None:
        """Let new work go on, or say why the queue does not take it.

        Raises:
            QueueUnknownError, QueueDrainingError
        """
        await self._row(tx, workspace, name)
        await self._statuses.check_open(tx, workspace, name)

    async def closed(self, tx: Tx, workspace: str) -> set[str]:
        """Return the names of a workspace's queues that take no new work in."""
        return await self._statuses.closed(tx, workspace)

    async def names(self, tx: Tx, workspace: str) -> set[str]:
        """Return the names of a workspace's queues."""
        return await store.names(tx, workspace)

    async def send(self, workspace: str, sender: str, name: str, message: ce.Envelope) -> Ack:
        """Put a ready message into a queue on behalf of `sender`.

        Raises:
            QueueUnknownError, QueueDrainingError, QueueFullError, MessageTooLargeError, BusUnavailableError
        """
        async with self._db.read() as tx:
            await self.admit(tx, workspace, name)
        return await self._bus.publish_task(workspace, sender, name, message)

    async def carry(
        self, workspace: str, name: str, subject: str, raw: bytes, *, store_id: str, headers: bytes
    ) -> None:
        """Store in a queue what waited for its time, under the subject it was meant for.

        It was accepted when it was sent, so a draining queue takes it in.

        Raises:
            QueueUnknownError, QueueFullError, MessageTooLargeError, BusUnavailableError
        """
        async with self._db.read() as tx:
            await self._row(tx, workspace, name)
        await self._bus.store(subjects.tasks_stream(workspace), subject, raw, msg_id=store_id, headers=headers)

    async def enqueue_event(
        self, principal: Principal, workspace: str, name: str, event: Incoming, later: schedule.Later = schedule.NOW
    ) -> Ack:
        """Put a CloudEvent into a queue as it came, under the principal's pinned name; now or later.

        Raises:
            QueueUnknownError, QueueDrainingError, QueueFullError, MessageTooLargeError, BusUnavailableError
            RequestInvalidError, ScheduleFullError: it is to be delayed, and cannot be.
        """
        async with self._db.read() as tx:
            await self.admit(tx, workspace, name)
            due = later.due(tx.clock.now(), where="query:")
        message = event.message
        if due is not None:
            return await self._enqueue_later(principal, workspace, name, event, due)
        msg_id = f"{principal.name}:{message.id}"
        stored = await self.forward(workspace, principal.name, name, event, msg_id=msg_id)
        return Ack(id=message.id, stream=stored.stream, seq=stored.seq, duplicate=stored.duplicate)

    async def desired_consumers(self) -> list[ConsumerSpec]:
        """Return the consumers that should exist, one a queue."""
        async with self._db.read() as tx:
            rows = await store.every(tx)
        return [_spec(row) for row in rows]

    async def _enqueue_later(
        self, principal: Principal, workspace: str, name: str, event: Incoming, due: datetime
    ) -> Ack:
        message = event.message
        await schedule.check_room(self._bus, workspace)
        plan = schedule.Plan(
            kind="task", queue=name, target=name, subject=subjects.task(workspace, name, principal.name),
            by=principal.name, message_id=message.id, store_id=f"{principal.name}:{message.id}", due_at=rfc3339(due),
            headers=event.headers,
        )  # fmt: skip
        return await schedule.put(self._bus, workspace, plan, event.payload)

    async def _row(self, tx: Tx, workspace: str, name: str) -> Any:
        row = await store.get(tx, workspace, name)
        if row is None:
            raise QueueUnknownError(f"There is no queue {name!r} in workspace {workspace!r}")
        return row


def _reader(workspace: str, name: str, settled: model.Settled) -> frames.Reader:
    return frames.Reader(
        lane="queue", name=name, stream=subjects.tasks_stream(workspace),
        consumer=subjects.consumer("queue", name), retry=settled.retry, ack_wait_s=settled.ack_wait_s,
    )  # fmt: skip


def _spec(row: Any) -> ConsumerSpec:
    settled = store.settled(row)
    return ConsumerSpec(
        workspace=row.workspace_id, lane="queue", reader=row.name,
        filters=(subjects.task_filter(row.workspace_id, row.name),),
        max_attempts=settled.retry.max_attempts, ack_wait_s=settled.ack_wait_s, max_in_flight=settled.max_in_flight,
    )  # fmt: skip


def _queue(row: Any, state: ReaderState, dead: int) -> Queue:
    settled = store.settled(row)
    return Queue(
        name=row.name, retry=settled.retry, ack_wait_s=settled.ack_wait_s, max_in_flight=settled.max_in_flight,
        depth=state.waiting, in_flight=state.in_flight, redelivered=state.redelivered,
        workers_waiting=state.pulls_waiting, dead=dead, created_at=rfc3339(row.created_at),
    )  # fmt: skip
