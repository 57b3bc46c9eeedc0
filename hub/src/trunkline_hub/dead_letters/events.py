"""What is handled in the background: letters and attempts enter the index, bulk jobs do their work, retention ends."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Literal

import msgspec
import structlog

from trunkline.delivery import Delivery
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import DeadLetterUnknownError, TrunklineError, UnavailableError
from trunkline.protocol.frames import Attempt
from trunkline.protocol.ids import new_id
from trunkline.protocol.queueing import Layout
from trunkline.protocol.resources import LetterFilter, RedriveRequest
from trunkline.tasks import Tasks
from trunkline_hub.bus import HubBus, direct
from trunkline_hub.bus.log import Stored, read_one
from trunkline_hub.bus.observer import Observer, Streams
from trunkline_hub.bus.place import stream_under
from trunkline_hub.core.component import Component
from trunkline_hub.db import Database, Tx
from trunkline_hub.dead_letters import model, store
from trunkline_hub.dead_letters.service import DeadLetters, Parcel
from trunkline_hub.dead_letters.settings import DeadLetterSettings
from trunkline_hub.jobs import JobRun

_log = structlog.get_logger("dead_letters")
_MAX_BIGINT = 2**63 - 1
_RUN = 500
_STALE_S = 1.0
"""What was read this long before it is worked on is read again."""
_FAILURES = 20
"""Failed letters that a job's result names."""

Workspaces = Callable[[], Awaitable[list[str]]]
LookUp = Callable[[str, list[Any]], Awaitable[dict[int, Stored]]]


class _Index(Observer):
    """Writes what workers put into a stream of records into a table; a message seen twice is written once."""

    table: ClassVar[Any]

    def __init__(self, bus: HubBus, streams: Streams, db: Database) -> None:
        super().__init__(bus, streams, self._index)
        self._db = db

    async def rows(self, deliveries: list[Delivery]) -> list[dict[str, Any]]:
        """Return a row for each message that is a record."""
        raise NotImplementedError

    async def tell(self, tx: Tx, rows: list[dict[str, Any]]) -> None:
        """Publish what is new."""

    async def _index(self, batch: list[Delivery]) -> None:
        rows = await self.rows(list({(d.subject.split(".", 2)[1], d.stream_seq): d for d in batch}.values()))
        await self._db.commit(partial(self._write, rows))

    async def _write(self, rows: list[dict[str, Any]], tx: Tx) -> None:
        for workspace in {row["workspace_id"] for row in rows}:
            mine = [row for row in rows if row["workspace_id"] == workspace]
            known = await store.known(tx, self.table, workspace, [row["seq"] for row in mine])
            fresh = [row for row in mine if row["seq"] not in known]
            if fresh:
                await store.insert(tx, self.table, fresh)
                await self.tell(tx, fresh)


class DeadLetterIndex(_Index):
    """Writes every dead letter into the index, and publishes that it died."""

    name: ClassVar[str] = "dead-letter-index"
    durable: ClassVar[str] = "hub_dead_letter_index"
    table: ClassVar[Any] = store.dead_letters

    async def rows(self, deliveries: list[Delivery]) -> list[dict[str, Any]]:
        verified = await asyncio.gather(*(self._is_verified(delivery) for delivery in deliveries))
        async with self._db.read() as tx:
            now = tx.clock.now()
        rows = [_letter_row(delivery, now) for delivery in deliveries]
        return [row | {"sender_verified": known} for row, known in zip(rows, verified, strict=True)]

    async def tell(self, tx: Tx, rows: list[dict[str, Any]]) -> None:
        told = ("id", "lane", "reader", "message_id", "type", "reason", "error")
        facts = [({name: row[name] for name in told}, row["id"]) for row in rows]
        await tx.emit_all(rows[0]["workspace_id"], "trunkline.dead_letter.added", facts)

    async def _is_verified(self, delivery: Delivery) -> bool:
        """Whether the letter is a true copy: the hub wrote it, or the original still lies where it says.

        What a hub stored on a reader's word proves nothing.
        """
        if model.by_hub(delivery.subject) and frames.HEADER_UNPROVEN not in delivery.headers:
            return True
        corpse = model.examine(delivery.subject, delivery.payload, delivery.headers)
        stream = stream_under(corpse.workspace, corpse.lane, corpse.reader, corpse.subject)
        for seq in sorted({corpse.stream_seq, corpse.copy_seq} - {0}):
            found = await read_one(self._bus, stream, seq)
            if found is None or frames.HEADER_UNPROVEN in found.headers:
                continue
            if model.is_copy(
                corpse, found.subject, (found.payload, found.headers), (delivery.payload, delivery.headers)
            ):
                return True
        return False


