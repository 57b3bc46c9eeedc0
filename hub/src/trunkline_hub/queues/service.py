"""Declaring queues, looking into them, putting work in."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, queueing, subjects
from trunkline.protocol.errors import QueueInUseError, QueueUnknownError
from trunkline.protocol.frames import Ack
from trunkline.protocol.ids import new_id
from trunkline.protocol.queueing import NORMAL, Layout
from trunkline.protocol.resources import EnqueueRequest, Queue, QueueDeclaration, QueueLaneState, QueuePage
from trunkline.protocol.rules import most_attempts
from trunkline.protocol.trace import current_traceparent
from trunkline.wire import header_lines
from trunkline_hub.audit import Audit
from trunkline_hub.bus import ConsumerSpec, HubBus, LimitedQueue, Only, Reconciler, schedule
from trunkline_hub.bus.addressing import address, new_spot, with_expiry
from trunkline_hub.bus.depths import oldest, queue_consumers, stored_messages
from trunkline_hub.bus.facts import ConsumerFacts
from trunkline_hub.bus.signals import tell_changed
from trunkline_hub.bus.state import reader_state
from trunkline_hub.bus.trends import Trends
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.queues import model, store
from trunkline_hub.queues.model import Settled
from trunkline_hub.queues.ports import DeadCounts, Workers

_RECENT_S = 1.0
"""What is forwarded comes in great numbers; it may go by settings this old. What that misplaces is brought home."""


class Queues:
    """The queues of all workspaces."""

    def __init__(
        self, bus: HubBus, db: Database, audit: Audit, dead: DeadCounts, workers: Workers, trends: Trends
    ) -> None:
        self._bus = bus
        self._db = db
        self._audit = audit
        self._dead = dead
        self._workers = workers
        self._trends = trends
        self._recent: dict[tuple[str, str], tuple[Settled, float]] = {}
        self._looking = asyncio.Lock()

    async def preview(self, workspace: str, name: str, wanted: QueueDeclaration) -> Settled:
        """Return the settings that `declare` would leave; asks the broker, so never call it in a transaction.

        Raises:
            RequestInvalidError
            QueueInUseError: a change needs an empty queue, and it is not.
        """
        async with self._db.read() as tx:
            present = await store.get(tx, workspace, name)
        before = store.settled(present) if present else None
        settled = model.settle(name, wanted, before)
        setting = model.needs_empty(before, settled) if before else None
        if before is not None and setting is not None:
            held = await stored_messages(self._bus, workspace, name, before.layout)
            if held:
                raise QueueInUseError(f"{setting!r} can only change while {name!r} is empty; it holds {held}")
        return settled

    async def declare(self, tx: Tx, by: Principal, workspace: str, name: str, wanted: QueueDeclaration) -> Settled:
        """Create a queue, or change its settings. Call `preview` before the transaction: it looks whether they may.

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
        await self._audit.record(tx, workspace, by.name, "queue.declared", f"queue/{name}", **detail)
        if present is None:
            await tx.emit(workspace, "trunkline.queue.declared", {"queue": name, **detail}, subject=name)
        else:
            await tx.emit(workspace, "trunkline.queue.changed", {"queue": name, **detail}, subject=name)
            tx.after_commit(partial(self._tell, workspace, name))
        return settled

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str) -> None:
        """Forget a queue; what is sent to it from now on becomes a dead letter.

        Raises:
            QueueUnknownError
        """
        await self._row(tx, workspace, name)
        await store.remove(tx, workspace, name)
        await self._audit.record(tx, workspace, by.name, "queue.removed", f"queue/{name}")
        await tx.emit(workspace, "trunkline.queue.removed", {"queue": name}, subject=name)
        tx.after_commit(partial(self._tell, workspace, name))

    async def check_empty(self, workspace: str, name: str) -> None:
        """Refuse where messages still wait; asks the broker, so never call it in a transaction.

        Raises:
            QueueUnknownError, QueueInUseError
        """
        async with self._db.read() as tx:
            settled = store.settled(await self._row(tx, workspace, name))
        held = await stored_messages(self._bus, workspace, name, settled.layout)
        if held:
            raise QueueInUseError(f"{name!r} still holds {held}")

    async def converge(self, reconciler: Reconciler, workspace: str, names: Sequence[str]) -> None:
        """Make on the broker what some queues need now."""
        await reconciler.refit(Only(workspace=workspace, lane="queue", names=tuple(names)))

    async def ensure(self, tx: Tx, by: Principal, workspace: str, wanted: frames.ReaderDeclaration) -> frames.Reader:
        """Declare what an agent wants to read; settings it leaves out stay as they are."""
        return _reader(workspace, wanted.name, await self.declare(tx, by, workspace, wanted.name, as_declared(wanted)))

    async def readers(self, tx: Tx, workspace: str, names: Sequence[str]) -> list[frames.Reader]:
        """Return queues as those who take their work see them; those that are gone are left out."""
        rows = await store.some(tx, workspace, names)
        return [_reader(workspace, row.name, store.settled(row)) for row in rows]

    async def get(self, tx: Tx, workspace: str, name: str) -> Queue:
        """Return a queue with what is in it now.

        Raises:
            QueueUnknownError
        """
        found = await self._look(tx, workspace, [await self._row(tx, workspace, name)])
        return found[0]

    async def declaration(self, tx: Tx, workspace: str, name: str) -> QueueDeclaration:
        """Return a queue's settings alone; needs no broker.

        Raises:
            QueueUnknownError
        """
        return store.settled(await self._row(tx, workspace, name)).declaration()

    async def page(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> QueuePage:
        """Return the queues by name, each with what is in it now."""
        rows = await store.page(tx, workspace, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.name))
        items = await self._look(tx, workspace, kept)
        return QueuePage(items=[msgspec.structs.replace(item, lanes=[]) for item in items], next=after)

    async def enqueue(self, principal: Principal, workspace: str, name: str, wanted: EnqueueRequest) -> Ack:
        """Put work into a queue, under the principal's pinned name.

        Raises:
            QueueUnknownError, QueueClassUnknownError, QueueFullError, MessageTooLargeError, BusUnavailableError
            RequestInvalidError, ScheduleFullError: it is to be delayed, and cannot be.
        """
        async with self._db.read() as tx:
            settled = store.settled(await self._row(tx, workspace, name))
            now = tx.clock.now()
        due = schedule.Later(delay_s=wanted.delay_s, deliver_at=wanted.deliver_at).due(now)
        model.check_enqueue(name, wanted, settled)
        message = ce.new_envelope(
            type=wanted.type or f"task.{name}", source=f"/{workspace}/{principal.name}",
            data=msgspec.json.encode(wanted.data), id=wanted.id, partitionkey=wanted.key, priority=wanted.priority,
            expirytime=model.expirytime_of(wanted, settled, due or now), correlationid=wanted.correlation_id,
            causationid=wanted.causation_id, traceparent=current_traceparent.get(),
        )  # fmt: skip

        async def put(msg_id: str) -> Ack:
            if due is not None:
                return await self._enqueue_later(principal.name, (workspace, name), message, due, msg_id)
            return await self._publish(principal.name, workspace, name, settled.layout, message, msg_id=msg_id)

        if wanted.dedupe_key is not None:
            place = (workspace, name, model.dedupe_token(wanted.dedupe_key))
            return await self._enqueue_once(place, settled, message, put)
        return await put(f"{principal.name}:{message.id}")

    async def forward(
        self, workspace: str, principal: str, queue: str, raw: bytes, *, msg_id: str, headers: dict[str, str]
    ) -> Ack:
        """Put a message as it is into a queue, under its sender's pinned name.

        Its class and key say where; a class that the queue does not have is `normal`.

        Raises:
            QueueUnknownError, QueueFullError, MessageTooLargeError, BusUnavailableError
        """
        settled, now = await self._recently(workspace, queue)
        raw = with_expiry(raw, settled.expires_after_s, now)
        stream, subject = address(new_spot(workspace, queue, principal), settled.layout, raw, otherwise=msg_id)
        in_turn = subject if settled.layout.per_key else None
        return await self._bus.store(stream, subject, raw, msg_id=msg_id, headers=header_lines(headers), key=in_turn)

    async def require(self, tx: Tx, workspace: str, name: str, priority: str | None = None) -> None:
        """Refuse a queue that is not there, or a class that it does not have.

        Raises:
            QueueUnknownError, QueueClassUnknownError
        """
        model.check_class(name, priority, store.settled(await self._row(tx, workspace, name)))

    async def names(self, tx: Tx, workspace: str) -> set[str]:
        """Return the names of a workspace's queues."""
        return await store.names(tx, workspace)

    async def send(self, workspace: str, sender: str, name: str, message: ce.Envelope) -> Ack:
        """Put a ready message into a queue on behalf of `sender`.

        Raises:
            QueueUnknownError, QueueClassUnknownError, QueueFullError, MessageTooLargeError, BusUnavailableError
        """
        async with self._db.read() as tx:
            settled = store.settled(await self._row(tx, workspace, name))
            now = tx.clock.now()
        model.check_class(name, message.priority, settled)
        if message.expirytime is None:
            message.expirytime = model.expirytime_of(EnqueueRequest(), settled, now)
        return await self._publish(sender, workspace, name, settled.layout, message, msg_id=f"{sender}:{message.id}")

    async def carry(
        self, workspace: str, name: str, subject: str, raw: bytes, *, store_id: str, headers: bytes
    ) -> None:
        """Store in a queue what waited for its time: where the queue lies now, under the sender that `subject` names.

        Raises:
            QueueUnknownError, QueueFullError, MessageTooLargeError, BusUnavailableError
        """
        async with self._db.read() as tx:
            layout = store.settled(await self._row(tx, workspace, name)).layout
        where = address(queueing.spot(subject), layout, raw, otherwise=store_id)
        await self._bus.store(*where, raw, msg_id=store_id, headers=headers)

    async def desired_consumers(self, only: Only | None = None) -> list[ConsumerSpec]:
        """Return the consumers that should exist."""
        return [spec for row in await self._rows(only) for spec in _specs(row)]

    async def limited_queues(self, only: Only | None = None) -> list[LimitedQueue]:
        """Return the queues that should have a stream of their own."""
        found = [(row, store.settled(row)) for row in await self._rows(only) if row.options]
        return [
            LimitedQueue(
                workspace=row.workspace_id, queue=row.name,
                max_messages=settled.max_messages, max_bytes=settled.max_bytes,
            )
            for row, settled in found
            if settled.layout.limited
        ]  # fmt: skip

    async def layouts(self, workspace: str, names: Sequence[str] | None = None) -> dict[str, Layout]:
        """Return how the queues of a workspace, or some of them, lie on the bus."""
        async with self._db.read() as tx:
            return {row.name: store.settled(row).layout for row in await store.some(tx, workspace, names)}

    async def _rows(self, only: Only | None) -> list[Any]:
        if only is not None and only.lane != "queue":
            return []
        async with self._db.read() as tx:
            return await store.some(tx, only.workspace, only.names) if only else await store.some(tx)

    async def _look(self, tx: Tx, workspace: str, rows: Sequence[Any]) -> list[Queue]:
        """Return queues with what the broker, the index and the agents say of them."""
        settled = {row.name: store.settled(row) for row in rows}
        found = await queue_consumers(self._bus, workspace, {name: one.layout for name, one in settled.items()})
        busy = [name for name, ones in found.items() if any(one.num_pending or one.num_ack_pending for one in ones)]
        first = await oldest(self._bus, workspace, [(name, settled[name].layout) for name in busy])
        since = {name: message.stored_at for name, message in zip(busy, first, strict=True) if message}
        dead = await self._dead.waiting_by_queue(tx, workspace)
        workers = await self._workers.by_queue(tx, workspace)
        now = tx.clock.now()
        return [
            self._queue(
                row, settled[row.name], found[row.name],
                dead=dead.get(row.name, 0), workers=workers.get(row.name, 0), age_s=_age_s(since.get(row.name), now),
            )
            for row in rows
        ]  # fmt: skip

    def _queue(
        self, row: Any, settled: Settled, ones: list[ConsumerFacts], *, dead: int, workers: int, age_s: float | None
    ) -> Queue:
        layout, state, trend = settled.layout, reader_state(row.name, ones), self._trends.of(row.workspace_id, row.name)
        own = msgspec.structs.asdict(settled) | {"classes": dict(layout.classes)}
        return Queue(
            name=row.name, **own, depth=state.waiting, in_flight=state.in_flight, redelivered=state.redelivered,
            workers_waiting=state.pulls_waiting, workers=workers, consumers=len(ones), oldest_age_s=age_s,
            in_per_s=trend.in_per_s, out_per_s=trend.out_per_s, trend=trend.depths, trend_s=self._trends.sample_s,
            lanes=[] if layout.is_plain else _lanes(row.name, layout, ones), dead=dead,
            created_at=rfc3339(row.created_at),
        )  # fmt: skip

    async def _publish(
        self, sender: str, workspace: str, name: str, layout: Layout, message: ce.Envelope, *, msg_id: str
    ) -> Ack:
        place = queueing.place(layout, message.priority or NORMAL, message.partitionkey or message.id)
        subject = queueing.address(workspace, name, place, sender)
        where = queueing.stream(workspace, name, layout), subject
        return await self._bus.publish_task(where, message, msg_id=msg_id)

    async def _enqueue_later(
        self, sender: str, queue: tuple[str, str], message: ce.Envelope, due: datetime, msg_id: str
    ) -> Ack:
        """Have the broker keep it; where the queue lies is looked up when it falls due."""
        workspace, name = queue
        await schedule.check_room(self._bus, workspace)
        plan = schedule.Plan(
            kind="task", queue=name, target=name, subject=subjects.task(workspace, name, sender),
            by=sender, message_id=message.id, store_id=msg_id, due_at=rfc3339(due),
            headers={"Content-Type": ce.CONTENT_TYPE},
        )  # fmt: skip
        return await schedule.put(self._bus, workspace, plan, ce.encode(message))

    async def _enqueue_once(
        self,
        place: tuple[str, str, str],
        settled: Settled,
        message: ce.Envelope,
        put: Callable[[str], Awaitable[Ack]],
    ) -> Ack:
        """Intent, deed, outcome. Whoever finds the intent alone does the deed under the same id.

        The broker knows that id for two minutes, so a deed whose outcome was
        lost is not done twice.
        """
        row = await self._claim(place, message.id, settled.dedupe_window_s)
        if row.seq is not None:
            return Ack(id=row.message_id, stream=row.stream, seq=row.seq, duplicate=True)
        message.id = row.message_id
        ack = await put(f"dedupe:{row.send_id}")
        async with self._db.write() as tx:
            await store.settle_send(tx, row.send_id, place, stream=ack.stream, seq=ack.seq)
        return ack

    async def _claim(self, place: tuple[str, str, str], message_id: str, window_s: float) -> Any:
        """Return what is remembered of a key; remember it now if nothing is."""
        workspace, name, key_hash = place
        try:
            async with self._db.write() as tx:
                known = await store.dedupe_row(tx, *place)
                if known is not None:
                    return known
                await store.claim(
                    tx,
                    {
                        "workspace_id": workspace, "queue": name, "key_hash": key_hash, "send_id": new_id(),
                        "message_id": message_id, "stream": None, "seq": None,
                        "expires_at": tx.clock.now() + timedelta(seconds=window_s),
                    },
                )  # fmt: skip
                return await store.dedupe_row(tx, *place)
        except store.KeyTakenError:
            async with self._db.read() as tx:
                return await store.dedupe_row(tx, *place)

    async def _recently(self, workspace: str, name: str) -> tuple[Settled, datetime]:
        """Return a queue's settings as they are, or were a moment ago; those who ask are answered in turn."""
        async with self._looking:
            settled, until = self._recent.get((workspace, name), (None, 0.0))
            if settled is None or until < time.monotonic():
                async with self._db.read() as tx:
                    settled = store.settled(await self._row(tx, workspace, name))
                self._recent[(workspace, name)] = settled, time.monotonic() + _RECENT_S
            return settled, self._db.clock.now()

    async def _tell(self, workspace: str, name: str) -> None:
        self._recent.pop((workspace, name), None)
        tell_changed(self._bus, workspace, "queue", name)

    async def _row(self, tx: Tx, workspace: str, name: str) -> Any:
        row = await store.get(tx, workspace, name)
        if row is None:
            raise QueueUnknownError(f"There is no queue {name!r} in workspace {workspace!r}")
        return row


