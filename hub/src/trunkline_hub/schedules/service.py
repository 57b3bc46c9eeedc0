"""Declaring schedules and firing them; looking at what waits for its time."""

import asyncio
import itertools
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import msgspec
import structlog

from trunkline.protocol.errors import (
    BusUnavailableError,
    ConflictError,
    PermissionDeniedError,
    ScheduledUnknownError,
    ScheduleUnknownError,
    TrunklineError,
    UnavailableError,
)
from trunkline.protocol.ids import new_id
from trunkline.protocol.resources import (
    CronTimes,
    Firing,
    FiringPage,
    Schedule,
    Scheduled,
    ScheduledDetail,
    ScheduleDeclaration,
    ScheduledPage,
    SchedulePage,
)
from trunkline.protocol.trace import next_traceparent
from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus, schedule
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.incoming import plain
from trunkline_hub.core.page import cut, decode_cursor, decode_number, encode_cursor
from trunkline_hub.core.permission import allows
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.schedules import model, store
from trunkline_hub.schedules.ports import Log, Work

_log = structlog.get_logger("schedules")
_DUE_BATCH = 1000
_AT_ONCE = 8
_PREVIEW_CHARS = 200


class Schedules:
    """The cron schedules of all workspaces."""

    def __init__(self, db: Database, clock: Clock, audit: Audit, work: Work, log: Log) -> None:
        self.changed = asyncio.Event()
        """Set when something may fire sooner than was known."""
        self._db = db
        self._clock = clock
        self._audit = audit
        self._work = work
        self._log = log

    async def declare(self, tx: Tx, by: Principal, workspace: str, name: str, wanted: ScheduleDeclaration) -> Schedule:
        """Create a schedule, or change it. What it sends carries the name of who declared it last.

        Raises:
            RequestInvalidError, QueueUnknownError, QueueClassUnknownError
            PermissionDeniedError: the caller may not send what the schedule is to send.
        """
        now = self._clock.now()
        model.check(name, wanted, now)
        scope = "events:publish" if wanted.queue is None else "queues:enqueue"
        if not allows(by.scopes, scope):
            raise PermissionDeniedError(f"What the schedule sends needs the scope {scope!r}")
        if wanted.queue is not None:
            model.check_class(wanted, await self._work.declaration(tx, workspace, wanted.queue))
        present = await store.get(tx, workspace, name)
        if present is not None and store.declaration(present) == wanted and present.owner == by.name:
            tx.audited = True  # nothing changed, so there is nothing to record
            return self._schedule(present)
        values: dict[str, Any] = {"declaration": msgspec.to_builtins(wanted), "owner": by.name}
        if present is None:
            key = {"workspace_id": workspace, "name": name, "paused": False}
            await store.insert(tx, key | values | _next(name, wanted, now))
        else:
            timing = (
                {} if present.paused or _same_times(store.declaration(present), wanted) else _next(name, wanted, now)
            )
            await store.update(tx, workspace, name, **values, **timing)
        await self._note(tx, by, workspace, name, "declared", cron=wanted.cron, timezone=wanted.timezone)
        return self._schedule(await store.get(tx, workspace, name))

    async def get(self, tx: Tx, workspace: str, name: str) -> Schedule:
        """Return a schedule with its next firings.

        Raises:
            ScheduleUnknownError
        """
        return self._schedule(await _row(tx, workspace, name))

    async def page(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> SchedulePage:
        """Return the schedules by name."""
        rows = await store.page(tx, workspace, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.name))
        return SchedulePage(items=[self._schedule(row) for row in kept], next=after)

    async def pause(self, tx: Tx, by: Principal, workspace: str, name: str) -> Schedule:
        """Let a schedule fire no more until it is resumed."""
        row = await _row(tx, workspace, name)
        tx.audited = True
        if not row.paused:
            await store.update(tx, workspace, name, paused=True, planned_at=None, fires_at=None)
            await self._note(tx, by, workspace, name, "paused")
        return await self.get(tx, workspace, name)

    async def resume(self, tx: Tx, by: Principal, workspace: str, name: str) -> Schedule:
        """Let a schedule fire again, from now on; what it left out meanwhile is not made up for."""
        row = await _row(tx, workspace, name)
        tx.audited = True
        if row.paused:
            timing = _next(name, store.declaration(row), self._clock.now())
            await store.update(tx, workspace, name, paused=False, **timing)
            await self._note(tx, by, workspace, name, "resumed")
        return await self.get(tx, workspace, name)

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str) -> None:
        """Take a schedule away, its history with it; what it sent stays."""
        await _row(tx, workspace, name)
        await store.remove(tx, workspace, name)
        await self._note(tx, by, workspace, name, "removed")

    async def run(self, by: Principal, workspace: str, name: str) -> Firing:
        """Fire a schedule now, beside its plan.

        Raises:
            ScheduleUnknownError, QueueUnknownError, QueueFullError, BusUnavailableError
        """
        async with self._db.read() as tx:
            row = await _row(tx, workspace, name)
        now = self._clock.now()
        identity = f"run:{name}:{new_id()}"
        await self._send(row, now, identity)
        firing = self._firing_row(row, now, "manual", identity)
        async with self._db.write() as tx:
            await store.add_firing(tx, firing)
            await self._audit.record(tx, workspace, by.name, "schedule.run", f"schedule/{name}", message_id=identity)
        return _firing(SimpleNamespace(**firing))

    def times(self, cron: str, timezone: str) -> CronTimes:
        """Return when an expression fires next.

        Raises:
            RequestInvalidError
        """
        now = self._clock.now()
        model.check_times(cron, timezone, now)
        return CronTimes(next_at=_shown(cron, timezone, now))

    async def firings(self, tx: Tx, workspace: str, name: str, *, cursor: str | None, limit: int) -> FiringPage:
        """Return how a schedule fired, newest first.

        Raises:
            ScheduleUnknownError
        """
        await _row(tx, workspace, name)
        rows = await store.firing_page(tx, workspace, name, before=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.id))
        return FiringPage(items=[_firing(row) for row in kept], next=after)

    async def tick(self) -> datetime | None:
        """Fire what is due, in every workspace; returns when something is due next.

        Raises:
            BusUnavailableError: the broker is away; what is due stays due.
        """
        self.changed.clear()
        now = self._clock.now()
        async with self._db.read() as tx:
            rows = await store.due(tx, now, _DUE_BATCH)
        for start in range(0, len(rows), _AT_ONCE):
            await asyncio.gather(*(self._catch_up(row, now) for row in rows[start : start + _AT_ONCE]))
        async with self._db.read() as tx:
            return await store.next_moment(tx)

    async def _catch_up(self, row: Any, now: datetime) -> None:
        """Make the firings of one schedule up to now, each written down before the next is made."""
        wanted = store.declaration(row)
        lateness = model.judge_lateness(row.name, wanted, row.planned_at, now)
        at = row.planned_at
        if lateness.missed is not None:
            first, last = lateness.missed
            following = model.next_after(wanted.cron, wanted.timezone, last)
            detail = f"nobody was there from {rfc3339(first)} to {rfc3339(last)}"
            if not await self._step(row, at, following, self._firing_row(row, first, "missed", None, detail)):
                return
            at = following
        for planned in lateness.fire:
            identity = model.message_id(row.name, planned)
            outcome, detail = "fired", ""
            try:
                await self._send(row, planned, identity)
            except BusUnavailableError:
                raise
            except UnavailableError as error:  # a full queue: tried again at the next tick, until it counts as missed
                _log.warning("firing_refused", schedule=row.name, workspace=row.workspace_id, error=str(error))
                return
            except TrunklineError as error:
                outcome, detail = "failed", str(error)
            following = model.next_after(wanted.cron, wanted.timezone, planned)
            if not await self._step(row, at, following, self._firing_row(row, planned, outcome, identity, detail)):
                return
            at = following

    async def _step(self, row: Any, at: datetime, following: datetime, firing: dict[str, Any]) -> bool:
        """Write a firing down and move on to the next; False when the schedule was changed meanwhile."""
        workspace, name = row.workspace_id, row.name
        fires = model.fires_at(name, store.declaration(row), following)
        async with self._db.write() as tx:
            moved = await store.advance(tx, row, at, following, fires)
            if await store.get(tx, workspace, name) is None:
                return False
            await store.add_firing(tx, firing)
            if firing["outcome"] in {"missed", "failed"}:
                fact = {"schedule": name, "planned_at": rfc3339(firing["planned_at"]), "detail": firing["detail"]}
                await tx.emit(workspace, f"trunkline.schedule.{firing['outcome']}", fact, subject=name)
        return moved

    async def _send(self, row: Any, planned: datetime, identity: str) -> None:
        wanted = store.declaration(row)
        workspace, owner = row.workspace_id, row.owner
        message = model.firing_message(row.name, wanted, workspace=workspace, planned=planned, id=identity)
        message.traceparent = next_traceparent()
        if wanted.queue is not None:
            await self._work.send(workspace, owner, wanted.queue, message)
            return
        sender = Principal(name=owner, workspace=workspace, scopes=frozenset(), via="token", key_id="")
        await self._log.publish(sender, workspace, plain(message))

    def _firing_row(
        self, row: Any, planned: datetime, outcome: str, message_id: str | None, detail: str = ""
    ) -> dict[str, Any]:
        return {
            "workspace_id": row.workspace_id, "id": new_id(), "schedule": row.name, "planned_at": planned,
            "at": self._clock.now(), "outcome": outcome, "message_id": message_id, "detail": detail,
        }  # fmt: skip

    async def _note(self, tx: Tx, by: Principal, workspace: str, name: str, what: str, **detail: Any) -> None:
        await self._audit.record(tx, workspace, by.name, f"schedule.{what}", f"schedule/{name}", **detail)
        await tx.emit(workspace, f"trunkline.schedule.{what}", {"schedule": name, **detail}, subject=name)
        tx.after_commit(self._wake)

    async def _wake(self) -> None:
        self.changed.set()

    def _schedule(self, row: Any) -> Schedule:
        wanted = store.declaration(row)
        shown = [] if row.paused else _shown(wanted.cron, wanted.timezone, self._clock.now())
        return Schedule(
            name=row.name, declaration=wanted, owner=row.owner, paused=row.paused, next_at=shown,
            created_at=rfc3339(row.created_at), updated_at=rfc3339(row.updated_at),
        )  # fmt: skip


