"""Searching, inspecting, redriving and discarding dead letters; `events.py` does the bulk work ordered here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, queueing, subjects
from trunkline.protocol.errors import (
    DeadLetterDiscardedError,
    DeadLetterHomelessError,
    DeadLetterRedrivenError,
    DeadLetterUnknownError,
    QueueUnknownError,
)
from trunkline.protocol.frames import Attempt
from trunkline.protocol.queueing import Layout
from trunkline.protocol.resources import (
    BulkDiscardRequest,
    BulkRedriveRequest,
    DeadLetter,
    DeadLetterDetail,
    DeadLetterPage,
    DeadLetterSummary,
    Facet,
    LetterFilter,
    LetterWork,
    Life,
    Redriven,
    RedriveRequest,
)
from trunkline.protocol.subjects import Lane
from trunkline.wire import header_lines
from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.log import Stored, read_one
from trunkline_hub.bus.place import address, has_group, new_spot, said
from trunkline_hub.core.bulk import check_bulk, check_count
from trunkline_hub.core.clock import rfc3339, rfc3339_or_none
from trunkline_hub.core.lookup import LetterFate
from trunkline_hub.core.page import cut, decode_number
from trunkline_hub.core.preview import show, show_headers
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.dead_letters import model, store
from trunkline_hub.jobs import Jobs

_MAX_LIVES = 20
"""How many redrives back a letter's history is followed."""
_FACETS = 100
_SAMPLE = 10


