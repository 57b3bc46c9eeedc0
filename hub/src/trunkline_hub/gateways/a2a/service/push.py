"""Push notifications: who wants to hear of a task, and what they are to be told."""

import msgspec

from trunkline.protocol.errors import A2APushUnknownError
from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus, course
from trunkline_hub.db import Database
from trunkline_hub.gateways.a2a import store
from trunkline_hub.gateways.a2a.model.place import Place, path_of
from trunkline_hub.gateways.a2a.model.push import Target, checked
from trunkline_hub.gateways.a2a.ports import Words
from trunkline_hub.outbound import Outbound
from trunkline_hub.tasks import model as tasks_model
from trunkline_hub.tasks.model import Record


class Pushes:
    """The push notifications of all workspaces."""

    def __init__(self, bus: HubBus, db: Database, audit: Audit, outbound: Outbound) -> None:
        self._bus = bus
        self._db = db
        self._audit = audit
        self._outbound = outbound

    async def put(self, place: Place, record: Record, target: Target) -> Target:
        """Tell a client of what happens to a task from now on; one with the same id is replaced.

        Raises:
            RequestInvalidError, OutboundRefusedError
        """
        kept = checked(target)
        self._outbound.guard.check(kept.url)
        row = {
            "workspace_id": place.workspace, "task_id": record.id, "id": kept.id, "agent": record.seed.agent,
            "base_url": place.base_url, "target": msgspec.to_builtins(kept), "seq": record.seq,
        }  # fmt: skip
        async with self._db.write() as tx:
            await store.put_config(tx, row)
            await self._audit.record(
                tx, place.workspace, place.by.name, "a2a.push_config_put", f"task/{record.id}", id=kept.id, url=kept.url
            )
        return kept

    async def get(self, place: Place, record: Record, config_id: str) -> Target:
        """Return one configuration.

        Raises:
            A2APushUnknownError
        """
        async with self._db.read() as tx:
            row = await store.config(tx, place.workspace, record.id, config_id)
        if row is None:
            raise A2APushUnknownError(f"The task {record.id!r} has no push notification {config_id!r}")
        return _target(row.target)

    async def every(self, place: Place, record: Record) -> list[Target]:
        """Return all configurations of a task."""
        async with self._db.read() as tx:
            rows = await store.configs(tx, place.workspace, [record.id])
        return [_target(row.target) for row in rows]

    async def drop(self, place: Place, record: Record, config_id: str) -> None:
        """Take a configuration away; one that is not there is no error."""
        async with self._db.write() as tx:
            await store.drop_config(tx, place.workspace, record.id, config_id)
            await self._audit.record(
                tx, place.workspace, place.by.name, "a2a.push_config_dropped", f"task/{record.id}", id=config_id
            )

    async def wanted(self, workspace: str, task_ids: list[str]) -> list[str]:
        """Return those of the tasks that somebody wants to hear of."""
        async with self._db.read() as tx:
            rows = await store.configs(tx, workspace, task_ids)
        return sorted({row.task_id for row in rows})

    async def enter(self, workspace: str, task_id: str, words: Words) -> None:
        """Put what happened to a task since the last look on the list of what is to be sent; only what counts."""
        async with self._db.read() as tx:
            rows = await store.configs(tx, workspace, [task_id])
        if not rows:
            return
        files = f"{rows[0].base_url}{path_of(workspace, rows[0].agent)}/tasks/{task_id}/files"
        bodies: list[tuple[int, str]] = []
        record: Record | None = None
        for step in await course.read(self._bus, workspace, task_id, after_seq=0):
            before = record.seq if record is not None else 0
            record = tasks_model.fold(record, step.writer, step.agent, step.task_id, step.seq, step.event)
            body = words.update(record, step, files) if record is not None and record.seq != before else None
            if body is not None:
                bodies.append((step.seq, body))
        async with self._db.write() as tx:
            for row in await store.configs(tx, workspace, [task_id], lock=True):
                await store.enter(tx, row, bodies[-1][0] if bodies else row.seq, bodies)


def _target(stored: object) -> Target:
    return msgspec.convert(stored, Target)
