"""Facts handled: every event in the log is shown to its workspace's routes, and carried where they say.

At least once: what a route sends has a message id made of the event's, so the
broker stores it once within its duplicate window.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import msgspec
import structlog

from trunkline.delivery import Delivery
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import MessageError, TrunklineError
from trunkline.wire import header_lines
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.observer import Observer
from trunkline_hub.bus.reconciler import Workspaces
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.component import Component
from trunkline_hub.core.filters import Facts
from trunkline_hub.db import Database
from trunkline_hub.routes import model, store
from trunkline_hub.routes.service import Routes

_log = structlog.get_logger("router")
_REFRESH_S = 2.0
"""How old the knowledge of queues, skills and groups may be."""
_FLUSH_S = 1.0
_BACK_OFF_S = 2.0
"""When an event that a target did not take is tried again."""


class QueueLane(Protocol):
    """Puts a ready message into a queue under its sender's name."""

    async def forward(
        self, workspace: str, principal: str, queue: str, raw: bytes, *, msg_id: str, headers: dict[str, str]
    ) -> object: ...


@dataclass(frozen=True, kw_only=True)
class Place:
    """What exists in a workspace."""

    queues: frozenset[str]
    skills: frozenset[str]
    groups: tuple[tuple[str, ...], ...]


@dataclass
class Counted:
    """What came of events since the last flush, by (workspace, route, outcome, type)."""

    counts: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    last: dict[tuple[str, str, str, str], tuple[str, str]] = field(default_factory=dict)

    def add(self, key: tuple[str, str, str, str], event_id: str, reason: str = "") -> None:
        self.counts[key] += 1
        self.last[key] = (event_id, reason)


class Knowledge:
    """The routes and what they may lead to, as known on this hub; stale until loaded again after a change."""

    def __init__(self, routes: Routes, db: Database, load_place: Callable[[Any, str], Awaitable[Place]]) -> None:
        self.tables: dict[str, model.Table] = {}
        self._routes = routes
        self._db = db
        self._load_place = load_place
        self._places: dict[str, tuple[float, Place]] = {}
        self._loading = asyncio.Lock()
        self._stale = True

    def spoil(self) -> None:
        """Something changed: load again before the next message."""
        self._stale = True

    async def refresh(self) -> None:
        """Load the routes if they may have changed."""
        if self._stale:
            self._stale = False
            self._places.clear()
            async with self._db.read() as tx:
                self.tables = await self._routes.tables(tx)

    async def place(self, workspace: str, *, not_before: float = 0.0) -> Place:
        """Return what exists in a workspace: some seconds old at most, and not older than `not_before`."""
        async with self._loading:
            known = self._places.get(workspace)
            if known is None or known[0] < max(not_before, time.monotonic() - _REFRESH_S):
                asked_at = time.monotonic()
                async with self._db.read() as tx:
                    known = (asked_at, await self._load_place(tx, workspace))
                self._places[workspace] = known
            return known[1]