class AttemptIndex(_Index):
    """Writes every failed attempt into the index."""

    name: ClassVar[str] = "attempt-index"
    durable: ClassVar[str] = "hub_attempt_index"
    table: ClassVar[Any] = store.attempts

    async def rows(self, deliveries: list[Delivery]) -> list[dict[str, Any]]:
        return [row for delivery in deliveries if (row := _attempt_row(delivery)) is not None]


class LetterWorks:
    """The work of dead-letter jobs.

    Letters are taken in the order of their stream, up to the newest one of
    the moment of the order: what dies again meanwhile is not among them.
    """

    def __init__(self, bus: HubBus, db: Database, letters: DeadLetters) -> None:
        self._bus = bus
        self._db = db
        self._letters = letters

    async def redrive(self, run: JobRun) -> dict[str, Any]:
        """Redrive letters; one that cannot be sent does not keep the others."""
        failures: list[dict[str, str]] = run.checkpoint.get("failures", [])
        async with aclosing(self._batches(run, self._stored)) as batches:
            async for rows, found in batches:
                parcels, refused = await self._pack(run, rows, found)
                async with self._db.read() as tx:
                    began = tx.clock.now()
                sent, unsent, trouble = await self._send(parcels)
                async with self._db.write() as tx:
                    done = await store.mark_redriven(
                        tx, run.workspace, sent, run.by, redriven_to=run.params["queue"], job_id=run.id,
                        redrive_began_at=began,
                    )  # fmt: skip
                if trouble is not None:  # the engine is away: what is marked is done, the rest is taken up again
                    run.done += done
                    raise trouble
                refused |= unsent
                failures = (failures + [{"id": name, "error": why} for name, why in refused.items()])[:_FAILURES]
                checkpoint = {"seq": rows[-1].seq, "failures": failures}
                await run.step(checkpoint, done=done, failed=len(refused), error=next(iter(refused.values()), None))
        return {"redriven": run.done, "failed": run.failed, "failures": failures}

    async def discard(self, run: JobRun) -> dict[str, Any]:
        """Discard letters."""
        async with aclosing(self._batches(run, _nothing)) as batches:
            async for rows, _found in batches:
                async with self._db.write() as tx:
                    done = await store.mark_discarded(
                        tx, run.workspace, [row.id for row in rows], run.by, run.params["reason"], run.id
                    )
                await run.step({"seq": rows[-1].seq}, done=done)
        return {"discarded": run.done}

    async def _batches(self, run: JobRun, look_up: LookUp) -> AsyncGenerator[tuple[list[Any], dict[int, Stored]], None]:
        """Yield the rows that wait and match, in batches, with what `look_up` finds for them.

        The next batch is read while one is being settled, and read again where
        that took so long that others may have settled some of it.
        """
        where = model.conditions(msgspec.convert(run.params["filter"], LetterFilter)) | {"state": "waiting"}
        async with self._db.read() as tx:
            run.done = await store.done_by_job(tx, run.id)  # what a hub did that died before it could say so
        await run.expect(run.params["count"])

        async def read(after: int) -> tuple[list[Any], dict[int, Stored]]:
            async with self._db.read() as tx:
                rows = await store.run(
                    tx, run.workspace, where, after=after, up_to=run.params["up_to"],
                    limit=model.batch_size(run.rate_per_s),
                )  # fmt: skip
            return rows, await look_up(run.workspace, rows) if rows else {}

        tasks = Tasks()
        loop = asyncio.get_running_loop()
        after = run.checkpoint.get("seq", 0)
        rows, found = await read(after)
        try:
            while rows:
                after, began = rows[-1].seq, loop.time()
                ahead = tasks.spawn(read(after), name="letters-ahead", awaited=True)
                yield rows, found
                rows, found = await ahead
                if loop.time() - began > _STALE_S:
                    rows, found = await read(after)
        finally:
            await tasks.close()

    async def _stored(self, workspace: str, rows: list[Any]) -> dict[int, Stored]:
        readers = {(row.lane, row.reader) for row in rows}
        pattern = f"{subjects.ROOT}.{workspace}.dead.>"
        if len(readers) == 1:
            ((lane, reader),) = readers
            pattern = subjects.dead_filter(workspace, lane, reader)
        return await direct.read_many(self._bus, subjects.dead_stream(workspace), pattern, [row.seq for row in rows])

    async def _pack(
        self, run: JobRun, rows: list[Any], found: dict[int, Stored]
    ) -> tuple[list[tuple[str, Parcel]], dict[str, str]]:
        """Return (id, parcel) of what can be sent, and what is wrong with the rest."""
        parcels: list[tuple[str, Parcel]] = []
        refused: dict[str, str] = {}
        wanted = RedriveRequest(queue=run.params["queue"])
        homes: dict[tuple[str, str], Layout | TrunklineError | None] = {}
        for row in rows:
            try:
                if row.seq not in found:
                    raise DeadLetterUnknownError("Its message is no longer stored")
                home = await self._home(run.workspace, row, wanted.queue, homes)
                parcels.append((row.id, self._letters.pack(run.by, row, found[row.seq], wanted, home)))
            except UnavailableError:
                raise
            except TrunklineError as error:
                refused[row.id] = error.detail
        return parcels, refused

    async def _home(
        self, workspace: str, row: Any, queue: str | None, homes: dict[tuple[str, str], Layout | TrunklineError | None]
    ) -> Layout | None:
        key = (row.lane, row.reader)
        if key not in homes:
            try:
                homes[key] = await self._letters.find_home(workspace, row, queue)
            except UnavailableError:
                raise
            except TrunklineError as error:
                homes[key] = error
        found = homes[key]
        if isinstance(found, TrunklineError):
            raise found
        return found

    async def _send(
        self, parcels: list[tuple[str, Parcel]]
    ) -> tuple[list[str], dict[str, str], UnavailableError | None]:
        """Publish all at once; returns ids sent, ids refused and why, and whether the engine was away for some."""
        publisher = self._bus.publisher
        futures = [
            publisher.publish(p.stream, p.subject, p.payload, msg_id=p.msg_id, headers=p.headers) for _id, p in parcels
        ]
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        sent: list[str] = []
        refused: dict[str, str] = {}
        trouble: UnavailableError | None = None
        for (letter_id, _parcel), outcome in zip(parcels, outcomes, strict=True):
            if not isinstance(outcome, BaseException):
                sent.append(letter_id)
            elif isinstance(outcome, UnavailableError):
                trouble = outcome
            elif isinstance(outcome, TrunklineError):
                refused[letter_id] = outcome.detail
            else:
                raise outcome
        return sent, refused, trouble


