"""Declaring queues, looking into them, putting work in."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import msgspec

from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, queueing, subjects
from trunkline.protocol.error_rules import most_attempts
from trunkline.protocol.errors import QueueInUseError, QueueUnknownError
from trunkline.protocol.frames import Ack
from trunkline.protocol.ids import new_id
from trunkline.protocol.queueing import Layout, Spot
from trunkline.protocol.resources import (
    EnqueueRequest,
    Queue,
    QueueDeclaration,
    QueuePage,
    QueueSettings,
    QueueStatus,
)
from trunkline.protocol.trace import current_traceparent
from trunkline.wire import header_lines
from trunkline_hub.audit import Audit
from trunkline_hub.bus import ConsumerSpec, HubBus, Only, QueueStream, Reconciler, schedule
from trunkline_hub.bus.depths import lane_states, oldest, queue_consumers, stored_messages
from trunkline_hub.bus.facts import ConsumerFacts
from trunkline_hub.bus.place import Said, address, new_spot, said
from trunkline_hub.bus.signals import tell_changed
from trunkline_hub.bus.state import reader_state
from trunkline_hub.bus.trends import Trends
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.incoming import Incoming, plain, stamped
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.queues import model, store
from trunkline_hub.queues.model import MAX_PAGE, Settled
from trunkline_hub.queues.ports import DeadCounts, MakeRoom, Statuses, Workers
from trunkline_hub.revisions import Revisions

_NOW = EnqueueRequest()
_RECENT_S = 1.0
"""What is forwarded comes in great numbers; it may go by settings this old. What that misplaces is brought home."""

Put = Callable[[Incoming, str], Awaitable[Ack]]
"""Stores an event under a message id."""


class Queues:
    """The queues of all workspaces."""

    def __init__(
        self, bus: HubBus, db: Database, audit: Audit, dead: DeadCounts, statuses: Statuses, revisions: Revisions,
        workers: Workers, trends: Trends,
    ) -> None:  # fmt: skip
        self._bus = bus
        self._db = db
        self._audit = audit
        self._dead = dead
        self._statuses = statuses
        self._revisions = revisions
        self._workers = workers
        self.trends = trends
        self.page_size = MAX_PAGE
        self.make_room: MakeRoom = _made_elsewhere
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

    async def declare(
        self, tx: Tx, by: Principal, workspace: str, name: str, wanted: QueueDeclaration, *, back_to: str | None = None
    ) -> Settled:
        """Create a queue, or change its settings; `back_to` notes a rollback.

        Call `preview` before the transaction: it looks whether they may change.

        Raises:
            RequestInvalidError
        """
        present = await store.get(tx, workspace, name)
        before = store.settled(present) if present else None
        settled = await self._settle(tx, workspace, name, wanted, before)
        if settled == before:
            tx.audited = True  # nothing changed, so there is nothing to record
            return settled
        await store.put(tx, workspace, name, settled)
        detail = msgspec.to_builtins(settled.declaration())
        action: Literal["declared", "rolled_back"] = "declared" if back_to is None else "rolled_back"
        await self._revisions.record(tx, by, workspace, ("queue", name), detail, action=action, note=back_to or "")
        await self._audit.record(tx, workspace, by.name, "queue.declared", f"queue/{name}", **detail)
        if present is None:
            await tx.emit(workspace, "trunkline.queue.declared", {"queue": name, **detail}, subject=name)
        else:
            await tx.emit(workspace, "trunkline.queue.changed", {"queue": name, **detail}, subject=name)
        tx.after_commit(partial(self._tell, workspace, name))  # of a new one too: it may have been elsewhere before
        return settled

    async def _settle(
        self, tx: Tx, workspace: str, name: str, wanted: QueueDeclaration, before: Settled | None
    ) -> Settled:
        """Fill in what is left out, and the page: a queue stays on the one that it has."""
        settled = model.settle(name, wanted, before)
        if settled.layout.limited:
            return msgspec.structs.replace(settled, page=0)
        if before is not None and not before.layout.limited:
            return settled
        pages = await store.pages(tx, workspace, self.page_size)
        page = pages.choose(settled.consumers)
        if pages.after(page, settled.consumers).with_room(settled.consumers) is None:
            tx.after_commit(partial(self.make_room, workspace, settled.consumers))
        return msgspec.structs.replace(settled, page=page)

    async def restore(
        self, tx: Tx, by: Principal, workspace: str, name: str, wanted: QueueDeclaration, note: str
    ) -> None:
        """Give a queue earlier settings again."""
        await self.declare(tx, by, workspace, name, wanted, back_to=note)

    async def forget(self, tx: Tx, by: Principal, workspace: str, name: str, note: str) -> None:
        """Strike a queue off; what it held must be elsewhere by now, what still comes becomes a dead letter."""
        await store.remove(tx, workspace, name)
        await self._revisions.record(tx, by, workspace, ("queue", name), None, action="removed", note=note)
        await self._audit.record(tx, workspace, by.name, "queue.deleted", f"queue/{name}", reason=note)
        await tx.emit(
            workspace, "trunkline.queue.deleted", {"queue": name, "by": by.name, "reason": note}, subject=name
        )
        tx.after_commit(partial(self._tell, workspace, name))

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

    async def declaration(self, tx: Tx, workspace: str, name: str) -> QueueSettings:
        """Return a queue's settings and its page alone; needs no broker.

        Raises:
            QueueUnknownError
        """
        return store.settled(await self._row(tx, workspace, name)).known()

    async def page(self, tx: Tx, workspace: str, *, text: str | None, cursor: str | None, limit: int) -> QueuePage:
        """Return the queues by name, each with what is in it now; with `text` only those whose name holds it."""
        rows = await store.page(tx, workspace, text=text, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.name))
        items = await self._look(tx, workspace, kept)
        return QueuePage(items=[msgspec.structs.replace(item, lanes=[]) for item in items], next=after)

    async def enqueue(self, principal: Principal, workspace: str, name: str, wanted: EnqueueRequest) -> Ack:
        """Put work into a queue, under the principal's pinned name.

        Raises:
            QueueUnknownError, QueueClassUnknownError, QueueDrainingError, QueueFullError, MessageTooLargeError,
            BusUnavailableError
            RequestInvalidError, ScheduleFullError: it is to be delayed, and cannot be.
        """
        async with self._db.read() as tx:
            settled, now = await self.admit(tx, workspace, name), tx.clock.now()
        due = schedule.Later(delay_s=wanted.delay_s, deliver_at=wanted.deliver_at).due(now)
        model.check_enqueue(name, wanted, settled)
        message = ce.new_envelope(
            type=wanted.type or f"task.{name}", source=f"/{workspace}/{principal.name}",
            data=msgspec.json.encode(wanted.data), id=wanted.id, partitionkey=wanted.key, priority=wanted.priority,
            expirytime=model.expirytime_of(wanted, settled, due or now), correlationid=wanted.correlation_id,
            causationid=wanted.causation_id, traceparent=current_traceparent.get(),
        )  # fmt: skip
        return await self._put(new_spot(workspace, name, principal.name), settled, plain(message), due, wanted)

    async def enqueue_event(
        self, principal: Principal, workspace: str, name: str, event: Incoming, terms: EnqueueRequest = _NOW
    ) -> Ack:
        """Put a CloudEvent into a queue as it came, under the principal's pinned name.

        Of `terms` when it is to arrive, how long it may wait and its de-duplication key count.

        Raises:
            QueueUnknownError, QueueClassUnknownError, QueueDrainingError, QueueFullError, MessageTooLargeError,
            BusUnavailableError
            RequestInvalidError, ScheduleFullError: it is to be delayed, and cannot be.
        """
        message = event.message
        async with self._db.read() as tx:
            settled, now = await self.admit(tx, workspace, name), tx.clock.now()
        due = schedule.Later(delay_s=terms.delay_s, deliver_at=terms.deliver_at).due(now, where="query:")
        own = msgspec.structs.replace(terms, priority=message.priority, id=message.id)
        model.check_enqueue(name, own, settled, is_event=True)
        if message.expirytime is None:
            event = stamped(event, expirytime=model.expirytime_of(terms, settled, due or now))
        return await self._put(new_spot(workspace, name, principal.name), settled, event, due, terms)

    async def forward(
        self, workspace: str, principal: str, queue: str, event: Incoming, *, msg_id: str,
        extra: dict[str, str] | None = None,
    ) -> Ack:  # fmt: skip
        """Put a message as it is into a queue, under its sender's pinned name, with `extra` headers.

        Its class and key say where; a class that the queue does not have is `normal`. Whether it may is asked before.

        Raises:
            QueueUnknownError, QueueFullError, MessageTooLargeError, BusUnavailableError
        """
        settled, now = await self._recently(workspace, queue)
        if event.message.expirytime is None:
            event = stamped(event, expirytime=model.expirytime_of(_NOW, settled, now))
        spot = new_spot(workspace, queue, principal)
        return await self._store(spot, settled.layout, event, msg_id=msg_id, extra=extra)

    async def admit(self, tx: Tx, workspace: str, name: str) -> Settled:
        """Let new work go on by the settings returned, or say why the queue does not take it.

        Raises:
            QueueUnknownError, QueueDrainingError
        """
        settled = store.settled(await self._row(tx, workspace, name))
        await self._statuses.check_open(tx, workspace, name)
        return settled

    async def closed(self, tx: Tx, workspace: str) -> set[str]:
        """Return the names of a workspace's queues that take no new work in."""
        return await self._statuses.closed(tx, workspace)

    async def names(self, tx: Tx, workspace: str) -> set[str]:
        """Return the names of a workspace's queues."""
        return await store.names(tx, workspace)

    async def send(self, workspace: str, sender: str, name: str, message: ce.Envelope) -> Ack:
        """Put a ready message into a queue on behalf of `sender`.

        Raises:
            QueueUnknownError, QueueClassUnknownError, QueueDrainingError, QueueFullError, MessageTooLargeError,
            BusUnavailableError
        """
        async with self._db.read() as tx:
            settled, now = await self.admit(tx, workspace, name), tx.clock.now()
        model.check_class(name, message.priority, settled)
        if message.expirytime is None:
            message.expirytime = model.expirytime_of(_NOW, settled, now)
        spot = new_spot(workspace, name, sender)
        return await self._store(spot, settled.layout, plain(message), msg_id=f"{sender}:{message.id}")

    async def carry(
        self, workspace: str, name: str, subject: str, raw: bytes, *, store_id: str, headers: dict[str, str]
    ) -> None:
        """Store in a queue what waited for its time: where the queue lies now, under the sender that `subject` names.

        It was accepted when it was sent, so a draining queue takes it in.

        Raises:
            QueueUnknownError, QueueFullError, MessageTooLargeError, BusUnavailableError
        """
        async with self._db.read() as tx:
            layout = store.settled(await self._row(tx, workspace, name)).layout
        where = address(queueing.spot(subject), layout, said(raw, headers), otherwise=store_id)
        await self._bus.store(*where, raw, msg_id=store_id, headers=header_lines(headers))

    async def desired_consumers(self, only: Only | None = None) -> list[ConsumerSpec]:
        """Return the consumers that should exist."""
        return [spec for row in await self._rows(only) for spec in _specs(row)]

    async def streams(self, only: Only | None = None) -> list[QueueStream]:
        """Return the streams that should exist beside the common ones; of some queues, those that are theirs alone."""
        rows = await self._rows(only)
        found = [(row, store.settled(row)) for row in rows if row.options]
        limited = [
            QueueStream(
                workspace=row.workspace_id, queue=row.name, max_messages=one.max_messages, max_bytes=one.max_bytes
            )
            for row, one in found
            if one.layout.limited
        ]
        if only is not None:  # a page is made before there is a queue on it
            return limited
        async with self._db.read() as tx:
            pages = {(row.workspace_id, row.page) for row in rows if row.page} | set(await store.newest_pages(tx))
        return limited + [QueueStream(workspace=workspace, page=page) for workspace, page in sorted(pages)]

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
        statuses = await self._statuses.by_queue(tx, workspace)
        now = tx.clock.now()
        return [
            self._queue(
                row, settled[row.name], found[row.name],
                dead=dead.get(row.name, 0), workers=workers.get(row.name, 0), age_s=_age_s(since.get(row.name), now),
                status=statuses.get(row.name, QueueStatus()),
            )
            for row in rows
        ]  # fmt: skip

    def _queue(
        self, row: Any, settled: Settled, ones: list[ConsumerFacts],
        *, dead: int, workers: int, age_s: float | None, status: QueueStatus,
    ) -> Queue:  # fmt: skip
        layout, state, trend = settled.layout, reader_state(row.name, ones), self.trends.of(row.workspace_id, row.name)
        own = msgspec.structs.asdict(settled) | {"classes": dict(layout.classes)}
        return Queue(
            name=row.name, **own, depth=state.waiting, in_flight=state.in_flight, redelivered=state.redelivered,
            workers_waiting=state.pulls_waiting, workers=workers, consumers=len(ones), oldest_age_s=age_s,
            in_per_s=trend.in_per_s, out_per_s=trend.out_per_s, trend=trend.depths, trend_s=self.trends.sample_s,
            lanes=[] if layout.is_plain else lane_states(row.name, layout, ones), dead=dead,
            created_at=rfc3339(row.created_at), status=status,
        )  # fmt: skip

    async def _put(
        self, spot: Spot, settled: Settled, event: Incoming, due: datetime | None, terms: EnqueueRequest
    ) -> Ack:
        async def put(event: Incoming, msg_id: str) -> Ack:
            if due is not None:
                return await self._store_later(spot, event, due, msg_id)
            return await self._store(spot, settled.layout, event, msg_id=msg_id)

        if terms.dedupe_key is None:
            return await put(event, f"{spot.principal}:{event.message.id}")
        place = (spot.workspace, spot.queue, model.dedupe_token(terms.dedupe_key))
        return await self._put_once(place, settled.dedupe_window_s, event, put)

    async def _store(
        self, spot: Spot, layout: Layout, event: Incoming, *, msg_id: str, extra: dict[str, str] | None = None
    ) -> Ack:
        message = event.message
        words = Said(id=message.id, partitionkey=message.partitionkey, priority=message.priority)
        where = address(spot, layout, words, otherwise=msg_id)
        headers = header_lines(event.headers | (extra or {}))
        stored = await self._bus.store(*where, event.payload, msg_id=msg_id, headers=headers, key=message.partitionkey)
        return Ack(id=message.id, stream=stored.stream, seq=stored.seq, duplicate=stored.duplicate)

    async def _store_later(self, spot: Spot, event: Incoming, due: datetime, msg_id: str) -> Ack:
        """Have the broker keep it; where the queue lies is looked up when it falls due."""
        await schedule.check_room(self._bus, spot.workspace)
        plan = schedule.Plan(
            kind="task", queue=spot.queue, target=spot.queue,
            subject=subjects.task(spot.workspace, spot.queue, spot.principal), by=spot.principal,
            message_id=event.message.id, store_id=msg_id, due_at=rfc3339(due), headers=event.headers,
        )  # fmt: skip
        return await schedule.put(self._bus, spot.workspace, plan, event.payload)

    async def _put_once(self, place: tuple[str, str, str], window_s: float, event: Incoming, put: Put) -> Ack:
        """Intent, deed, outcome. Whoever finds the intent alone does the deed under the same id.

        The broker knows that id for two minutes, so a deed whose outcome was
        lost is not done twice.
        """
        row = await self._claim(place, event.message.id, window_s)
        if row.seq is not None:
            return Ack(id=row.message_id, stream=row.stream, seq=row.seq, duplicate=True)
        if row.message_id != event.message.id:
            event = stamped(event, id=row.message_id)
        ack = await put(event, f"dedupe:{row.send_id}")
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


async def _made_elsewhere(_workspace: str, _consumers: int) -> None:
    """Page 0 takes all."""


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
            max_in_flight=layout.per_key or shares[lane.priority], part=lane.consumer,
            held_in=queueing.stream(row.workspace_id, row.name, layout),
        )
        for lane in queueing.lanes(row.name, layout)
    ]  # fmt: skip


def _age_s(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else round(max(0.0, (now - since).total_seconds()), 3)
