"""Imported A2A agents on the bus: every hub answers for them; one reads their cards anew."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Literal

import msgspec

from trunkline.protocol import subjects
from trunkline.protocol.errors import TaskNeededError
from trunkline.protocol.resources import A2AAgentDeclaration
from trunkline.tasks import Tasks
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.host import CallInfo, Hosted, SkillHost
from trunkline_hub.bus.signals import listen
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.component import Component
from trunkline_hub.db import Database
from trunkline_hub.gateways.a2a import store
from trunkline_hub.gateways.a2a.model import remote
from trunkline_hub.gateways.a2a.ports import Engines
from trunkline_hub.gateways.a2a.service.remotes import Remotes

_LOOK_S = 1.0
_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class RemoteCall:
    """One call of an imported agent, and what is remembered of it in case this hub dies."""

    db: Database
    workspace: str
    agent: str
    call_id: str
    skill: str
    card: Mapping[str, Any]
    headers: Mapping[str, str]
    url: str

    async def begun(self) -> str | None:
        """Return the remote task that an earlier try of this call started."""
        async with self.db.read() as tx:
            return await store.remote_task(tx, self.workspace, self.call_id)

    async def waiting(self) -> str | None:
        """Return the remote task that an earlier turn ended with a question of: calls are named after their task."""
        task_id, _dot, turn = self.call_id.rpartition(".")
        if not task_id or not turn.isdecimal() or int(turn) <= 1:
            return None
        async with self.db.read() as tx:
            return await store.remote_task(tx, self.workspace, f"{task_id}.{int(turn) - 1}")

    async def note(self, remote_id: str) -> None:
        """Remember the remote task, so that whoever tries again goes on with it."""
        async with self.db.write() as tx:
            await store.keep_remote_task(tx, self.workspace, self.call_id, self.agent, remote_id)


def errand_of(db: Database, row: Any, skill: str, call_id: str) -> RemoteCall:
    """Return a call of an imported agent's skill."""
    declared = msgspec.convert(row.declaration, A2AAgentDeclaration)
    return RemoteCall(
        db=db, workspace=row.workspace_id, agent=row.name, call_id=call_id,
        skill=remote.skills_of(row.name, row.approved).get(skill, skill), card=row.approved, headers=declared.headers,
        url=declared.url,
    )  # fmt: skip


Adopt = Callable[[RemoteCall, Any, CallInfo, str], Awaitable[str]]
"""(errand, payload, call, remote task) → the task of ours that the call becomes, because the agent asks back."""


class RemoteHost(SkillHost):
    """Serves the skills of imported A2A agents on this hub."""

    name: ClassVar[str] = "a2a-host"

    def __init__(self, bus: HubBus, db: Database, engines: Engines, adopt: Adopt, *, hub_id: str) -> None:
        super().__init__(bus, hub_id=hub_id)
        self._adopt = adopt
        self._the_bus = bus
        self._db = db
        self._engines = engines
        self._hosted: dict[tuple[str, str], bytes] = {}
        self._asking: dict[str, asyncio.Task[Any]] = {}
        self._own_tasks = Tasks()

    async def run(self) -> None:
        await listen(self._the_bus, subjects.cancel_filter("*", None, subjects.HUB), self._called_off)
        self._hosted.clear()
        syncing = self._own_tasks.spawn(self._keep_up(), name="a2a-host-sync")
        try:
            await super().run()
        finally:
            syncing.cancel()
            await self._own_tasks.close()

    async def _keep_up(self) -> None:
        """Serve what the database says, soon after it says so."""
        await self.started.wait()
        while True:
            async with self._db.read() as tx:
                rows = await store.every_remote(tx)
            wanted = {(row.workspace_id, row.name): row for row in rows}
            for key in self._hosted.keys() - wanted.keys():
                await self.withdraw(*key)
                del self._hosted[key]
            for key, row in wanted.items():
                mark = msgspec.json.encode([row.approved, row.declaration])
                if self._hosted.get(key) != mark:
                    await self.serve(self._as_hosted(row))
                    self._hosted[key] = mark
            await asyncio.sleep(_LOOK_S)

    def _as_hosted(self, row: Any) -> Hosted:
        skills = remote.skills_of(row.name, row.approved)

        async def answer(skill: str, payload: Any, call: CallInfo) -> Any:
            errand = errand_of(self._db, row, skill, call.request.id)
            try:
                return await self._ask(errand, payload, call)
            except TaskNeededError as error:
                remote_id = await errand.begun()
                if remote_id is None:
                    raise
                task_id = await self._adopt(errand, payload, call, remote_id)
                raise TaskNeededError(f"{error.detail}; answer the task {task_id}") from None

        version = str(row.approved.get("version") or "0.0.0")
        return Hosted(
            workspace=row.workspace_id, agent=row.name, version=version, skills=frozenset(skills), answer=answer
        )

    async def _ask(self, errand: RemoteCall, payload: Any, call: CallInfo) -> Any:
        engine = await self._engines.get()
        message = remote.message_of(payload, errand.skill, errand.call_id)
        asking = asyncio.current_task()
        assert asking is not None
        self._asking[errand.call_id] = asking
        try:
            return await engine.courier.ask(errand, message, call)
        finally:
            self._asking.pop(errand.call_id, None)

    async def _called_off(self, subject: str, _payload: bytes) -> None:
        """Stop asking for a task that nobody wants any more: its calls are named after it, turn by turn."""
        task_id = subjects.untoken(subject.rsplit(".", 1)[1])
        for call_id, asking in list(self._asking.items()):
            if call_id.rpartition(".")[0] == task_id:
                asking.cancel()


class CardRefresher(Component):
    """Reads the cards of imported agents anew, those first that were not read for longest."""

    name: ClassVar[str] = "a2a-refresher"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, db: Database, clock: Clock, remotes: Remotes, *, refresh_s: float) -> None:
        super().__init__()
        self._db = db
        self._clock = clock
        self._remotes = remotes
        self._refresh_s = refresh_s

    async def run(self) -> None:
        self.started.set()
        tasks = Tasks()
        try:
            while True:
                await asyncio.sleep(min(_LOOK_S, self._refresh_s))
                async with self._db.read() as tx:
                    rows = await store.every_remote(tx)
                before = self._clock.now() - timedelta(seconds=self._refresh_s)
                due = sorted((row for row in rows if row.refreshed_at < before), key=lambda row: row.refreshed_at)
                looking = [
                    tasks.spawn(self._remotes.look_after(row), name="a2a-refresh", awaited=True)
                    for row in due[:_AT_ONCE]
                ]
                if looking:
                    await asyncio.wait(looking)
        finally:
            await tasks.close()
