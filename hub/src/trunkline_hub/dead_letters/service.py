"""Listing, inspecting and redriving dead letters."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.protocol import frames, queueing, subjects
from trunkline.protocol.errors import DeadLetterRedrivenError, DeadLetterUnknownError
from trunkline.protocol.frames import Attempt
from trunkline.protocol.queueing import PLAIN, Layout
from trunkline.protocol.resources import DeadLetter, DeadLetterDetail, DeadLetterPage, Redriven
from trunkline.protocol.subjects import Lane
from trunkline.wire import header_lines
from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.addressing import address
from trunkline_hub.bus.log import Stored, read_one
from trunkline_hub.core.clock import rfc3339, rfc3339_or_none
from trunkline_hub.core.lookup import LetterFate
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.dead_letters import model, store

_MAX_LIVES = 20
"""How many redrives back a letter's history is followed."""


Layouts = Callable[[str, Sequence[str]], Awaitable[Mapping[str, Layout]]]
"""(workspace, queues) → how each of them lies on the bus."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Dead letters of one reader."""

    lane: Lane
    reader: str
    total: int
    waiting: int


class DeadLetters:
    """The dead letters of all workspaces."""

    def __init__(self, bus: HubBus, db: Database, audit: Audit) -> None:
        self._bus = bus
        self._db = db
        self._audit = audit
        self.layouts: Layouts = _all_plain
        """Tells how the queues of a workspace lie on the bus; filled by the composition root."""

    async def page(
        self, tx: Tx, workspace: str, filters: dict[str, Any], *, cursor: str | None, limit: int
    ) -> DeadLetterPage:
        """Return dead letters, newest first; filters: `lane`, `reader`, `reason`, `waiting`."""
        rows = await store.page(tx, workspace, filters, before=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.id))
        return DeadLetterPage(items=[_letter(row) for row in kept], next=after)

    async def get(self, tx: Tx, workspace: str, letter_id: str) -> DeadLetterDetail:
        """Return a dead letter with its payload and every attempt of all its lives.

        Raises:
            DeadLetterUnknownError
        """
        row = await self._row(tx, workspace, letter_id)
        stored = await self._stored(workspace, row)
        payload, encoding, truncated = model.show(stored.payload)
        return DeadLetterDetail(
            letter=_letter(row), subject=row.subject, headers=model.show_headers(stored.headers), payload=payload,
            payload_encoding=encoding, payload_truncated=truncated, history=await self._history(tx, workspace, row),
        )  # fmt: skip

    async def redrive(self, by: Principal, workspace: str, letter_id: str) -> Redriven:
        """Send a dead letter back to where it came from: intent, deed, outcome.

        The event keeps its id, so idempotent workers know it again; the broker
        is given a new message id made of the letter's, so that repeating an
        interrupted redrive stores it once.

        Raises:
            DeadLetterUnknownError, DeadLetterRedrivenError, BusUnavailableError
            ConflictError: it does not say where its reader got it.
        """
        async with self._db.write() as tx:
            row = await self._row(tx, workspace, letter_id)
            subject = model.redrive_subject(workspace, row.lane, row.reader, row.subject)
            if not await store.mark_redrive_began(tx, workspace, letter_id):
                raise DeadLetterRedrivenError(f"Redriven at {rfc3339(row.redriven_at)} by {row.redriven_by}")
        stored = await self._stored(workspace, row)
        stream = subjects.reader_stream(workspace, row.lane)
        if row.lane == "queue":
            layout = (await self.layouts(workspace, [row.reader])).get(row.reader, PLAIN)
            stream, subject = address(queueing.spot(subject), layout, stored.payload, otherwise=row.id)
        ack = await self._bus.store(
            stream, subject, stored.payload, msg_id=f"redrive:{row.id}",
            headers=header_lines(
                {
                    "Content-Type": stored.headers.get("Content-Type", "application/octet-stream"),
                    frames.HEADER_REDRIVE_OF: row.id,
                }
            ),
        )  # fmt: skip
        async with self._db.write() as tx:
            if await store.mark_redriven(tx, workspace, letter_id, by.name):
                await self._audit.record(
                    tx, workspace, by.name, "dead_letter.redriven", f"dead_letter/{letter_id}",
                    reader=row.reader, message_id=row.message_id,
                )  # fmt: skip
        return Redriven(id=letter_id, message_id=row.message_id, subject=subject, seq=ack.seq)

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

    async def _row(self, tx: Tx, workspace: str, letter_id: str) -> Any:
        row = await store.get(tx, workspace, letter_id)
        if row is None:
            raise DeadLetterUnknownError(f"There is no dead letter {letter_id!r} in workspace {workspace!r}")
        return row

    async def _stored(self, workspace: str, row: Any) -> Stored:
        stored = await read_one(self._bus, subjects.dead_stream(workspace), row.seq)
        if stored is None:
            raise DeadLetterUnknownError(f"The message of dead letter {row.id!r} is no longer stored")
        return stored

    async def _history(self, tx: Tx, workspace: str, row: Any) -> list[Attempt]:
        """Return the attempts of this life and of those before it, oldest first."""
        lives = [row]
        while lives[-1].redrive_of is not None and len(lives) < _MAX_LIVES:
            earlier = await store.get(tx, workspace, lives[-1].redrive_of)
            if earlier is None:
                break
            lives.append(earlier)
        records: list[dict[str, Any]] = []
        for life in reversed(lives):
            records += await store.history(tx, workspace, life.lane, life.reader, life.stream_seq)
        return [msgspec.convert(record, Attempt) for record in records]


def _letter(row: Any) -> DeadLetter:
    return DeadLetter(
        id=row.id, lane=row.lane, reader=row.reader, message_id=row.message_id, type=row.type, sender=row.sender,
        reason=row.reason, error=row.error, attempts=row.attempts, size_bytes=row.size_bytes,
        died_at=rfc3339(row.died_at), traceparent=row.traceparent, redriven_at=rfc3339_or_none(row.redriven_at),
        redriven_by=row.redriven_by
    )  # fmt: skip


async def _all_plain(_workspace: str, _names: Sequence[str]) -> Mapping[str, Layout]:
    return {}