Layouts = Callable[[str, Sequence[str]], Awaitable[Mapping[str, Layout]]]
"""(workspace, queues) → how each of them lies on the bus."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Dead letters of one reader."""

    lane: Lane
    reader: str
    total: int
    waiting: int


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A letter ready to be sent again."""

    stream: str
    subject: str
    payload: bytes
    msg_id: str
    headers: bytes


class DeadLetters:
    """The dead letters of all workspaces."""

    def __init__(self, bus: HubBus, db: Database, audit: Audit, jobs: Jobs) -> None:
        self._bus = bus
        self._db = db
        self._audit = audit
        self._jobs = jobs
        self.layouts: Layouts = _no_queues
        """Tells how the queues of a workspace lie on the bus; filled by the composition root."""
        self._jobs = jobs

    async def page(
        self, tx: Tx, workspace: str, wanted: LetterFilter, state: model.State | None, *, waiting: bool | None,
        cursor: str | None, limit: int,
    ) -> DeadLetterPage:  # fmt: skip
        """Return the dead letters that match, newest first; `waiting` false means all that do not.

        Raises:
            CursorInvalidError, RequestInvalidError
        """
        where = model.conditions(wanted, "query:") | {"state": state, "waiting": waiting}
        rows = await store.page(tx, workspace, where, before=decode_number(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.seq))
        return DeadLetterPage(items=[_letter(row) for row in kept], next=after)

    async def summary(self, tx: Tx, workspace: str, wanted: LetterFilter) -> DeadLetterSummary:
        """Count the dead letters that match, by reader, reason and type.

        Raises:
            RequestInvalidError
        """
        where = model.conditions(wanted, "query:")
        readers = await store.facets(tx, workspace, where, ["lane", "reader"], _FACETS)
        everything = await store.facets(tx, workspace, where, [], 1)
        total, waiting, redriven = everything[0] if everything else (0, 0, 0)
        gone = sum(row.count for row in await store.expired(tx, workspace))
        return DeadLetterSummary(
            total=total, waiting=waiting, redriven=redriven, discarded=total - waiting - redriven, expired=gone,
            readers=[Facet(value=r.reader, lane=r.lane, total=r.total, waiting=r.waiting) for r in readers],
            reasons=await self._facets(tx, workspace, where, "reason"),
            types=await self._facets(tx, workspace, where, "type"),
        )  # fmt: skip

    async def get(self, tx: Tx, workspace: str, letter_id: str) -> DeadLetterDetail:
        """Return a dead letter with its payload and every attempt of all its lives.

        Raises:
            DeadLetterUnknownError
        """
        row = await self._row(tx, workspace, letter_id)
        stored = await self.stored(workspace, row)
        payload, encoding, truncated = show(stored.payload)
        lives = await self._lives(tx, workspace, row)
        records: list[dict[str, Any]] = []
        for life in lives:
            records += await store.history(tx, workspace, life.lane, life.reader, life.stream_seq)
        return DeadLetterDetail(
            letter=_letter(row), subject=row.subject, headers=show_headers(stored.headers), payload=payload,
            payload_encoding=encoding, payload_truncated=truncated, lives=[_life(life) for life in lives],
            history=[msgspec.convert(record, Attempt) for record in records],
        )  # fmt: skip

    async def redrive(self, by: Principal, workspace: str, letter_id: str, wanted: RedriveRequest) -> Redriven:
        """Send a dead letter back to where it came from, or elsewhere, or edited: intent, deed, outcome.

        The event keeps its id, so idempotent workers know it again; the broker
        is given a new message id made of the letter's, so that repeating an
        interrupted redrive stores it once.

        Raises:
            DeadLetterUnknownError, DeadLetterRedrivenError, DeadLetterHomelessError, DeadLetterUneditableError
            QueueUnknownError, RequestInvalidError, BusUnavailableError
            ConflictError: it does not say where its reader got it.
        """
        async with self._db.read() as tx:
            row = await self._row(tx, workspace, letter_id)
        home = await self.find_home(workspace, row, wanted.queue)
        parcel = self.pack(by.name, row, await self.stored(workspace, row), wanted, home)
        async with self._db.write() as tx:
            if not await store.mark_redrive_began(tx, workspace, letter_id):
                raise _redriven(await self._row(tx, workspace, letter_id))
        ack = await self._bus.store(
            parcel.stream, parcel.subject, parcel.payload, msg_id=parcel.msg_id, headers=parcel.headers
        )
        editor = by.name if wanted.edited is not None else None
        async with self._db.write() as tx:
            if not await store.mark_redriven(
                tx, workspace, [letter_id], by.name, redriven_to=wanted.queue, edited_by=editor, job_id=None
            ):
                raise _redriven(await self._row(tx, workspace, letter_id))
            await self._audit.record(
                tx, workspace, by.name, "dead_letter.redriven", f"dead_letter/{letter_id}", reader=row.reader,
                message_id=row.message_id, edited=editor is not None, queue=wanted.queue,
            )  # fmt: skip
        return Redriven(id=letter_id, message_id=row.message_id, subject=parcel.subject, seq=ack.seq)

    async def discard(self, tx: Tx, by: Principal, workspace: str, letter_id: str, reason: str) -> DeadLetter:
        """Put a dead letter aside for good; it stays on record until its retention ends.

        Raises:
            DeadLetterUnknownError, DeadLetterRedrivenError, DeadLetterDiscardedError, RequestInvalidError
        """
        model.check_reason(reason)
        row = await self._row(tx, workspace, letter_id)
        if not await store.mark_discarded(tx, workspace, [letter_id], by.name, reason):
            row = await self._row(tx, workspace, letter_id)
            kind = DeadLetterRedrivenError if row.state == "redriven" else DeadLetterDiscardedError
            raise kind(f"By {row.redriven_by or row.discarded_by}")
        await self._audit.record(
            tx, workspace, by.name, "dead_letter.discarded", f"dead_letter/{letter_id}", reader=row.reader,
            message_id=row.message_id, reason=reason,
        )  # fmt: skip
        return _letter(await self._row(tx, workspace, letter_id))

    async def redrive_all(self, by: Principal, workspace: str, wanted: BulkRedriveRequest) -> LetterWork:
        """Count the waiting letters that match, or order a job that redrives exactly these.

        Raises:
            BulkCountError, RequestInvalidError
            QueueUnknownError: nobody declared the queue they are to go to.
        """
        if wanted.queue is not None:
            await self._layout(workspace, wanted.queue)
        title = f"Redrive dead letters{f' of {wanted.filter.reader}' if wanted.filter.reader else ''}"
        return await self._order(by, workspace, "dead_letters.redrive", title, wanted)

    async def discard_all(self, by: Principal, workspace: str, wanted: BulkDiscardRequest) -> LetterWork:
        """Count the waiting letters that match, or order a job that discards exactly these.

        Raises:
            BulkCountError, RequestInvalidError
        """
        model.check_reason(wanted.reason)
        title = f"Discard dead letters{f' of {wanted.filter.reader}' if wanted.filter.reader else ''}"
        return await self._order(by, workspace, "dead_letters.discard", title, wanted)

    async def fates(self, workspace: str, seqs: list[int]) -> dict[int, LetterFate]:
        """Return the ids of letters, and what became of them, by their places in the stream."""
        async with self._db.read() as tx:
            rows = await store.by_seq(tx, workspace, seqs)
        return {
            row.seq: LetterFate(row.id, row.redrive_began_at if row.redriven_at else None, row.redriven_by)
            for row in rows
        }

    async def counts(self, tx: Tx, workspace: str) -> list[Counts]:
        """Count dead letters by reader."""
        rows = await store.counts(tx, workspace)
        return [Counts(lane=row.lane, reader=row.reader, total=row.total, waiting=row.waiting) for row in rows]

    async def waiting_by_queue(self, tx: Tx, workspace: str) -> dict[str, int]:
        """Count the dead letters that wait, by queue."""
        found = await self.counts(tx, workspace)
        return {count.reader: count.waiting for count in found if count.lane == "queue"}

    async def failed_attempts(self, tx: Tx, workspace: str) -> int:
        """Count the failed attempts on record."""
        return await store.attempt_count(tx, workspace)

    async def attempts_at(self, tx: Tx, workspace: str, queue: str, seqs: list[int]) -> dict[int, int]:
        """Count the failed attempts on record for messages of a queue."""
        return await store.attempts_at(tx, workspace, "queue", queue, seqs)

    async def stored(self, workspace: str, row: Any) -> Stored:
        """Return a letter as it lies in its stream.

        Raises:
            DeadLetterUnknownError: it is not there any more.
        """
        stored = await read_one(self._bus, subjects.dead_stream(workspace), row.seq)
        if stored is None:
            raise DeadLetterUnknownError(f"The message of dead letter {row.id!r} is no longer stored")
        return stored

    async def find_home(self, workspace: str, row: Any, queue: str | None) -> Layout | None:
        """Return how the queue lies to which a letter goes, None for a group; where nobody reads, it would lie unseen.

        Raises:
            DeadLetterHomelessError, QueueUnknownError
        """
        if queue is not None:
            return await self._layout(workspace, queue)
        if row.lane == "group":
            if await has_group(self._bus, workspace, row.reader):
                return None
        elif (layout := (await self.layouts(workspace, [row.reader])).get(row.reader)) is not None:
            return layout
        raise DeadLetterHomelessError(f"There is no {row.lane} {row.reader!r} any more")

    def pack(self, by: str, row: Any, stored: Stored, wanted: RedriveRequest, home: Layout | None) -> Parcel:
        """Make a letter ready to be sent again: where its queue lies now, `home`, with its key and class.

        To another queue it goes under its sender's name only where that is
        proven: else a queue's reader could make others believe what it likes.

        Raises:
            ConflictError, DeadLetterUneditableError, RequestInvalidError
        """
        workspace = row.workspace_id
        stream = subjects.events_stream(workspace)
        subject = model.redrive_subject(workspace, row.lane, row.reader, row.subject)
        unproven = {frames.HEADER_UNPROVEN: "1"} if wanted.queue is None and not row.sender_verified else {}
        headers = model.redrive_headers(row.id, stored.headers) | unproven
        payload = stored.payload
        if wanted.edited is not None:
            payload = model.edit(payload, stored.headers, wanted.edited.data)
            structured = {"Content-Type": ce.CONTENT_TYPE, frames.HEADER_EDITED_BY: by}
            headers = {name: value for name, value in headers.items() if name.startswith("Tl-")} | structured
        if row.reason == model.EXPIRED:
            payload, headers = model.without_expiry(payload, headers)
        if home is not None:
            sender = row.sender if row.sender_verified else by
            spot = queueing.spot(subject) if wanted.queue is None else new_spot(workspace, wanted.queue, sender)
            stream, subject = address(spot, home, said(payload, headers), otherwise=row.id)
        return Parcel(
            stream=stream, subject=subject, payload=payload, msg_id=f"redrive:{row.id}", headers=header_lines(headers)
        )

    async def _order(
        self, by: Principal, workspace: str, kind: str, title: str, wanted: BulkRedriveRequest | BulkDiscardRequest
    ) -> LetterWork:
        check_bulk(dry_run=wanted.dry_run, expected_at_most=wanted.expected_at_most, up_to=wanted.up_to)
        where = model.conditions(wanted.filter) | {"state": "waiting"}
        async with self._db.read() as tx:
            newest = await store.newest_seq(tx, workspace)
            up_to = newest if wanted.up_to is None else min(newest, wanted.up_to)
            count = await store.count(tx, workspace, where, up_to=up_to)
            rows = await store.run(tx, workspace, where, after=0, up_to=up_to, limit=_SAMPLE)
        work = LetterWork(count=count, sample=[_letter(row) for row in rows], up_to=up_to)
        if wanted.dry_run:
            return work
        check_count(count, wanted.expected_at_most)
        params = msgspec.to_builtins(wanted) | {"up_to": up_to, "count": count}
        rate = wanted.rate_per_s if isinstance(wanted, BulkRedriveRequest) else None
        async with self._db.write() as tx:
            work.job = await self._jobs.create(tx, by, workspace, kind, title, params, rate_per_s=rate)
        return work

    async def _facets(self, tx: Tx, workspace: str, where: dict[str, Any], name: str) -> list[Facet]:
        rows = await store.facets(tx, workspace, where, [name], _FACETS)
        return [Facet(value=row[0], total=row.total, waiting=row.waiting) for row in rows]

    async def _layout(self, workspace: str, queue: str) -> Layout:
        layout = (await self.layouts(workspace, [queue])).get(queue)
        if layout is None:
            raise QueueUnknownError(f"There is no queue {queue!r} in workspace {workspace!r}")
        return layout

    async def _row(self, tx: Tx, workspace: str, letter_id: str) -> Any:
        row = await store.get(tx, workspace, letter_id)
        if row is None:
            raise DeadLetterUnknownError(f"There is no dead letter {letter_id!r} in workspace {workspace!r}")
        return row

    async def _lives(self, tx: Tx, workspace: str, row: Any) -> list[Any]:
        """Return the deaths of the same message up to this one, oldest first."""
        lives = [row]
        while lives[-1].redrive_of is not None and len(lives) < _MAX_LIVES:
            earlier = await store.get(tx, workspace, lives[-1].redrive_of)
            if earlier is None or not model.same_life(earlier, lives[-1]):
                break
            lives.append(earlier)
        return lives[::-1]


def _redriven(row: Any) -> DeadLetterRedrivenError:
    return DeadLetterRedrivenError(f"Redriven at {rfc3339_or_none(row.redriven_at)} by {row.redriven_by}")


def _letter(row: Any) -> DeadLetter:
    return DeadLetter(
        id=row.id, lane=row.lane, reader=row.reader, message_id=row.message_id, type=row.type, sender=row.sender,
        sender_verified=row.sender_verified, agent=row.agent, correlation_id=row.correlation_id,
        reason=row.reason, error=row.error, attempts=row.attempts, size_bytes=row.size_bytes,
        died_at=rfc3339(row.died_at), traceparent=row.traceparent, redriven_at=rfc3339_or_none(row.redriven_at),
        redriven_by=row.redriven_by, redriven_to=row.redriven_to, edited_by=row.edited_by,
        discarded_at=rfc3339_or_none(row.discarded_at), discarded_by=row.discarded_by,
        discard_reason=row.discard_reason, job_id=row.job_id,
    )  # fmt: skip


def _life(row: Any) -> Life:
    return Life(
        letter_id=row.id, lane=row.lane, reader=row.reader, reason=row.reason, error=row.error,
        died_at=rfc3339(row.died_at), redriven_at=rfc3339_or_none(row.redriven_at), redriven_by=row.redriven_by,
        edited_by=row.edited_by,
    )  # fmt: skip


async def _no_queues(_workspace: str, _names: Sequence[str]) -> Mapping[str, Layout]:
    return {}
