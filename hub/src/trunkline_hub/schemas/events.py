"""Facts handled: rules that changed, events that slipped past them, and who was seen publishing what."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import msgspec

from trunkline.delivery import Delivery
from trunkline.protocol import modes, subjects
from trunkline.protocol.errors import (
    BusUnavailableError,
    FieldError,
    MessageError,
    PayloadInvalidError,
    UnavailableError,
)
from trunkline.protocol.ids import new_id
from trunkline.rules import CHANGED
from trunkline.tasks import Tasks
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.census import Census, subjects_in, take_census
from trunkline_hub.bus.observer import Observer
from trunkline_hub.bus.signals import listen
from trunkline_hub.core.component import Component
from trunkline_hub.db import Database, Tx
from trunkline_hub.schemas import store
from trunkline_hub.schemas.model.rulebook import RuleBook
from trunkline_hub.schemas.model.types import MAX_NAME_CHARS
from trunkline_hub.schemas.service import EventTypes
from trunkline_hub.schemas.settings import SchemasSettings

Workspaces = Callable[[], Awaitable[list[str]]]

_QUARANTINED = "trunkline.event.quarantined"
_HEARD = f"{subjects.ROOT}.*.events.{subjects.HUB}.{CHANGED}"
_LOOKED_AT = 2000
"""Most messages that one look at the log counts one by one; beyond, they stand for the others."""
_PREFIX_TOKENS = 4
_MAX_PRINCIPAL_CHARS = 127
_MAX_ID_CHARS = 512


class RuleKeeper(Component):
    """Keeps this hub's rules up to date: hears the fact, and looks now and then in case it did not."""

    name: ClassVar[str] = "event-type-rules"

    def __init__(self, bus: HubBus, catalogue: EventTypes, settings: SchemasSettings, changed: asyncio.Event) -> None:
        super().__init__()
        self._bus = bus
        self._catalogue = catalogue
        self._every_s = settings.refresh_s
        self._changed = changed
        """Set for those who work by the rules, when they have changed."""
        self._wake = asyncio.Event()
        self._listening = False

    async def run(self) -> None:
        if not self._listening:
            await listen(self._bus, _HEARD, self._on_changed)
            self._bus.bus.on_up.append(self._wake.set)
            self._listening = True
        self.started.set()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._wake.wait()
            was_told = self._wake.is_set()
            self._wake.clear()
            with contextlib.suppress(UnavailableError):
                if await self._catalogue.refresh_all() or was_told:
                    self._changed.set()

    async def _on_changed(self, _subject: str, _payload: bytes) -> None:
        self._wake.set()


class Quarantine(Observer):
    """Reads the events of types that are looked after, and writes down those that do not fit."""

    name: ClassVar[str] = "event-quarantine"
    durable: ClassVar[str] = "hub_event_quarantine"
    deliver: ClassVar[Literal["all", "new"]] = "new"

    def __init__(
        self, bus: HubBus, workspaces: Workspaces, db: Database, catalogue: EventTypes, settings: SchemasSettings,
        changed: asyncio.Event,
    ) -> None:  # fmt: skip
        async def streams() -> list[str]:
            return [subjects.events_stream(workspace) for workspace in await workspaces()]

        super().__init__(bus, streams, self._judge)
        self._workspaces = workspaces
        self._db = db
        self._catalogue = catalogue
        self._most = settings.quarantine_max
        self._rules_changed = changed

    async def filters(self, stream: str) -> list[str]:
        """Only the types that are looked after are read; a workspace without any costs nothing."""
        (workspace,) = [one for one in await self._workspaces() if subjects.events_stream(one) == stream]
        book = await self._catalogue.book(workspace)
        wanted = [subjects.event_filter(workspace, name) for name in book.checks]
        return wanted or [subjects.event(workspace, subjects.HUB, "trunkline.nothing_is_looked_after")]

    async def run(self) -> None:
        """Observe; begin anew with other filters when the rules have changed."""
        tasks = Tasks()
        while True:
            self._rules_changed.clear()
            observing = tasks.spawn(super().run(), name="quarantine-observing", awaited=True)
            changed = tasks.spawn(self._rules_changed.wait(), name="quarantine-rules", awaited=True)
            either: list[asyncio.Task[Any]] = [observing, changed]
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await tasks.close()
            if observing.done() and not observing.cancelled():
                observing.result()

    async def _judge(self, batch: list[Delivery]) -> None:
        by_workspace: dict[str, list[Delivery]] = {}
        for delivery in batch:
            by_workspace.setdefault(subjects.workspace_of(delivery.subject), []).append(delivery)
        for workspace, deliveries in by_workspace.items():
            book = await self._catalogue.book(workspace)
            found = [row for delivery in deliveries if (row := _finding(workspace, book, delivery)) is not None]
            if found:
                await self._write(workspace, found)

    async def _write(self, workspace: str, found: list[dict[str, Any]]) -> None:
        async with self._db.write() as tx:
            known = await store.known_seqs(tx, workspace, [row["seq"] for row in found])
            rows = [{**row, "at": tx.clock.now()} for row in found if row["seq"] not in known]
            if not rows:
                return
            await store.add_quarantined(tx, rows)
            await store.trim_quarantine(tx, workspace, self._most)
            await _tell(tx, workspace, rows)


