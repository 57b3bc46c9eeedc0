"""Declaring routes, explaining them, telling what came of them."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from trunkline.protocol.errors import PermissionDeniedError, RouteRuleUnknownError
from trunkline.protocol.resources import (
    DeadEnd,
    DeadEndPage,
    Explanation,
    QueueDeclaration,
    RevisionPage,
    Route,
    RouteCounts,
    RouteDeclaration,
    RoutePage,
    RouteSample,
    RouteTarget,
)
from trunkline_hub.audit import Audit
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.filters import Facts
from trunkline_hub.core.page import cut, decode_cursor, decode_number, encode_cursor
from trunkline_hub.core.permission import allows
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.revisions import Revisions
from trunkline_hub.revisions.service import Action
from trunkline_hub.routes import model, store
from trunkline_hub.routes.ports import GroupDesk, QueueDesk, SkillDesk

_KIND = "route"


class Routes:
    """The routes of all workspaces."""

    def __init__(
        self, audit: Audit, revisions: Revisions, queues: QueueDesk, groups: GroupDesk, skills: SkillDesk
    ) -> None:
        self.on_change: Callable[[], Awaitable[None]] = _nobody_listens
        """Awaited after each committed change; tells every hub."""
        self._audit = audit
        self._revisions = revisions
        self._queues = queues
        self._groups = groups
        self._skills = skills

    async def declare(
        self,
        tx: Tx,
        by: Principal,
        workspace: str,
        name: str,
        wanted: RouteDeclaration,
        *,
        action: Action = "declared",
        note: str = "",
    ) -> Route:
        """Create a route or change it; it holds for what is published after the commit.

        Raises:
            RequestInvalidError, RouteLoopError
            PermissionDeniedError: it leads into a workspace where the caller may not declare routes.
        """
        model.compiled(name, wanted)
        _check_reach(by, workspace, wanted)
        present = await store.get(tx, workspace, name)
        if present is not None and store.declaration(present) == wanted and action == "declared":
            tx.audited = True  # nothing changed, so there is nothing to record
            return await self.get(tx, workspace, name)
        everywhere = {(row.workspace_id, row.name): store.declaration(row) for row in await store.every(tx)}
        model.refuse_loop(everywhere | {(workspace, name): wanted}, (workspace, name))
        await self._make_skill_queues(tx, by, workspace, wanted)
        body = msgspec.to_builtins(wanted)
        number = await self._revisions.record(tx, by, workspace, (_KIND, name), body, action=action, note=note)
        row = {
            "workspace_id": workspace, "name": name, "declaration": body, "revision": number, "updated_by": by.name,
        }  # fmt: skip
        await store.put(tx, row)
        await self._changed(tx, by, workspace, name, action, revision=number)
        return await self.get(tx, workspace, name)

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str) -> None:
        """Take a route away; its history stays.

        Raises:
            RouteRuleUnknownError
        """
        await self._row(tx, workspace, name)
        await store.remove(tx, workspace, name)
        await self._revisions.record(tx, by, workspace, (_KIND, name), None, action="removed")
        await self._changed(tx, by, workspace, name, "removed")

    async def rollback(self, tx: Tx, by: Principal, workspace: str, name: str, number: int, note: str) -> Route:
        """Declare again what a route was in revision `number`; works for removed ones too.

        Raises:
            RevisionUnknownError, RequestInvalidError, RouteLoopError, PermissionDeniedError
        """
        body = await self._revisions.body(tx, workspace, (_KIND, name), number)
        wanted = msgspec.convert(body, RouteDeclaration)
        note = note or f"as in revision {number}"
        return await self.declare(tx, by, workspace, name, wanted, action="rolled_back", note=note)

    async def history(self, tx: Tx, workspace: str, name: str, *, cursor: str | None, limit: int) -> RevisionPage:
        """Return what a route was, newest first."""
        return await self._revisions.page(tx, workspace, (_KIND, name), cursor=cursor, limit=limit)

    async def get(self, tx: Tx, workspace: str, name: str) -> Route:
        """Return one route and what it did.

        Raises:
            RouteRuleUnknownError
        """
        row = await self._row(tx, workspace, name)
        counted = await store.counts(tx, workspace, [name])
        return _route(row, counted)

    async def page(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> RoutePage:
        """Return routes by name."""
        rows = await store.page(tx, workspace, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.name))
        counted = await store.counts(tx, workspace, [row.name for row in kept])
        items = [_route(row, [one for one in counted if one.route == row.name]) for row in kept]
        return RoutePage(items=items, next=after)

    async def dead_ends(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> DeadEndPage:
        """Return what led nowhere, the most frequent first."""
        skip = decode_number(cursor) or 0
        rows = await store.dead_ends(tx, workspace, skip=skip, limit=limit)
        items = [
            DeadEnd(
                type=row.type, route=row.route or None, reason=row.reason, count=row.count,
                last_at=rfc3339(row.last_at), last_id=row.last_id,
            )
            for row in rows[:limit]
        ]  # fmt: skip
        return DeadEndPage(items=items, next=encode_cursor(str(skip + limit)) if len(rows) > limit else None)

    async def explain(
        self, tx: Tx, workspace: str, sample: RouteSample, proposed: dict[str, RouteDeclaration] | None = None
    ) -> Explanation:
        """Tell where a message would go and why; nothing is sent. `proposed` routes count as if declared.

        Raises:
            RequestInvalidError: a proposed route is none.
        """
        declared = {row.name: store.declaration(row) for row in await store.of_workspace(tx, workspace)}
        routes = [model.compiled(name, route) for name, route in (declared | (proposed or {})).items()]
        facts = Facts(
            type=sample.type, source=sample.source, subject=sample.subject, sender=sample.sender,
            attributes=sample.attributes, data=sample.data,
        )  # fmt: skip
        exists = await self._existing(tx, workspace, routes)
        verdicts = model.explain(routes, facts, sample.id, exists)
        groups = await self._groups.groups(tx, workspace)
        following = sorted(one.name for one in groups if not model.nobody_follows([one.types], sample.type))
        taken = any(verdict.matched and len(verdict.targets) > len(verdict.dead_ends) for verdict in verdicts)
        return Explanation(verdicts=verdicts, groups=following, leads_nowhere=not taken and not following)

    async def tables(self, tx: Tx) -> dict[str, model.Table]:
        """Return every workspace's enabled routes, compiled."""
        by_workspace: dict[str, list[model.Route]] = {}
        for row in await store.every(tx):
            route = model.compiled(row.name, store.declaration(row))
            by_workspace.setdefault(row.workspace_id, []).append(route)
        tables = {workspace: model.Table(routes) for workspace, routes in by_workspace.items()}
        return {workspace: table for workspace, table in tables.items() if table.routes}

    async def _existing(self, tx: Tx, workspace: str, routes: list[model.Route]) -> Callable[[RouteTarget], bool]:
        places = {workspace} | {t.workspace for r in routes for t in r.declaration.targets if t.workspace}
        queues = {place: await self._queues.names(tx, place) for place in places}
        skills = {place: await self._skills.skill_names(tx, place) for place in places}

        def exists(target: RouteTarget) -> bool:
            place = target.workspace or workspace
            if target.queue is not None:
                return target.queue in queues[place]
            return target.skill is None or target.skill in skills[place]

        return exists

    async def _make_skill_queues(self, tx: Tx, by: Principal, workspace: str, wanted: RouteDeclaration) -> None:
        for target in wanted.targets:
            if target.skill is not None:
                place, queue = target.workspace or workspace, model.SKILL_QUEUE + target.skill
                if queue not in await self._queues.names(tx, place):
                    await self._queues.declare(tx, by, place, queue, QueueDeclaration())

    async def _changed(self, tx: Tx, by: Principal, workspace: str, name: str, action: Action, **detail: Any) -> None:
        await self._audit.record(tx, workspace, by.name, f"route.{action}", f"route/{name}", **detail)
        await tx.emit(workspace, f"trunkline.route.{action}", {"route": name, **detail}, subject=name)
        tx.after_commit(self.on_change)

    async def _row(self, tx: Tx, workspace: str, name: str) -> Any:
        row = await store.get(tx, workspace, name)
        if row is None:
            raise RouteRuleUnknownError(f"There is no route {name!r} in workspace {workspace!r}")
        return row


async def _nobody_listens() -> None: ...


def _check_reach(by: Principal, workspace: str, wanted: RouteDeclaration) -> None:
    for target in wanted.targets:
        place = target.workspace
        if place not in {None, workspace} and not (by.works_in(str(place)) and allows(by.scopes, "routes:write")):
            raise PermissionDeniedError(f"A route into workspace {place!r} needs a token that may declare routes there")


def _route(row: Any, counted: list[Any]) -> Route:
    of = {outcome: [one for one in counted if one.outcome == outcome] for outcome in ("routed", "dead_end", "loop")}
    latest = max(counted, key=lambda one: one.last_at, default=None)
    failed = max(of["dead_end"] + of["loop"], key=lambda one: one.last_at, default=None)
    return Route(
        name=row.name, route=store.declaration(row), revision=row.revision, updated_at=rfc3339(row.updated_at),
        updated_by=row.updated_by,
        counts=RouteCounts(
            routed=sum(one.count for one in of["routed"]), dead_ends=sum(one.count for one in of["dead_end"]),
            loops=sum(one.count for one in of["loop"]), last_at=rfc3339(latest.last_at) if latest else None,
            last_error=failed.reason if failed else None,
        ),
    )  # fmt: skip
