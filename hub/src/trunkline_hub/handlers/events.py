"""Facts handled: what declared handlers do with the events that reach them."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import structlog

from trunkline.context import Context
from trunkline.delivery import Delivery
from trunkline.processing import Identity
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import AgentOfflineError, UnavailableError
from trunkline.protocol.resources import HandlerDeclaration
from trunkline.reader import Reader
from trunkline.retry import PermanentError
from trunkline.wire import header_lines
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.desk import Work, group_worker
from trunkline_hub.bus.signals import NobodyThereError
from trunkline_hub.core.component import Component
from trunkline_hub.core.filters import Filter
from trunkline_hub.db import Database
from trunkline_hub.handlers import model, store
from trunkline_hub.handlers.ports import Caller, QueueLane

_log = structlog.get_logger("handlers")
_LOOK_S = 2.0
_DRAIN_S = 2.0
_HOP = "handler:"


@dataclass(frozen=True, kw_only=True)
class Lanes:
    """The ways out of a handler."""

    bus: HubBus
    queues: QueueLane
    calls: Caller


@dataclass
class _Running:
    version: int
    reader: Reader


class HandlerRunner(Component):
    """Reads the cursors of all declared handlers, on one hub of the cluster, so that `concurrency` means what it says."""

    name: ClassVar[str] = "handlers"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, db: Database, lanes: Lanes, *, hub_id: str) -> None:
        super().__init__()
        self._db = db
        self._lanes = lanes
        self._hub_id = hub_id
        self._wake = asyncio.Event()
        self._running: dict[tuple[str, str], _Running] = {}

    async def on_change(self) -> None:
        """Hear that handlers changed on some hub."""
        self._wake.set()

    async def run(self) -> None:
        self.started.set()
        try:
            while True:
                self._wake.clear()
                try:
                    await self._converge()
                except UnavailableError as error:
                    _log.warning("handlers_unknown", error=str(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._wake.wait()
        finally:
            await self._stop(list(self._running))

    async def _converge(self) -> None:
        """Run what is declared, as it is declared, and nothing else."""
        async with self._db.read() as tx:
            rows = await store.every(tx)
        wanted = {(row.workspace_id, row.name): row for row in rows if not row.paused}
        changed = [
            key
            for key, running in self._running.items()
            if key not in wanted or running.version != wanted[key].revision
        ]
        await self._stop(changed)
        for key, row in wanted.items():
            if key not in self._running:
                reader = self._reader(row)
                await reader.start()
                self._running[key] = _Running(row.revision, reader)

    async def _stop(self, keys: list[tuple[str, str]]) -> None:
        readers = [self._running.pop(key).reader for key in keys]
        await asyncio.gather(*(reader.drain(timeout_s=_DRAIN_S) for reader in readers))

    def _reader(self, row: Any) -> Reader:
        wanted = store.declaration(row)
        identity = Identity(agent=f"handler {row.name}", instance=self._hub_id, version=str(row.revision))
        return group_worker(
            self._lanes.bus, row.workspace_id, model.group_of(row.name), self._work(row),
            retry=model.retry_of(wanted), concurrency=wanted.concurrency, identity=identity,
        )  # fmt: skip

    def _work(self, row: Any) -> Work:
        workspace, name, wanted = row.workspace_id, row.name, store.declaration(row)
        sender = row.updated_by  # the hub's own name would let people forge the hub's facts
        takes = Filter(wanted.match)
        hop = f"{workspace}/{_HOP}{name}"

        async def work(delivery: Delivery, payload: bytes, context: Context) -> None:
            message = context.message
            facts = model.facts_of(message, subjects.sender_of(delivery.subject), delivery.payload, takes)
            if not takes.matches(facts):
                return
            hops = model.hops_after(delivery.headers, hop)
            if hops is None:
                raise PermanentError(f"The event goes in circles: it came by {delivery.headers[model.HEADER_HOPS]}")
            onward = model.onward(workspace, name, wanted, message, payload)
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
        raw = ce.encode(message)
        headers = {"Content-Type": ce.CONTENT_TYPE, model.HEADER_HOPS: hops}
        msg_id = f"{sender}:{message.id}"
        if wanted.action == "enqueue":
            async with self._db.read() as tx:
                await self._lanes.queues.require(tx, workspace, wanted.target)
            await self._lanes.queues.forward(workspace, sender, wanted.target, raw, msg_id=msg_id, headers=headers)
        else:
            subject = subjects.event(workspace, sender, wanted.target)
            stream = subjects.events_stream(workspace)
            await self._lanes.bus.store(stream, subject, raw, msg_id=msg_id, headers=header_lines(headers))
