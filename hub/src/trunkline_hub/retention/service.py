"""Limits of the log, and types that are kept longer."""

from typing import Any

from trunkline.protocol.errors import KeepUnknownError
from trunkline.protocol.resources import Keep, KeepDeclaration, Retention, RetentionChange
from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.history import History
from trunkline_hub.bus.keep import KeepSpec, KeepState, LogPlan, keep_states, try_limits
from trunkline_hub.core.clock import rfc3339, rfc3339_or_none
from trunkline_hub.core.patterns import check_patterns
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.retention import model, store
from trunkline_hub.revisions import Revisions


class Retentions:
    """How long the logs of all workspaces last."""

    def __init__(self, bus: HubBus, db: Database, history: History, audit: Audit, revisions: Revisions) -> None:
        self._bus = bus
        self._db = db
        self._history = history
        self._audit = audit
        self._revisions = revisions

    async def plan(self, workspace: str) -> LogPlan:
        """Return what the reconciler should make of a workspace's log."""
        async with self._db.read() as tx:
            limits = await store.limits(tx, workspace)
            keeps = await store.keeps(tx, workspace)
        return LogPlan(
            max_age_s=limits.max_age_s if limits else None,
            max_bytes=limits.max_bytes if limits else None,
            keeps=tuple(
                KeepSpec(
                    name=row.name, generation=row.generation, patterns=tuple(row.types),
                    max_age_s=row.max_age_s, max_bytes=row.max_bytes,
                )
                for row in keeps
            ),
        )  # fmt: skip

    async def show(self, tx: Tx, workspace: str) -> Retention:
        """Return the limits of a workspace's log and what it holds."""
        limits = await store.limits(tx, workspace)
        rows = await store.keeps(tx, workspace)
        log = await self._history.log(workspace)
        states = await keep_states(self._bus, workspace)
        settings = self._bus.settings
        own_age = limits.max_age_s if limits else None
        own_bytes = limits.max_bytes if limits else None
        return Retention(
            max_age_s=settings.events_max_age_s if own_age is None else own_age,
            max_bytes=settings.events_max_bytes if own_bytes is None else own_bytes,
            is_default=own_age is None and own_bytes is None,
            messages=log.messages if log else 0,
            size_bytes=log.size_bytes if log else 0,
            first_seq=log.first_seq if log else 0,
            last_seq=log.last_seq if log else 0,
            first_stored_at=rfc3339_or_none(await self._history.oldest_in_log(workspace, log)),
            keeps=[_keep(row, states) for row in rows],
        )

    async def apply(self, workspace: str, change: RetentionChange) -> None:
        """Have the broker take new limits of a log before they are written down: it may have no room for them.

        Raises:
            RequestInvalidError, BusUnavailableError
        """
        model.check_limits(change)
        plan = LogPlan(max_age_s=change.max_age_s, max_bytes=change.max_bytes)
        await try_limits(self._bus, workspace, plan)

    async def set_limits(self, tx: Tx, by: Principal, workspace: str, change: RetentionChange) -> None:
        """Write down the limits of a workspace's log."""
        await store.put_limits(tx, workspace, max_age_s=change.max_age_s, max_bytes=change.max_bytes)
        body = {"max_age_s": change.max_age_s, "max_bytes": change.max_bytes}
        await self._revisions.record(tx, by, workspace, ("retention", "log"), body)
        await self._audit.record(tx, workspace, by.name, "retention.changed", "events/retention", **body)

    async def declare_keep(self, tx: Tx, by: Principal, workspace: str, name: str, wanted: KeepDeclaration) -> None:
        """Keep some types longer than the log, from now on and as far back as the log reaches.

        Other types than before begin a new stream; what the former one holds stays until it is too old.

        Raises:
            RequestInvalidError
        """
        model.check_keep(name, wanted)
        types = check_patterns(wanted.types, "/types")
        present = await store.keep(tx, workspace, name)
        body = {"types": types, "max_age_s": wanted.max_age_s, "max_bytes": wanted.max_bytes}
        number = await self._revisions.record(tx, by, workspace, ("keep", name), body)
        is_same = present is not None and sorted(present.types) == sorted(types)
        generation = present.generation if is_same else number
        row = body | {
            "workspace_id": workspace, "name": name, "generation": generation, "declared_at": tx.clock.now(),
        }  # fmt: skip
        await store.put_keep(tx, row)
        await self._audit.record(tx, workspace, by.name, "keep.declared", f"events/keeps/{name}", **body)

    async def drop_keep(self, tx: Tx, by: Principal, workspace: str, name: str) -> None:
        """Keep these types no longer than the others: what only their stream held is gone.

        Raises:
            KeepUnknownError
        """
        if not await store.remove_keep(tx, workspace, name):
            raise KeepUnknownError(f"Nothing is kept under the name {name!r}")
        await self._revisions.record(tx, by, workspace, ("keep", name), None, action="removed")
        await self._audit.record(tx, workspace, by.name, "keep.removed", f"events/keeps/{name}")


def _keep(row: Any, states: list[KeepState]) -> Keep:
    mine = [state for state in states if state.name == row.name]
    held = [state for state in mine if state.messages]
    return Keep(
        name=row.name, types=row.types, max_age_s=row.max_age_s, max_bytes=row.max_bytes,
        messages=sum(state.messages for state in mine), size_bytes=sum(state.size_bytes for state in mine),
        first_seq=min((state.first_seq for state in held), default=0),
        last_seq=max((state.last_seq for state in held), default=0),
        made=any(state.grows for state in mine), lag=sum(state.lag for state in mine if state.grows), former=sum(1 for state in held if not state.grows),
        declared_at=rfc3339(row.declared_at),
    )  # fmt: skip