class Router(Observer):
    """Applies routes to the log: for each workspace that has any, from the moment it has."""

    name: ClassVar[str] = "router"
    durable: ClassVar[str] = "hub_router"
    deliver: ClassVar[Literal["all", "new"]] = "new"

    def __init__(
        self, bus: HubBus, workspaces: Workspaces, knowledge: Knowledge, queues: QueueLane, counted: Counted
    ) -> None:
        super().__init__(bus, self._streams_with_routes, self._route)
        self._workspaces = workspaces
        self._knowledge = knowledge
        self._queues = queues
        self._counted = counted

    async def filters(self, stream: str) -> list[str]:
        """Redriven copies are for one group; routes had their turn when the event came."""
        return [subjects.event_filter(stream.split("_", 1)[1], ">")]

    async def _streams_with_routes(self) -> list[str]:
        await self._knowledge.refresh()
        return [subjects.events_stream(workspace) for workspace in self._knowledge.tables]

    async def prepare(self) -> None:
        """Make cursors where there are routes, and end them where there are none any more; any hub may."""
        self._knowledge.spoil()
        await self._knowledge.refresh()
        for workspace in await self._workspaces():
            stream = subjects.events_stream(workspace)
            if workspace in self._knowledge.tables:
                await self.ensure(stream)
            else:
                await self.forget(stream)

    async def on_change(self) -> None:
        """Hear that routes changed on some hub."""
        self._knowledge.spoil()
        await self.streams_changed()

    async def _route(self, batch: list[Delivery]) -> None:
        await self._knowledge.refresh()
        await asyncio.gather(*(self._carry(delivery) for delivery in batch))

    async def _carry(self, delivery: Delivery) -> None:
        workspace = subjects.workspace_of(delivery.subject)
        table = self._knowledge.tables.get(workspace)
        if table is None:
            return
        try:
            message = ce.decode(delivery.payload)
        except MessageError:
            return  # what is no CloudEvent stays in the log; readers of it will say so
        candidates = table.candidates(message.type)
        decisions = table.decide(facts_of(message, delivery, candidates), message.id, candidates)
        if not decisions:
            place = await self._knowledge.place(workspace)
            if model.nobody_follows(place.groups, message.type) and not message.type.startswith("trunkline."):
                self._counted.add((workspace, "", "unrouted", message.type), message.id, "no route, no group")
            return
        results = await asyncio.gather(
            *(self._send(workspace, delivery, message, decision) for decision in decisions), return_exceptions=True
        )
        self._judge(delivery, [result for result in results if isinstance(result, BaseException)])

    def _judge(self, delivery: Delivery, failures: list[BaseException]) -> None:
        for failure in failures:
            if not isinstance(failure, TrunklineError):
                raise failure
        if failures:
            _log.warning("route_postponed", seq=delivery.stream_seq, error=str(failures[0]))
            delivery.nak(_BACK_OFF_S)

    async def _send(self, workspace: str, delivery: Delivery, message: ce.Envelope, decision: model.Decision) -> None:
        hop = f"{workspace}/{decision.route}"
        hops = model.hops_of(delivery.headers)
        if hop in hops or len(hops) >= model.MAX_HOPS:
            self._counted.add(
                (workspace, decision.route, "loop", message.type), message.id, f"came by {','.join(hops)}"
            )
            return
        place = decision.target.workspace or workspace
        now = time.monotonic()
        missing = _missing(decision, await self._knowledge.place(place))
        if missing is not None:  # unless it was made just now
            missing = _missing(decision, await self._knowledge.place(place, not_before=now))
        if missing is not None:
            self._counted.add((workspace, decision.route, "dead_end", message.type), message.id, missing)
            return
        sender = subjects.sender_of(delivery.subject)
        msg_id = f"route:{hop}:{decision.index}:{sender}:{message.id}"
        headers = {"Content-Type": delivery.headers.get("Content-Type", ce.CONTENT_TYPE)}
        headers[model.HEADER_HOPS] = ",".join([*hops, hop])
        target = decision.target
        queue = model.SKILL_QUEUE + target.skill if target.skill is not None else target.queue
        if queue is not None:
            await self._queues.forward(place, sender, queue, delivery.payload, msg_id=msg_id, headers=headers)
        else:
            raw = delivery.payload if target.event is None else _retyped(message, decision, delivery.payload)
            subject = subjects.event(place, sender, target.event or message.type)
            lines = header_lines(headers)
            await self._bus.store(subjects.events_stream(place), subject, raw, msg_id=msg_id, headers=lines)
        self._counted.add((workspace, decision.route, "routed", ""), message.id)


class RouteLedger(Component):
    """Writes the router's counts down now and then."""

    name: ClassVar[str] = "route-ledger"

    def __init__(self, db: Database, clock: Clock, counted: Counted) -> None:
        super().__init__()
        self._db = db
        self._clock = clock
        self._counted = counted

    async def run(self) -> None:
        self.started.set()
        try:
            while True:
                await asyncio.sleep(_FLUSH_S)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted since the last time."""
        if not self._counted.counts:
            return
        counts, last = self._counted.counts, self._counted.last
        self._counted.counts, self._counted.last = Counter(), {}
        async with self._db.write() as tx:
            for key, count in sorted(counts.items()):
                event_id, reason = last[key]
                values = {"last_id": event_id[:512], "reason": reason[:500], "last_at": self._clock.now()}
                await store.add_count(tx, key, count, values)


def facts_of(message: ce.Envelope, delivery: Delivery, needs: model.Candidates) -> Facts:
    """Return what conditions may ask about a stored event; payload and extensions only where one does."""
    data = None
    if needs.needs_data and bytes(message.data):
        data = msgspec.json.decode(message.data)
    attributes: dict[str, Any] = {}
    if needs.needs_attributes:
        named = {name: value for name in _NAMED if (value := getattr(message, name)) is not None}
        attributes = named | ce.extensions(delivery.payload)
    return Facts(
        type=message.type, source=message.source, subject=message.subject,
        sender=subjects.sender_of(delivery.subject), attributes=attributes, data=data,
    )  # fmt: skip


_CORE = frozenset({"specversion", "id", "source", "type", "subject", "time", "data", "data_base64"})
_NAMED = [name for name in ce.Envelope.__struct_fields__ if name not in _CORE]


def _missing(decision: model.Decision, place: Place) -> str | None:
    target = decision.target
    if target.queue is not None and target.queue not in place.queues:
        return f"there is no {model.describe(target)}"
    if target.skill is not None and target.skill not in place.skills:
        return f"nobody offers {model.describe(target)}"
    return None


def _retyped(message: ce.Envelope, decision: model.Decision, raw: bytes) -> bytes:
    """Return the event that a route makes of another: a new type and id, caused by the original."""
    fields: dict[str, Any] = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    changed = {
        "type": decision.target.event,
        "id": model.routed_id(decision.route, message.id, message.source),
        "causationid": message.id,
        "correlationid": message.correlationid or message.id,
    }
    return msgspec.json.encode(fields | changed)
