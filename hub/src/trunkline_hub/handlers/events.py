"""Facts handled: what declared handlers do with the events that reach them."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

from trunkline.context import Context
from trunkline.delivery import Delivery
from trunkline.processing import Identity
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import AgentOfflineError
from trunkline.protocol.resources import HandlerDeclaration
from trunkline.retry import PermanentError
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.desk import Work, Worker, group_frame
from trunkline_hub.bus.signals import NobodyThereError
from trunkline_hub.bus.workforce import Key, Post, Workforce
from trunkline_hub.core.filters import Filter
from trunkline_hub.core.incoming import plain
from trunkline_hub.db import Database
from trunkline_hub.handlers import model, store
from trunkline_hub.handlers.ports import Caller, EventLane, QueueLane, TypeRules

_HOP = "handler:"


@dataclass(frozen=True, kw_only=True)
class Lanes:
    """The ways out of a handler."""

    bus: HubBus
    queues: QueueLane
    events: EventLane
    calls: Caller
    types: TypeRules


class HandlerRunner(Workforce):
    """Reads the cursors of all declared handlers, on one hub of the cluster, so that `concurrency` means what it says."""

    name: ClassVar[str] = "handlers"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, db: Database, lanes: Lanes, *, hub_id: str) -> None:
        super().__init__()
        self._db = db
        self._lanes = lanes
        self._hub_id = hub_id

    async def wanted(self) -> dict[Key, Post]:
        """Return who should be at work: all that are declared and not paused."""
        async with self._db.read() as tx:
            rows = await store.every(tx)
        return {
            (row.workspace_id, row.name): Post(version=row.revision, make=partial(self._worker, row))
            for row in rows
            if not row.paused
        }

    def _worker(self, row: Any) -> Worker:
        wanted = store.declaration(row)
        identity = Identity(agent=f"handler {row.name}", instance=self._hub_id, version=str(row.revision))
        frame = group_frame(row.workspace_id, model.group_of(row.name), model.retry_of(wanted))
        return Worker(
            self._lanes.bus, row.workspace_id, frame, self._work(row),
            concurrency=wanted.concurrency, identity=identity,
        )  # fmt: skip

    def _work(self, row: Any) -> Work:
        workspace, name, wanted = row.workspace_id, row.name, store.declaration(row)
        sender = row.updated_by  # the hub's own name would let people forge the hub's facts
        takes = Filter(wanted.match)
        hop = f"{workspace}/{_HOP}{name}"

        async def work(delivery: Delivery, context: Context) -> None:
            message = context.message
            await self._lanes.types.check_received(workspace, message)
            extensions = context.extensions if takes.needs_attributes else {}
            facts = model.facts_of(message, subjects.sender_of(delivery.subject), extensions, takes)
            if not takes.matches(facts):
                return
            hops = model.hops_after(delivery.headers, hop)
            if hops is None:
                raise PermanentError(f"The event goes in circles: it came by {delivery.headers[model.HEADER_HOPS]}")
            onward = model.onward(workspace, name, wanted, message)
            if wanted.action == "call":
                await self._call(workspace, sender, wanted, onward)
            else:
                await self._send(workspace, sender, wanted, onward, hops)

        return work

    async def _call(self, workspace: str, sender: str, wanted: HandlerDeclaration, request: ce.Envelope) -> None:
        skill = wanted.target
        try:
            await self._lanes.calls.call(workspace, sender, skill, wanted.agent, request, timeout_s=wanted.timeout_s)
        except NobodyThereError:
            raise AgentOfflineError(f"No instance that offers {skill!r} is connected") from None

    async def _send(
        self, workspace: str, sender: str, wanted: HandlerDeclaration, message: ce.Envelope, hops: str
    ) -> None:
        """Store work or an event; the broker stores it once, however often it is sent within two minutes."""
        event = plain(message)
        msg_id = f"{sender}:{message.id}"
        hopped = {model.HEADER_HOPS: hops}
        if wanted.action == "enqueue":
            async with self._db.read() as tx:
                await self._lanes.queues.admit(tx, workspace, wanted.target)
            await self._lanes.queues.forward(workspace, sender, wanted.target, event, msg_id=msg_id, extra=hopped)
        else:
            await self._lanes.events.forward(workspace, sender, event, msg_id=msg_id, extra=hopped)
