"""Tasks that wait for their caller may go on without him: somebody signed in, or answered, elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, Literal

import structlog

from trunkline.protocol.errors import TrunklineError
from trunkline.protocol.tasks import TaskJob
from trunkline.tasks import Tasks as Background
from trunkline_hub.core.component import Component
from trunkline_hub.db import Database
from trunkline_hub.gateways.a2a import store
from trunkline_hub.gateways.a2a.events.remotes import RemoteCall
from trunkline_hub.gateways.a2a.ports import Engines, Turn
from trunkline_hub.tasks import Tasks
from trunkline_hub.tasks.model import Record

_log = structlog.get_logger("a2a")
_AT_ONCE = 8
_MOST = 1000
"""Tasks of one agent that are looked at; those behind come when these have gone on."""
_SLOWER = 0.1
"""Part of the time it has waited already, after which a task is looked at again."""

_Key = tuple[str, str]


class WaitingTasks(Component):
    """Looks at remote tasks that wait for their caller, the less often the longer they wait."""

    name: ClassVar[str] = "a2a-waiting"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(
        self, db: Database, engines: Engines, tasks: Tasks, errand: Callable[[str, TaskJob], Awaitable[RemoteCall]],
        *, poll_s: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self._db = db
        self._engines = engines
        self._tasks = tasks
        self._errand = errand
        self._poll_s = poll_s
        self._seen: dict[_Key, tuple[float, float]] = {}
        """(when it was first seen to wait as it does, when it is to be looked at) of each task."""

    async def run(self) -> None:
        self.started.set()
        background = Background()
        try:
            while True:
                await asyncio.sleep(self._poll_s)
                due = await self._due()
                for start in range(0, len(due), _AT_ONCE):
                    some = due[start : start + _AT_ONCE]
                    looking = [
                        background.spawn(self._look(*one), name="a2a-waiting-look", awaited=True) for one in some
                    ]
                    await asyncio.wait(looking)
        finally:
            self._seen.clear()
            await background.close()

    async def _due(self) -> list[tuple[str, Record]]:
        """Return the tasks whose turn it is; those that no longer wait are forgotten."""
        async with self._db.read() as tx:
            agents = [(row.workspace_id, row.name) for row in await store.every_remote(tx)]
        now, due, present = asyncio.get_running_loop().time(), [], set()
        for workspace, agent in agents:
            for record in await self._tasks.waiting(workspace, agent, _MOST):
                key = (record.id, record.state_at)
                present.add(key)
                since, at = self._seen.setdefault(key, (now, now))
                if at <= now:
                    self._seen[key] = (since, now + max(self._poll_s, (now - since) * _SLOWER))
                    due.append((workspace, record))
        self._seen = {key: seen for key, seen in self._seen.items() if key in present}
        return due

    async def _look(self, workspace: str, record: Record) -> None:
        try:
            errand = await self._errand(workspace, record.job())
            remote_id = await errand.begun()
            if remote_id is None:
                return
            found = await (await self._engines.get()).courier.look(errand, remote_id)
            if _is_news(record, found):
                await self._tasks.resume(workspace, record)
                _log.info("a2a_task_went_on", task=record.id, agent=record.seed.agent)
        except TrunklineError as error:
            _log.debug("a2a_task_not_seen", task=record.id, agent=record.seed.agent, error=str(error))


def _is_news(record: Record, found: Turn | None) -> bool:
    """Whether a remote task is another than ours: forgotten, in another state, or with another question."""
    if found is None or found.state != record.state:
        return True
    asked = record.said.text if record.said is not None else ""
    return found.said is not None and found.said.text != asked