class ScheduledMessages:
    """The messages that wait for their time, in all workspaces."""

    def __init__(self, bus: HubBus, db: Database, clock: Clock, audit: Audit) -> None:
        self._bus = bus
        self._db = db
        self._clock = clock
        self._audit = audit

    async def page(self, workspace: str, queue: str | None, *, cursor: str | None, limit: int) -> ScheduledPage:
        """Return what waits, in the order in which it was scheduled."""
        after = decode_number(cursor) or 0
        found = await schedule.page(self._bus, workspace, queue, after_seq=after, limit=limit + 1)
        kept = found[:limit]
        more = encode_cursor(str(kept[-1].stored.seq)) if len(found) > limit else None
        return ScheduledPage(items=[_scheduled(waiting) for waiting in kept], next=more)

    async def get(self, workspace: str, name: str) -> ScheduledDetail:
        """Return what waits under an id, or under a message's id.

        Raises:
            ScheduledUnknownError
            ConflictError: the message waits in several places.
        """
        waiting = await self._find(workspace, name)
        return ScheduledDetail(item=_scheduled(waiting), payload=_payload(waiting.stored.payload))

    async def cancel(self, by: Principal, workspace: str, name: str) -> None:
        """Take a message back before its time; it is gone for good."""
        waiting = await self._find(workspace, name)
        if not await schedule.cancel(self._bus, workspace, waiting):
            raise ScheduledUnknownError(f"{name!r} fell due just now")
        await self._record(by, workspace, "cancelled", waiting)

    async def run(self, by: Principal, workspace: str, name: str) -> Scheduled:
        """Let a message go out now."""
        waiting = await self._find(workspace, name)
        now = self._clock.now()
        if not await schedule.hasten(self._bus, workspace, waiting, now):
            raise ScheduledUnknownError(f"{name!r} fell due just now")
        await self._record(by, workspace, "run", waiting)
        return msgspec.structs.replace(_scheduled(waiting), due_at=rfc3339(now))

    async def _find(self, workspace: str, name: str) -> schedule.Waiting:
        found = await schedule.find(self._bus, workspace, name)
        if not found:
            raise ScheduledUnknownError(f"Nothing waits under {name!r} in workspace {workspace!r}")
        if len(found) > 1:
            ids = ", ".join(waiting.plan.id for waiting in found)
            raise ConflictError(f"The message {name!r} waits in several places; name one of {ids} …")
        return found[0]

    async def _record(self, by: Principal, workspace: str, what: str, waiting: schedule.Waiting) -> None:
        plan = waiting.plan
        async with self._db.write() as tx:
            await self._audit.record(
                tx, workspace, by.name, f"scheduled.{what}", f"scheduled/{plan.id}",
                kind=plan.kind, target=plan.target, message_id=plan.message_id, due_at=plan.due_at,
            )  # fmt: skip


