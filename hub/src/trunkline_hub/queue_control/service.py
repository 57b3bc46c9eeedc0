"""Steering queues, looking into them, and ordering bulk work on them; `events.py` does that work."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from trunkline.delivery import origin_seq
from trunkline.protocol import frames, queueing, subjects
from trunkline.protocol.errors import (
    FieldError,
    QueueBusyError,
    QueueDrainingError,
    QueueInUseError,
    QueueMessageTakenError,
    QueueMessageUnknownError,
    RequestInvalidError,
)
from trunkline.protocol.resources import (
    Cancelled,
    DeleteRequest,
    MoveRequest,
    PurgeRequest,
    Queue,
    QueueDeclaration,
    QueuedMessage,
    QueuedMessagePage,
    QueueStatus,
    QueueWork,
    RevisionPage,
)
from trunkline_hub.audit import Audit
from trunkline_hub.bus import ConsumerSpec, HubBus, Only, direct
from trunkline_hub.bus.letters import write_letter
from trunkline_hub.bus.log import Stored, read_one
from trunkline_hub.bus.pauses import hold
from trunkline_hub.bus.place import HandedOut, Place, handed_out, place_of
from trunkline_hub.bus.state import stream_state
from trunkline_hub.core.bulk import MAX_COUNT, check_bulk, check_count
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.page import cut, decode_number, encode_cursor
from trunkline_hub.core.preview import show, show_headers
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.jobs import Jobs
from trunkline_hub.queue_control import model, store
from trunkline_hub.queue_control.ports import FailedAttempts, KnownQueues
from trunkline_hub.revisions import Revisions

_SCANNED = 2_000
"""Messages looked at for one page; a filter that few match gives short pages."""
_COUNTED = 100_000
"""Messages looked at for a dry run."""
_RUN = 500
_PREVIEW_BYTES = 1024
_LIVE = frozenset({"queued", "running", "paused"})


class QueueStates:
    """What operators said about queues."""

    async def status(self, tx: Tx, workspace: str, name: str) -> QueueStatus:
        """Return a queue's status."""
        row = await store.get(tx, workspace, name)
        return QueueStatus() if row is None else _status(row)

    async def by_queue(self, tx: Tx, workspace: str) -> dict[str, QueueStatus]:
        """Return the status of each queue that ever had one."""
        return {row.name: _status(row) for row in await store.of_workspace(tx, workspace)}

    async def closed(self, tx: Tx, workspace: str) -> set[str]:
        """Return the names of the queues that take no new work in."""
        return {row.name for row in await store.of_workspace(tx, workspace) if row.state in model.CLOSED}

    async def check_open(self, tx: Tx, workspace: str, name: str) -> QueueStatus:
        """Return a queue's status if it takes work in.

        Raises:
            QueueDrainingError
        """
        status = await self.status(tx, workspace, name)
        if status.state in model.CLOSED:
            because = f": {status.reason}" if status.reason else ""
            raise QueueDrainingError(f"The queue {name!r} is {status.state}, says {status.by}{because}")
        return status


