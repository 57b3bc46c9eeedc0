"""Stored sets of tools."""

from typing import Any

from trunkline.protocol.errors import ToolsetUnknownError
from trunkline.protocol.resources import Toolset, ToolsetDeclaration, ToolsetPage
from trunkline_hub.audit import Audit
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.gateways.mcp import model, store


class Toolsets:
    """The toolsets of all workspaces."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def put(self, tx: Tx, by: Principal, workspace: str, name: str, wanted: ToolsetDeclaration) -> Toolset:
        """Store a toolset, or change it.

        Raises:
            RequestInvalidError
        """
        model.check_toolset(name, wanted)
        await store.put_toolset(tx, workspace, name, wanted, by.name)
        await self._audit.record(tx, workspace, by.name, "toolset.stored", f"toolset/{name}")
        return await self.get(tx, workspace, name)

    async def get(self, tx: Tx, workspace: str, name: str) -> Toolset:
        """Return one toolset.

        Raises:
            ToolsetUnknownError
        """
        row = await store.get(tx, store.toolsets, workspace, name)
        if row is None:
            raise ToolsetUnknownError(f"There is no toolset {name!r} in workspace {workspace!r}")
        return _toolset(row)

    async def page(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> ToolsetPage:
        """Return toolsets by name."""
        rows = await store.page(tx, store.toolsets, workspace, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.name))
        return ToolsetPage(items=[_toolset(row) for row in kept], next=after)

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str) -> None:
        """Forget a toolset.

        Raises:
            ToolsetUnknownError
        """
        await self.get(tx, workspace, name)
        await store.remove(tx, store.toolsets, workspace, name)
        await self._audit.record(tx, workspace, by.name, "toolset.removed", f"toolset/{name}")


def _toolset(row: Any) -> Toolset:
    return Toolset(
        name=row.name, declaration=store.toolset(row), updated_by=row.updated_by, updated_at=rfc3339(row.updated_at)
    )