async def _row(tx: Tx, workspace: str, name: str) -> Any:
    row = await store.get(tx, workspace, name)
    if row is None:
        raise ScheduleUnknownError(f"There is no schedule {name!r} in workspace {workspace!r}")
    return row


def _next(name: str, wanted: ScheduleDeclaration, now: datetime) -> dict[str, datetime]:
    planned = model.next_after(wanted.cron, wanted.timezone, now)
    return {"planned_at": planned, "fires_at": model.fires_at(name, wanted, planned)}


def _shown(cron: str, zone: str, now: datetime) -> list[str]:
    return [rfc3339(moment) for moment in itertools.islice(model.upcoming(cron, zone, now), model.SHOWN)]


def _same_times(one: ScheduleDeclaration, other: ScheduleDeclaration) -> bool:
    return (one.cron, one.timezone, one.jitter_s) == (other.cron, other.timezone, other.jitter_s)


def _firing(row: Any) -> Firing:
    return Firing(
        schedule=row.schedule, planned_at=rfc3339(row.planned_at), at=rfc3339(row.at), outcome=row.outcome,
        message_id=row.message_id, detail=row.detail,
    )  # fmt: skip


def _scheduled(waiting: schedule.Waiting) -> Scheduled:
    plan, stored = waiting.plan, waiting.stored
    payload = _payload(stored.payload)
    shown = payload.get("data") if isinstance(payload, dict) and "specversion" in payload else payload
    return Scheduled(
        id=plan.id, message_id=plan.message_id, kind=plan.kind, target=plan.target, due_at=plan.due_at,
        scheduled_at=rfc3339(stored.stored_at), by=plan.by, attempt=plan.attempt, size_bytes=len(stored.payload),
        preview=msgspec.json.encode(shown).decode()[:_PREVIEW_CHARS],
    )  # fmt: skip


def _payload(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw.decode(errors="replace")