async def _nothing(_workspace: str, _rows: list[Any]) -> dict[int, Stored]:
    return {}


class LetterRetention(Component):
    """Lets letters go at the end of their time; counts them and publishes it."""

    name: ClassVar[str] = "dead-letter-retention"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, bus: HubBus, db: Database, settings: DeadLetterSettings, workspaces: Workspaces) -> None:
        super().__init__()
        self._bus = bus
        self._db = db
        self._settings = settings
        self._workspaces = workspaces
        self._expired: list[Any] = []

    async def run(self) -> None:
        self.started.set()
        while True:
            for workspace in await self._workspaces():
                try:
                    await self.sweep(workspace)
                except UnavailableError as error:
                    _log.warning("retention_postponed", workspace=workspace, error=str(error))
            async with self._db.read() as tx:
                self._expired = await store.expired(tx)
            await asyncio.sleep(self._settings.sweep_interval_s)

    def gauges(self) -> Iterable[tuple[str, str, dict[str, str], float]]:
        """Report what left, as metrics."""
        for row in self._expired:
            labels = {"workspace": row.workspace_id, "lane": row.lane, "reader": row.reader, "state": row.state}
            yield (
                "trunkline_dead_letters_expired",
                "Dead letters that left at the end of their retention.",
                labels,
                row.count,
            )

    async def sweep(self, workspace: str) -> int:
        """Let go what is over its time or number in one workspace; how many."""
        gone = 0
        while rows := await self._leaving(workspace):
            await direct.remove(self._bus, subjects.dead_stream(workspace), [row.seq for row in rows])
            async with self._db.write() as tx:
                for (lane, reader, state), count in (await store.expire(tx, workspace, rows)).items():
                    fact = {"lane": lane, "reader": reader, "state": state, "count": count}
                    await tx.emit(workspace, "trunkline.dead_letter.expired", fact, subject=reader)
            gone += len(rows)
        if gone:
            _log.warning("dead_letters_expired", workspace=workspace, count=gone)
        return gone

    async def _leaving(self, workspace: str) -> list[Any]:
        wanted = self._settings
        async with self._db.read() as tx:
            now = tx.clock.now()
            until = now - timedelta(seconds=wanted.settled_max_age_s)
            rows = await store.older_than(tx, workspace, ["redriven", "discarded"], until, _RUN)
            if not rows and wanted.waiting_max_age_s is not None:
                until = now - timedelta(seconds=wanted.waiting_max_age_s)
                rows = await store.older_than(tx, workspace, ["waiting"], until, _RUN)
            if not rows and wanted.max_count is not None:
                surplus = min(await store.total(tx, workspace) - wanted.max_count, _RUN)
                if surplus > 0:
                    rows = await store.oldest(tx, workspace, ["redriven", "discarded"], surplus)
                    rows = rows or await store.oldest(tx, workspace, ["waiting"], surplus)
        return rows


