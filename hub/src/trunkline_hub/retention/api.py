"""Routes of retention."""

from typing import Any

from litestar import Request, Router, delete, get, put

from trunkline.protocol.resources import KeepDeclaration, Retention, RetentionChange
from trunkline_hub.bus import Reconciler
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.retention.service import Retentions
from trunkline_hub.web import requires
from trunkline_hub.web.preconditions import volatile

AnyRequest = Request[Principal, Any, Any]
_OBSERVED = volatile("messages", "size_bytes", "first_seq", "last_seq", "first_stored_at")
"""What is seen of one, beside what was declared."""


@get("/events/retention", opt=requires("retention:read") | _OBSERVED)
async def show(workspace: str, tx: Tx, retentions: Retentions) -> Retention:
    """Show how long the log lasts, what it holds, and which types are kept longer."""
    return await retentions.show(tx, workspace)


@put("/events/retention", opt=requires("retention:write"))
async def set_limits(
    workspace: str, data: RetentionChange, request: AnyRequest, db: Database, retentions: Retentions,
    reconciler: Reconciler,
) -> Retention:  # fmt: skip
    """Give the log limits of its own; what lies outside of them leaves at once."""
    await retentions.apply(workspace, data)
    async with db.write() as tx:
        await retentions.set_limits(tx, request.user, workspace, data)
        tx.after_commit(reconciler.converge)
    async with db.read() as tx:
        return await retentions.show(tx, workspace)


@put("/events/keeps/{name:str}", opt=requires("retention:write"))
async def declare_keep(
    workspace: str, name: str, data: KeepDeclaration, request: AnyRequest, db: Database, retentions: Retentions,
    reconciler: Reconciler,
) -> Retention:  # fmt: skip
    """Keep some types longer than the log."""
    async with db.write() as tx:
        await retentions.declare_keep(tx, request.user, workspace, name, data)
        tx.after_commit(reconciler.converge)
    async with db.read() as tx:
        return await retentions.show(tx, workspace)


@delete("/events/keeps/{name:str}", opt=requires("retention:write"))
async def drop_keep(
    workspace: str, name: str, request: AnyRequest, tx: Tx, retentions: Retentions, reconciler: Reconciler
) -> None:
    """Keep these types no longer than the others; what only their stream held is deleted."""
    await retentions.drop_keep(tx, request.user, workspace, name)
    tx.after_commit(reconciler.converge)


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[show, set_limits, declare_keep, drop_keep],
    tags=["retention"],
)
