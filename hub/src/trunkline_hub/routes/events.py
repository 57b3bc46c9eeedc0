"""Facts handled: every event in the log is shown to its workspace's routes, and carried where they say.

At least once: what a route sends has a message id made of the event's, so the
broker stores it once within its duplicate window.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal, Protocol

import structlog

from trunkline.context import Context
from trunkline.delivery import Delivery
from trunkline.payloads import Codec
from trunkline.processing import Identity
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, modes, subjects
from trunkline.protocol.errors import AgentOfflineError, MessageError, QueueDrainingError, TrunklineError
from trunkline.retry import PermanentError
from trunkline.wire import header_lines
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.desk import Work, Worker
from trunkline_hub.bus.observer import Observer
from trunkline_hub.bus.reconciler import Workspaces
from trunkline_hub.bus.signals import NobodyThereError
from trunkline_hub.bus.workforce import Key, Post, Workforce
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.component import Component
from trunkline_hub.core.filters import Facts
from trunkline_hub.core.incoming import Incoming, stamped
from trunkline_hub.db import Database, Tx
from trunkline_hub.routes import model, store
from trunkline_hub.routes.service import Routes

_log = structlog.get_logger("router")
_REFRESH_S = 2.0
"""How old the knowledge of queues, skills and groups may be."""
_FLUSH_S = 1.0
_BACK_OFF_S = 2.0
"""When an event that a target did not take is tried again."""
_CALLS_AT_ONCE = 16
"""Calls of one skill under way at once from each hub."""
_CALL_S = 60.0


class QueueLane(Protocol):
    """Puts a ready message into a queue under its sender's name; tells how queues are read."""

    async def forward(
        self, workspace: str, principal: str, queue: str, event: Incoming, *, msg_id: str, extra: dict[str, str]
    ) -> object: ...

    async def readers(self, tx: Tx, workspace: str, names: Sequence[str]) -> list[frames.Reader]: ...


class Caller(Protocol):
    """Calls skills."""

    async def call(
        self, workspace: str, caller: str, skill: str, agent: str | None, request: ce.Envelope, *, timeout_s: float
    ) -> object: ...


@dataclass(frozen=True, kw_only=True)
class Place:
    """What exists in a workspace."""

    queues: frozenset[str]
    closed: frozenset[str]
    """Queues that take no new work in."""
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
        self._sent: dict[tuple[str, int], set[tuple[str, int]]] = {}
        """Of events held back: which of their targets have them. Queues may be closed for longer than the broker
        knows a copy again."""

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
            message = modes.read(delivery.payload, delivery.headers)
        except MessageError:
            return  # what is no CloudEvent stays in the log; readers of it will say so
        candidates = table.candidates(message.type)
        decisions = table.decide(facts_of(message, delivery, candidates), message.id, candidates)
        if not decisions:
            place = await self._knowledge.place(workspace)
            if model.nobody_follows(place.groups, message.type) and not message.type.startswith("trunkline."):
                self._counted.add((workspace, "", "unrouted", message.type), message.id, "no route, no group")
            return
        key = (workspace, delivery.stream_seq)
        sent = self._sent.pop(key, set())
        left = [decision for decision in decisions if (decision.route, decision.index) not in sent]
        results = await asyncio.gather(
            *(self._send(workspace, delivery, message, decision) for decision in left), return_exceptions=True
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            done = zip(left, results, strict=True)
            self._sent[key] = sent | {(one.route, one.index) for one, result in done if result is None}
        self._judge(delivery, failures)

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
        hopped = {model.HEADER_HOPS: ",".join([*hops, hop])}
        event = Incoming(message=message, payload=delivery.payload, headers=modes.kept(delivery.headers))
        target = decision.target
        queue = model.SKILL_QUEUE + target.skill if target.skill is not None else target.queue
        if queue is not None:
            await self._check_open(place, queue)
            await self._queues.forward(place, sender, queue, event, msg_id=msg_id, extra=hopped)
        else:
            if target.event is not None:
                event = _retyped(event, decision)
            subject = subjects.event(place, sender, event.message.type)
            lines = header_lines(event.headers | hopped)
            await self._bus.store(subjects.events_stream(place), subject, event.payload, msg_id=msg_id, headers=lines)
        self._counted.add((workspace, decision.route, "routed", ""), message.id)

    async def _check_open(self, workspace: str, queue: str) -> None:
        """Hold an event back from a queue that takes no new work in.

        Raises:
            QueueDrainingError
        """
        if queue in (await self._knowledge.place(workspace)).closed:
            raise QueueDrainingError(f"The queue {queue!r} in workspace {workspace!r} takes nothing in")


class SkillWorkers(Workforce):
    """Works the queues of the skills that enabled routes lead to, on every hub: a call for each event."""

    name: ClassVar[str] = "skill-queues"

    def __init__(self, bus: HubBus, db: Database, queues: QueueLane, calls: Caller, *, hub_id: str) -> None:
        super().__init__()
        self._bus = bus
        self._db = db
        self._queues = queues
        self._calls = calls
        self._hub_id = hub_id

    async def wanted(self) -> dict[Key, Post]:
        """Return a worker for each of these queues."""
        found: dict[Key, Post] = {}
        async with self._db.read() as tx:
            rows = await store.every(tx)
            called = model.skills_called((row.workspace_id, store.declaration(row)) for row in rows)
            for place in {place for place, _skill in called}:
                names = [model.SKILL_QUEUE + skill for where, skill in called if where == place]
                for frame in await self._queues.readers(tx, place, names):
                    found[(place, frame.name)] = Post(version=frame, make=partial(self._worker, place, frame))
        return found

    def _worker(self, workspace: str, frame: frames.Reader) -> Worker:
        skill = frame.name.removeprefix(model.SKILL_QUEUE)
        identity = Identity(agent=f"skill {skill}", instance=self._hub_id, version="")
        work = self._work(workspace, skill)
        return Worker(self._bus, workspace, frame, work, concurrency=_CALLS_AT_ONCE, identity=identity)

    def _work(self, workspace: str, skill: str) -> Work:
        async def work(delivery: Delivery, context: Context) -> None:
            if frames.HEADER_UNPROVEN in delivery.headers:
                raise PermanentError("Nobody vouches for the sender, in whose name the skill would be called")
            sender = subjects.sender_of(delivery.subject)
            request = model.call_for(workspace, skill, context.message)
            try:
                await self._calls.call(workspace, sender, skill, None, request, timeout_s=_CALL_S)
            except NobodyThereError:
                raise AgentOfflineError(f"No instance that offers {skill!r} is connected") from None

        return work


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
    if needs.needs_data and message.dataref is None:
        data = _data(message)
    attributes: dict[str, Any] = {}
    if needs.needs_attributes:
        named = {name: value for name in _NAMED if (value := getattr(message, name)) is not None}
        attributes = named | modes.extensions(delivery.payload, delivery.headers)
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


def _data(message: ce.Envelope) -> Any:
    """Return the payload as conditions see it; what is in no known format is as good as absent."""
    try:
        return _ANY.read(message)
    except MessageError:
        return None


_ANY = Codec(Any)


def _retyped(event: Incoming, decision: model.Decision) -> Incoming:
    """Return the event that a route makes of another: a new type and id, caused by the original."""
    message = event.message
    changed = {
        "type": decision.target.event,
        "id": model.routed_id(decision.route, message.id, message.source),
        "causationid": message.id,
        "correlationid": message.correlationid or message.id,
    }
    return stamped(event, **changed)