class QueueControl:
    """Operates the queues of all workspaces."""

    def __init__(
        self, bus: HubBus, db: Database, audit: Audit, jobs: Jobs, revisions: Revisions, states: QueueStates,
        queues: KnownQueues, attempts: FailedAttempts,
    ) -> None:  # fmt: skip
        self._bus = bus
        self._db = db
        self._audit = audit
        self._jobs = jobs
        self._revisions = revisions
        self._states = states
        self._queues = queues
        self._attempts = attempts

    async def desired_consumers(self, only: Only | None = None) -> list[ConsumerSpec]:
        """Return the consumers that should exist, those of paused queues paused."""
        specs = await self._queues.desired_consumers(only)
        async with self._db.read() as tx:
            held = {(row.workspace_id, row.name) for row in await store.every(tx) if row.state in model.HELD}
        return [replace(spec, paused=(spec.workspace, spec.reader) in held) for spec in specs]

    async def steer(
        self, tx: Tx, by: Principal, workspace: str, name: str, verb: model.Verb, reason: str
    ) -> QueueStatus:
        """Pause, drain or resume a queue; each replaces what was said before.

        Raises:
            QueueUnknownError, QueueBusyError: it is being deleted.
        """
        model.check_reason(reason)
        await self._queues.declaration(tx, workspace, name)
        row = await store.get(tx, workspace, name)
        if row is not None and row.state == "deleting" and await self._is_held(tx, workspace, name):
            raise QueueBusyError(f"The queue {name!r} is being deleted by job {row.job_id}")
        state = model.AFTER[verb]
        await store.put(tx, workspace, name, state=state, by=by.name, reason=reason, since=tx.clock.now())
        await self._audit.record(tx, workspace, by.name, f"queue.{verb}", f"queue/{name}", reason=reason)
        await tx.emit(
            workspace, f"trunkline.queue.{state}", {"queue": name, "by": by.name, "reason": reason}, subject=name
        )
        return await self._states.status(tx, workspace, name)

    async def admission(self, tx: Tx, workspace: str, name: str) -> QueueStatus:
        """Return a queue's status if it takes work in.

        Raises:
            QueueUnknownError, QueueDrainingError
        """
        await self._queues.declaration(tx, workspace, name)
        return await self._states.check_open(tx, workspace, name)

    async def peek(
        self, tx: Tx, workspace: str, name: str, filters: dict[str, Any], *, cursor: str | None, limit: int
    ) -> QueuedMessagePage:
        """Return messages without taking them, oldest first; filters: `type`, `sender`, `key`, `since`.

        Raises:
            QueueUnknownError, CursorInvalidError
        """
        place = await self.place(tx, workspace, name)
        after, since = decode_number(cursor) or 0, _in_utc(filters.get("since"))
        select = model.Selection(type=filters.get("type"), key=filters.get("key"), since=since)
        found: list[Stored] = []
        scanned, behind = 0, 1
        while len(found) <= limit and scanned < _SCANNED and behind:
            run = await direct.read_run(
                self._bus, place.stream, place.sent_by(filters.get("sender")), from_seq=after + 1,
                since=since if after == 0 else None, limit=min(_RUN, limit + 1),
            )  # fmt: skip
            if not run.messages:
                behind = 0
                break
            found += [m for m in run.messages if select.has(m.subject, m.payload, m.headers, m.stored_at)]
            after, behind = run.messages[-1].seq, run.behind
            scanned += len(run.messages)
        kept, following = cut(found, limit, lambda message: str(message.seq))
        if following is None and behind:
            following = encode_cursor(str(after))
        return QueuedMessagePage(items=await self._show(tx, place, list(kept), _PREVIEW_BYTES), next=following)

    async def message(self, tx: Tx, workspace: str, name: str, seq: int) -> QueuedMessage:
        """Return one message.

        Raises:
            QueueUnknownError, QueueMessageUnknownError
        """
        place = await self.place(tx, workspace, name)
        (shown,) = await self._show(tx, place, [await self._find(place, seq)])
        return shown

    async def cancel(self, by: Principal, workspace: str, name: str, seq: int, reason: str) -> Cancelled:
        """Take a waiting message out for good; a discarded dead letter keeps it.

        Raises:
            QueueUnknownError, QueueMessageUnknownError, QueueMessageTakenError
            QueueBusyError: bulk work has the queue.
        """
        model.check_reason(reason)
        async with self._db.read() as tx:
            settings = await self._queues.declaration(tx, workspace, name)
            place = place_of(workspace, name, queueing.layout(settings, settings.page))
            if await self._is_held(tx, workspace, name):
                raise QueueBusyError
        message = await self._find(place, seq)
        async with hold(self._bus, place, lambda: self.is_paused(workspace, name)) as out:
            if out.has(seq, message.subject):
                raise QueueMessageTakenError(
                    f"Message {seq} was handed to a worker; unless the worker extends it, the lease ends"
                    f" {settings.ack_wait_s:g} s after that"
                )
            await write_letter(
                self._bus, ("queue", name), message, reason=model.REASON_CANCELLED,
                error=reason or "cancelled", stream=place.stream, headers={frames.HEADER_DISCARDED_BY: by.name},
            )  # fmt: skip
            await direct.remove(self._bus, place.stream, [seq])
        facts = model.read(message.subject, message.payload, message.headers)
        async with self._db.write() as tx:
            await self._audit.record(
                tx,
                workspace,
                by.name,
                "queue.message_cancelled",
                f"queue/{name}",
                seq=seq,
                message_id=facts.id,
                reason=reason,
            )
        return Cancelled(seq=seq, id=facts.id, type=facts.type)

    async def purge(self, by: Principal, workspace: str, name: str, wanted: PurgeRequest) -> QueueWork:
        """Count what a queue holds, or order a job that empties it of that.

        Raises:
            QueueUnknownError, BulkCountError, QueueBusyError, RequestInvalidError
        """
        model.check_reason(wanted.reason)
        check_bulk(dry_run=wanted.dry_run, expected_at_most=wanted.expected_at_most, up_to=wanted.up_to)
        async with self._db.read() as tx:
            place = await self.place(tx, workspace, name)
        up_to = await self._up_to(place, wanted.up_to)
        out = await handed_out(self._bus, place)
        count = await self._total(place.stream, place.subjects, up_to) - (0 if wanted.in_flight else out.in_flight)
        work = QueueWork(count=max(0, count), exact=True, up_to=up_to)
        params = msgspec.to_builtins(wanted) | {"queue": name}
        return await self._order(by, workspace, "queues.purge", f"Purge {name}", params, work)

    async def move(self, by: Principal, workspace: str, name: str, wanted: MoveRequest) -> QueueWork:
        """Count what waits and matches, or order a job that moves it to another queue.

        Raises:
            QueueUnknownError, QueueDrainingError, BulkCountError, QueueBusyError, RequestInvalidError
        """
        model.check_reason(wanted.reason)
        model.check_filter(wanted.filter)
        check_bulk(dry_run=wanted.dry_run, expected_at_most=wanted.expected_at_most, up_to=wanted.up_to)
        if wanted.to == name:
            raise RequestInvalidError(errors=[FieldError("/to", "must be another queue")])
        async with self._db.read() as tx:
            place = await self.place(tx, workspace, name)
            await self.admission(tx, workspace, wanted.to)
            now = tx.clock.now()
        age = wanted.filter.older_than_s
        before = None if age is None else now - timedelta(seconds=age)
        up_to = await self._up_to(place, wanted.up_to)
        work = await self._count(place, wanted, before, up_to)
        params = msgspec.to_builtins(wanted) | {"queue": name, "before": before and before.isoformat()}
        return await self._order(
            by, workspace, "queues.move", f"Move from {name} to {wanted.to}", params, work, rate_per_s=wanted.rate_per_s
        )

    async def delete(self, by: Principal, workspace: str, name: str, wanted: DeleteRequest) -> QueueWork:
        """Order a job that deletes a queue; what is still in it goes to the dead letters.

        Raises:
            QueueUnknownError, QueueBusyError
            QueueInUseError: it holds messages or has workers, and `force` was not said.
        """
        model.check_reason(wanted.reason)
        async with self._db.read() as tx:
            place = await self.place(tx, workspace, name)
            queue = await self._queues.get(tx, workspace, name)
        up_to = await self._up_to(place, None)
        count = await self._total(place.stream, place.subjects, up_to)
        if not wanted.force and (count or queue.in_flight or queue.workers_waiting):
            raise QueueInUseError(f"{count:,} messages, {queue.workers_waiting} workers waiting for some")
        params = {"queue": name, "reason": wanted.reason, "dry_run": False}
        work = QueueWork(count=count, exact=True, up_to=up_to)
        return await self._order(by, workspace, "queues.delete", f"Delete {name}", params, work)

    async def history(self, tx: Tx, workspace: str, name: str, *, cursor: str | None, limit: int) -> RevisionPage:
        """Return what a queue's settings were, newest first; also of a queue that is gone."""
        return await self._revisions.page(tx, workspace, ("queue", name), cursor=cursor, limit=limit)

    async def check_rollback(self, workspace: str, name: str, number: int) -> None:
        """Refuse settings that need an empty queue where it is not; asks the broker, so not in a transaction.

        Raises:
            RevisionUnknownError, QueueInUseError
        """
        async with self._db.read() as tx:
            body = await self._revisions.body(tx, workspace, ("queue", name), number)
        await self._queues.preview(workspace, name, msgspec.convert(body, QueueDeclaration))

    async def rollback(self, tx: Tx, by: Principal, workspace: str, name: str, number: int, note: str) -> None:
        """Give a queue the settings of an earlier revision; one that was deleted exists again.

        Call `check_rollback` before the transaction.

        Raises:
            RevisionUnknownError, RequestInvalidError
        """
        model.check_reason(note, "/note")
        body = await self._revisions.body(tx, workspace, ("queue", name), number)
        told = note or f"back to revision {number}"
        await self._queues.restore(tx, by, workspace, name, msgspec.convert(body, QueueDeclaration), told)
        await self._audit.record(
            tx, workspace, by.name, "queue.rolled_back", f"queue/{name}", revision=number, note=note
        )

    async def queue(self, tx: Tx, workspace: str, name: str) -> Queue:
        """Return a queue with what is in it now.

        Raises:
            QueueUnknownError
        """
        return await self._queues.get(tx, workspace, name)

    async def place(self, tx: Tx, workspace: str, name: str) -> Place:
        """Return where a queue lies now.

        Raises:
            QueueUnknownError
        """
        settings = await self._queues.declaration(tx, workspace, name)
        return place_of(workspace, name, queueing.layout(settings, settings.page))

    async def is_paused(self, workspace: str, name: str) -> bool:
        """Whether a hold on the queue is to last."""
        async with self._db.read() as tx:
            return (await self._states.status(tx, workspace, name)).state in model.HELD

    async def _order(
        self, by: Principal, workspace: str, kind: str, title: str, params: dict[str, Any], work: QueueWork,
        *, rate_per_s: float | None = None,
    ) -> QueueWork:  # fmt: skip
        """Write down bulk work, unless it is a dry run; one at a time on a queue."""
        if params["dry_run"]:
            return work
        name, expected = params["queue"], params.get("expected_at_most")
        check_count(work.count, expected)
        async with self._db.write() as tx:
            if await self._is_held(tx, workspace, name):
                raise QueueBusyError
            told = params | {"up_to": work.up_to, "count": work.count}
            work.job = await self._jobs.create(tx, by, workspace, kind, title, told, rate_per_s=rate_per_s)
            values: dict[str, Any] = {"job_id": work.job.id}
            if kind == "queues.delete":
                values |= {"state": "deleting", "by": by.name, "reason": params["reason"], "since": tx.clock.now()}
            await store.put(tx, workspace, name, **values)
        return work

    async def _is_held(self, tx: Tx, workspace: str, name: str) -> bool:
        """Whether bulk work has the queue."""
        row = await store.get(tx, workspace, name)
        if row is None or row.job_id is None:
            return False
        return (await self._jobs.get(tx, workspace, row.job_id)).state in _LIVE

    async def _up_to(self, place: Place, asked: int | None) -> int:
        newest = (await stream_state(self._bus, place.stream)).last_seq
        return newest if asked is None else min(asked, newest)

    async def _total(self, stream: str, subject: str, up_to: int) -> int:
        total = await direct.count(self._bus, stream, subject)
        later = await direct.read_run(self._bus, stream, subject, from_seq=up_to + 1, limit=1)
        return total - len(later.messages) - later.behind

    async def _count(self, place: Place, wanted: MoveRequest, before: datetime | None, up_to: int) -> QueueWork:
        """Count what a move would touch: by the broker where it can, else by looking at so many."""
        select = model.Selection(type=wanted.filter.type, key=wanted.filter.key, before=before)
        out = await handed_out(self._bus, place)
        subject = place.sent_by(wanted.filter.sender)
        if not select.needs_looking and wanted.filter.sender is None:
            total = await self._total(place.stream, subject, up_to)
            return QueueWork(count=max(0, total - out.in_flight), exact=True, up_to=up_to)
        count, seq, scanned = 0, 0, 0
        while scanned < _COUNTED:
            run = await direct.read_run(self._bus, place.stream, subject, from_seq=seq + 1, limit=_RUN)
            for message in run.messages:
                mine = message.seq <= up_to and not out.has(message.seq, message.subject)
                count += mine and select.has(message.subject, message.payload, message.headers, message.stored_at)
            scanned += len(run.messages)
            if not run.behind or run.messages[-1].seq >= up_to:
                return QueueWork(count=count, exact=True, up_to=up_to)
            seq = run.messages[-1].seq
        return QueueWork(count=count, exact=False, up_to=up_to)

    async def _find(self, place: Place, seq: int) -> Stored:
        found = await read_one(self._bus, place.stream, seq) if 0 < seq <= MAX_COUNT else None
        if found is None or not subjects.matches(place.subjects, found.subject):
            raise QueueMessageUnknownError(f"The queue {place.queue!r} holds no message {seq}")
        return found

    async def _show(
        self, tx: Tx, place: Place, messages: list[Stored], size_bytes: int | None = None
    ) -> list[QueuedMessage]:
        if not messages:
            return []
        out = await handed_out(self._bus, place)
        origins = {message.seq: origin_seq(message.headers, message.seq) for message in messages}
        failed = await self._attempts.attempts_at(tx, place.workspace, place.queue, list(origins.values()))
        return [_shown(message, out, failed.get(origins[message.seq], 0), size_bytes) for message in messages]


def _shown(message: Stored, out: HandedOut, failed: int, size_bytes: int | None) -> QueuedMessage:
    facts = model.read(message.subject, message.payload, message.headers)
    payload, encoding, truncated = show(message.payload) if size_bytes is None else show(message.payload, size_bytes)
    return QueuedMessage(
        seq=message.seq, id=facts.id, type=facts.type, sender=facts.sender, key=facts.key,
        enqueued_at=rfc3339(message.stored_at), size_bytes=len(message.payload),
        state="taken" if out.has(message.seq, message.subject) else "waiting", failed_attempts=failed,
        headers=show_headers(message.headers), payload=payload, payload_encoding=encoding, payload_truncated=truncated,
    )  # fmt: skip


def _in_utc(moment: datetime | None) -> datetime | None:
    """A moment without a zone is meant in UTC."""
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _status(row: Any) -> QueueStatus:
    if row.state == "active" and not row.by:
        return QueueStatus()
    return QueueStatus(state=row.state, by=row.by, since=rfc3339(row.since), reason=row.reason)
