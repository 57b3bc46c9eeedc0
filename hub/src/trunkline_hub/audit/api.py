"""Routes of the audit trail."""

from litestar import Router, get

from trunkline.protocol.resources import AuditPage
from trunkline_hub.audit.service import Audit
from trunkline_hub.db import Tx
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit


@get("/audit", opt=requires("audit:read"))
async def list_entries(workspace: str, tx: Tx, audit: Audit, cursor: Cursor = None, limit: Limit = 50) -> AuditPage:
    """List what was done in the workspace, newest first."""
    return await audit.page(tx, workspace, cursor=cursor, limit=limit)


router = Router("/api/v1/w/{workspace:str}", route_handlers=[list_entries], tags=["audit"])
