"""Push notifications: noticed from the courses of tasks, sent until they arrive."""

import asyncio
from datetime import timedelta
from typing import Any, ClassVar, Literal

import msgspec
import structlog

from trunkline.delivery import Delivery
from trunkline.protocol import subjects
from trunkline.protocol.errors import OutboundError, OutboundRefusedError
from trunkline.tasks import Tasks
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.observer import Observer
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.component import Component
from trunkline_hub.db import Database
from trunkline_hub.gateways.a2a import store
from trunkline_hub.gateways.a2a.model.push import GONE, OK, Target, delay
from trunkline_hub.gateways.a2a.ports import Engines, Workspaces
from trunkline_hub.gateways.a2a.service import Pushes
from trunkline_hub.outbound import Limits, Outbound

_log = structlog.get_logger("a2a")
_LOOK_S = 0.5
_PRUNE_S = 3600.0
_AT_ONCE = 32
_LIMITS = Limits(connect_s=5.0, read_s=10.0, total_s=20.0, max_bytes=64 * 1024)


class PushWatch(Observer):
    """Notices what happens to tasks that somebody wants to hear of."""

    name: ClassVar[str] = "a2a-push-watch"
    durable: ClassVar[str] = "hub_a2a_push"
    deliver: ClassVar[Literal["all", "new"]] = "new"

    def __init__(self, bus: HubBus, workspaces: Workspaces, pushes: Pushes, engines: Engines) -> None:
        async def streams() -> list[str]:
            return [subjects.work_stream(workspace) for workspace in await workspaces()]

        super().__init__(bus, streams, self._note)
        self._pushes = pushes
        self._engines = engines
        self.noted = asyncio.Event()

    async def _note(self, batch: list[Delivery]) -> None:
        seen: dict[str, set[str]] = {}
        for delivery in batch:
            _root, workspace, _work, _writer, _agent, task_id = delivery.subject.split(".")
            seen.setdefault(workspace, set()).add(subjects.untoken(task_id))
        for workspace, ids in seen.items():
            for task_id in await self._pushes.wanted(workspace, sorted(ids)):
                engine = await self._engines.get()
                await self._pushes.enter(workspace, task_id, engine.words)
                self.noted.set()


class PushSender(Component):
    """Sends what is due, in order for each receiver, and again after a failure."""

    name: ClassVar[str] = "a2a-push-sender"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(
        self, db: Database, clock: Clock, outbound: Outbound, noted: asyncio.Event, *, attempts: int, keep_s: float
    ) -> None:
        super().__init__()
        self._db = db
        self._clock = clock
        self._outbound = outbound
        self._noted = noted
        self._attempts = attempts
        self._keep_s = keep_s

    async def run(self) -> None:
        self.started.set()
        loop = asyncio.get_running_loop()
        prune_at = loop.time() + _PRUNE_S
        tasks = Tasks()
        try:
            while True:
                if loop.time() >= prune_at:
                    prune_at = loop.time() + _PRUNE_S
                    async with self._db.write() as tx:
                        await store.prune(tx, self._clock.now() - timedelta(seconds=self._keep_s))
                if not await self._round(tasks):
                    await self._wait()
        finally:
            await tasks.close()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._noted.wait()
        except TimeoutError:
            return
        self._noted.clear()

    async def _round(self, tasks: Tasks) -> bool:
        """Send the first of what each receiver is due; whether there was anything."""
        async with self._db.read() as tx:
            due = await store.due(tx, self._clock.now(), _AT_ONCE)
        sending = [tasks.spawn(self._send(row), name="a2a-push", awaited=True) for row in due]
        if sending:
            await asyncio.wait(sending)
            for one in sending:
                one.result()
        return bool(due)

    async def _send(self, row: Any) -> None:
        problem = await self._try(row)
        async with self._db.write() as tx:
            if problem is None:
                await store.delivered(tx, row)
            elif problem == "" or row.attempts + 1 >= self._attempts:
                await store.delivered(tx, row)
                _log.warning("push_given_up", task=row.task_id, config=row.config_id, seq=row.seq)
            else:
                await store.postponed(tx, row, self._clock.now() + delay(row.attempts))

    async def _try(self, row: Any) -> str | None:
        """Send one; None when it has arrived, "" when it never will, else why not."""
        target = msgspec.convert(row.target, Target)
        try:
            async with self._outbound.request(
                "POST", target.url, headers=target.headers(), body=row.body.encode(), limits=_LIMITS
            ) as answer:
                if answer.status in OK:
                    return None
                return "" if answer.status == GONE else f"HTTP {answer.status}"
        except OutboundRefusedError as error:
            _log.warning("push_refused", task=row.task_id, error=str(error))
            return ""
        except OutboundError as error:
            return str(error)
