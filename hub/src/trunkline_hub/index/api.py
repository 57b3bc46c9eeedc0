"""Routes of the index and of traces."""

from typing import Any

from litestar import Request, Router, get, post

from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.resources import IndexStatus, Trace
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.index.service import Index
from trunkline_hub.web import requires

AnyRequest = Request[Principal, Any, Any]


@get("/trace/{message_id:str}", opt=requires("traces:read"))
async def trace(workspace: str, message_id: str, index: Index) -> Trace:
    """Follow a message: what led to it, who handled it and how long, what it caused. No payloads."""
    return await index.trace(workspace, message_id)


@get("/traces", opt=requires("traces:read"))
async def traces(
    workspace: str,
    index: Index,
    message_id: str | None = None,
    correlation_id: str | None = None,
    trace_id: str | None = None,
) -> Trace:
    """Show everything of one transaction as trees; with `message_id` the same as `/trace/{message_id}`."""
    if message_id is not None:
        if correlation_id is not None or trace_id is not None:
            raise RequestInvalidError(errors=[FieldError("query:message_id", "give one id only")])
        return await index.trace(workspace, message_id)
    return await index.traces(workspace, correlation_id=correlation_id, trace_id=trace_id)


@get("/index", opt=requires("index:read"))
async def status(workspace: str, index: Index) -> IndexStatus:
    """Show how far the index over the log is, and how a rebuild gets on."""
    return await index.status(workspace)


@post("/index/rebuild", opt=requires("index:rebuild"), status_code=202)
async def rebuild(workspace: str, request: AnyRequest, tx: Tx, index: Index) -> IndexStatus:
    """Make the workspace's index anew from the log; queries are answered meanwhile."""
    return await index.rebuild(tx, request.user, workspace)


router = Router("/api/v1/w/{workspace:str}", route_handlers=[trace, traces, status, rebuild], tags=["index"])