def as_declared(wanted: frames.ReaderDeclaration) -> QueueDeclaration:
    """Return what an agent's registration declares of a queue."""
    options = msgspec.structs.asdict(wanted.options) if wanted.options else {}
    return QueueDeclaration(retry=wanted.retry, ack_wait_s=wanted.ack_wait_s, **options)


def _reader(workspace: str, name: str, settled: Settled) -> frames.Reader:
    layout = settled.layout
    return frames.Reader(
        lane="queue", name=name, stream=queueing.stream(workspace, name, layout),
        consumer=subjects.consumer("queue", name), retry=settled.retry, ack_wait_s=settled.ack_wait_s,
        lanes=[] if layout.is_plain else queueing.lanes(name, layout),
    )  # fmt: skip


def _specs(row: Any) -> list[ConsumerSpec]:
    settled = store.settled(row)
    layout, shares = settled.layout, model.shares(settled)
    return [
        ConsumerSpec(
            workspace=row.workspace_id, lane="queue", reader=row.name,
            filters=(queueing.lane_filter(row.workspace_id, row.name, layout, lane),),
            max_attempts=most_attempts(settled.retry), ack_wait_s=settled.ack_wait_s,
            max_in_flight=layout.per_key or shares[lane.priority], part=lane.consumer, limited=layout.limited,
        )
        for lane in queueing.lanes(row.name, layout)
    ]  # fmt: skip


def _lanes(name: str, layout: Layout, ones: list[ConsumerFacts]) -> list[QueueLaneState]:
    by_name = {one.name: one for one in ones}
    return [
        QueueLaneState(
            priority=lane.priority, partition=lane.partition,
            depth=one.num_pending if one else 0, in_flight=one.num_ack_pending if one else 0,
        )
        for lane in queueing.lanes(name, layout)
        for one in [by_name.get(lane.consumer)]
    ]  # fmt: skip


def _age_s(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else round(max(0.0, (now - since).total_seconds()), 3)