async def _tell(tx: Tx, workspace: str, rows: list[dict[str, Any]]) -> None:
    """Publish one fact for each type and sender of a batch, however many events: a flood must not double itself."""
    together: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        together.setdefault((row["type"], row["sender"]), []).append(row)
    for (event_type, sender), some in together.items():
        fact = {
            "event_type": event_type, "sender": sender, "policy": some[0]["policy"], "count": len(some),
            "first_seq": some[0]["seq"], "last_seq": some[-1]["seq"], "reasons": some[0]["reasons"],
        }  # fmt: skip
        await tx.emit(workspace, _QUARANTINED, fact, subject=event_type)


def _finding(workspace: str, book: RuleBook, delivery: Delivery) -> dict[str, Any] | None:
    """Return the row of an event that does not fit its type, None for one that does."""
    named = _named(delivery.subject)
    check = book.checks.get(named[0]) if named else None
    if named is None or check is None:
        return None
    message_id, reasons = "", []
    try:
        message = modes.read(delivery.payload, delivery.headers)
        message_id = message.id
        if message.type != named[0]:
            reasons = [FieldError("/type", f"says {message.type[:MAX_NAME_CHARS]!r}, but it was sent as {named[0]!r}")]
        else:
            check.check(message, sending=True)
    except PayloadInvalidError as error:
        reasons = error.errors
    except MessageError as error:
        reasons = error.errors or [FieldError("", error.detail)]
    if not reasons:
        return None
    return {
        "id": new_id(), "workspace_id": workspace, "seq": delivery.stream_seq, "type": named[0], "sender": named[1],
        "message_id": message_id.replace("\0", "")[:_MAX_ID_CHARS], "policy": check.rule.policy,
        "reasons": msgspec.to_builtins(reasons),
    }  # fmt: skip


class Watch(Component):
    """Looks at the log now and then and counts who published what: bounded work, however much is published."""

    name: ClassVar[str] = "event-type-watch"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, bus: HubBus, workspaces: Workspaces, db: Database, settings: SchemasSettings) -> None:
        super().__init__()
        self._bus = bus
        self._workspaces = workspaces
        self._db = db
        self._settings = settings
        self._swept = ""

    async def run(self) -> None:
        self.started.set()
        while True:
            with contextlib.suppress(BusUnavailableError, TimeoutError):
                for workspace in await self._workspaces():
                    await self._look(workspace)
            await asyncio.sleep(self._settings.observe_s)

    async def _look(self, workspace: str) -> None:
        async with self._db.read() as tx:
            after = await store.looked_at(tx, workspace)
        stream, every = subjects.events_stream(workspace), subjects.event_filter(workspace, ">")
        census = await take_census(self._bus, stream, every, after_seq=after, limit=_LOOKED_AT)
        if not census.new and census.seq == after:
            return
        others: list[str] = []
        if census.new > len(census.sightings):
            others = await subjects_in(self._bus, stream, every)
        async with self._db.write() as tx:
            await self._write(tx, workspace, census, others)

    async def _write(self, tx: Tx, workspace: str, census: Census, others: list[str]) -> None:
        pairs = _tally(census)
        now = tx.clock.now()
        for subject in others:
            named = _named(subject)
            if named is not None:
                pairs.setdefault(named, _Seen(now))
        room = self._settings.observed_senders_max - await store.sender_count(tx, workspace)
        scale = census.new / len(census.sightings) if census.sightings else 1.0
        for pair, seen in pairs.items():
            if not await store.saw_again(tx, workspace, pair, seen.last):
                if room <= 0:
                    continue
                await store.saw_first(tx, workspace, pair, seen.first, seen.last)
                room -= 1
            for day, count in seen.days.items():
                await store.count_day(tx, workspace, pair, day, round(count * scale))
        await store.look(tx, workspace, census.seq)
        if self._swept != now.date().isoformat():
            self._swept = now.date().isoformat()
            await store.forget_before(tx, now - timedelta(days=self._settings.observed_days))


class _Seen:
    """When a principal was seen publishing a type, and how often each day."""

    def __init__(self, at: datetime) -> None:
        self.first = self.last = at
        self.days: Counter[str] = Counter()


def _tally(census: Census) -> dict[tuple[str, str], _Seen]:
    pairs: dict[tuple[str, str], _Seen] = {}
    for sighting in census.sightings:
        named = _named(sighting.subject)
        if named is not None:
            seen = pairs.setdefault(named, _Seen(sighting.stored_at))
            seen.last = sighting.stored_at
            seen.days[sighting.stored_at.date().isoformat()] += 1
    return pairs


def _named(subject: str) -> tuple[str, str] | None:
    """Return (type, principal) out of an event's subject; None for the hub's own facts and what cannot be kept."""
    parts = subject.split(".")
    try:
        principal = subjects.untoken(parts[_PREFIX_TOKENS - 1])
        event_type = ".".join(subjects.untoken(part) for part in parts[_PREFIX_TOKENS:])
    except (ValueError, IndexError):
        return None
    fits = 0 < len(event_type) <= MAX_NAME_CHARS and len(principal) <= _MAX_PRINCIPAL_CHARS and "\0" not in event_type
    return (event_type, principal) if fits and principal != subjects.HUB else None