def _letter_row(delivery: Delivery, now: datetime) -> dict[str, Any]:
    corpse = model.examine(delivery.subject, delivery.payload, delivery.headers)
    return {
        "id": new_id(), "workspace_id": corpse.workspace, "seq": delivery.stream_seq, "lane": corpse.lane,
        "reader": corpse.reader, "subject": corpse.subject, "stream_seq": corpse.stream_seq,
        "message_id": corpse.message_id, "type": corpse.type, "sender": corpse.sender, "reason": corpse.reason,
        "error": corpse.error, "attempts": corpse.attempts, "size_bytes": corpse.size_bytes,
        "traceparent": corpse.traceparent, "redrive_of": corpse.redrive_of, "agent": corpse.agent,
        "correlation_id": corpse.correlation_id, "state": "discarded" if corpse.discarded_by else "waiting",
        "died_at": now, "discarded_at": now if corpse.discarded_by else None,
        "discarded_by": corpse.discarded_by, "discard_reason": corpse.error if corpse.discarded_by else None,
    }  # fmt: skip


def _attempt_row(delivery: Delivery) -> dict[str, Any] | None:
    """Return the row, or None for a record that is not one: anyone may write to the stream of its own reader."""
    workspace, lane, reader = model.reader_of(delivery.subject)
    try:
        record = msgspec.json.decode(delivery.payload, type=Attempt)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not (0 <= record.stream_seq <= _MAX_BIGINT and 0 <= record.number <= model.MAX_INTEGER):
        return None
    return {
        "workspace_id": workspace, "seq": delivery.stream_seq, "lane": lane, "reader": reader,
        "stream_seq": record.stream_seq, "number": record.number, "record": msgspec.to_builtins(record),
    }  # fmt: skip
