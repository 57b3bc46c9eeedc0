"""Recording and reading the audit trail."""

from typing import Any

import structlog

from trunkline.protocol.ids import new_id
from trunkline.protocol.resources import AuditEntry, AuditPage
from trunkline_hub.audit import store
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.db import Tx


class Audit:
    """The audit trail of all workspaces."""

    async def record(self, tx: Tx, workspace: str, by: str, action: str, resource: str, **detail: Any) -> None:
        """Write who did what to what, in the same transaction as the deed. Never a secret in `detail`."""
        bound = structlog.contextvars.get_contextvars()
        row = {
            "id": new_id(), "workspace_id": workspace, "at": tx.clock.now(), "principal": by,
            "action": action, "resource": resource, "detail": detail, "request_id": bound.get("request_id"),
        }  # fmt: skip
        await store.insert(tx, row)
        tx.audited = True

    async def page(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> AuditPage:
        """Return entries, newest first."""
        rows = await store.page(tx, workspace, before=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.id))
        entries = [
            AuditEntry(
                id=row.id,
                at=rfc3339(row.at),
                principal=row.principal,
                action=row.action,
                resource=row.resource,
                detail=row.detail,
                request_id=row.request_id,
            )
            for row in kept
        ]
        return AuditPage(items=entries, next=after)
