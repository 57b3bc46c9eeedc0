"""Declaring handlers, and telling how far they are."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from trunkline.protocol.errors import HandlerUnknownError, PermissionDeniedError
from trunkline.protocol.resources import Handler, HandlerDeclaration, HandlerPage
from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.state import EMPTY, ReaderState, reader_states
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.permission import allows
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.handlers import model, store
from trunkline_hub.handlers.ports import GroupDesk
from trunkline_hub.revisions import Revisions

_KIND = "handler"


class Handlers:
    """The declared handlers of all workspaces."""

    def __init__(
        self,
        bus: HubBus,
        audit: Audit,
        revisions: Revisions,
        groups: GroupDesk,
        on_change: Callable[[], Awaitable[None]],
    ) -> None:
        self._bus = bus
        self._audit = audit
        self._revisions = revisions
        self._groups = groups
        self._on_change = on_change

    async def declare(self, tx: Tx, by: Principal, workspace: str, name: str, wanted: HandlerDeclaration) -> None:
        """Create a handler or change it; a new one begins with what is published from now on.

        Raises:
            RequestInvalidError, HandlerLoopError
            PermissionDeniedError: the caller may not do itself what the handler would.
        """
        types = model.check(name, wanted)
        for scope in ("events:read", model.SCOPES[wanted.action]):
            if not allows(by.scopes, scope):
                raise PermissionDeniedError(f"A handler that does {wanted.action!r} needs the scope {scope!r}")
        body = msgspec.to_builtins(wanted)
        number = await self._revisions.record(tx, by, workspace, (_KIND, name), body)
        row = {
            "workspace_id": workspace, "name": name, "declaration": body, "revision": number, "updated_by": by.name,
        }  # fmt: skip
        await store.put(tx, row)
        await self._groups.put_group(tx, workspace, model.group_of(name), types, model.retry_of(wanted))
        await self._changed(tx, by, workspace, name, "declared", revision=number)

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str) -> None:
        """Take a handler away, and its place in the log with it.

        Raises:
            HandlerUnknownError
        """
        await self._row(tx, workspace, name)
        await store.remove(tx, workspace, name)
        await self._groups.drop_group(tx, workspace, model.group_of(name))
        await self._revisions.record(tx, by, workspace, (_KIND, name), None, action="removed")
        await self._changed(tx, by, workspace, name, "removed")

    async def set_paused(self, tx: Tx, by: Principal, workspace: str, name: str, *, paused: bool) -> None:
        """Have a handler stop or go on; meanwhile events wait at its place.

        Raises:
            HandlerUnknownError
        """
        await self._row(tx, workspace, name)
        await store.set_paused(tx, workspace, name, paused=paused)
        await self._changed(tx, by, workspace, name, "paused" if paused else "resumed")

    async def get(self, tx: Tx, workspace: str, name: str) -> Handler:
        """Return one handler.

        Raises:
            HandlerUnknownError
        """
        row = await self._row(tx, workspace, name)
        return _handler(row, await reader_states(self._bus, workspace, "group"))

    async def page(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> HandlerPage:
        """Return handlers by name, each with how far it is."""
        rows = await store.page(tx, workspace, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.name))
        states = await reader_states(self._bus, workspace, "group")
        return HandlerPage(items=[_handler(row, states) for row in kept], next=after)

    async def _changed(self, tx: Tx, by: Principal, workspace: str, name: str, action: str, **detail: Any) -> None:
        await self._audit.record(tx, workspace, by.name, f"handler.{action}", f"handler/{name}", **detail)
        tx.after_commit(self._on_change)

    async def _row(self, tx: Tx, workspace: str, name: str) -> Any:
        row = await store.get(tx, workspace, name)
        if row is None:
            raise HandlerUnknownError(f"There is no handler {name!r} in workspace {workspace!r}")
        return row


def _handler(row: Any, states: dict[str, ReaderState]) -> Handler:
    group = model.group_of(row.name)
    state = states.get(group, EMPTY)
    return Handler(
        name=row.name, declaration=store.declaration(row), group=group, paused=row.paused, waiting=state.waiting,
        in_flight=state.in_flight, redelivered=state.redelivered, revision=row.revision, updated_by=row.updated_by,
        updated_at=rfc3339(row.updated_at),
    )  # fmt: skip
