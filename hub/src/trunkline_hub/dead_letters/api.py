"""Routes of dead letters."""

from typing import Any

from litestar import Request, Router, get, post

from trunkline.protocol.resources import DeadLetterDetail, DeadLetterPage, Redriven
from trunkline.protocol.subjects import Lane
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.dead_letters.service import DeadLetters
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit

AnyRequest = Request[Principal, Any, Any]


@get("/dead-letters", opt=requires("dead_letters:read"))
async def list_dead_letters(
    workspace: str,
    tx: Tx,
    dead_letters: DeadLetters,
    lane: Lane | None = None,
    reader: str | None = None,
    reason: str | None = None,
    waiting: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> DeadLetterPage:
    """List dead letters, newest first. `waiting=true` leaves out those redriven already."""
    filters = {"lane": lane, "reader": reader, "reason": reason, "waiting": waiting}
    return await dead_letters.page(tx, workspace, filters, cursor=cursor, limit=limit)


@get("/dead-letters/{letter_id:str}", opt=requires("dead_letters:read"))
async def get_dead_letter(workspace: str, letter_id: str, tx: Tx, dead_letters: DeadLetters) -> DeadLetterDetail:
    """Show a dead letter with its payload, where it came from, and the error of every attempt."""
    return await dead_letters.get(tx, workspace, letter_id)


@post("/dead-letters/{letter_id:str}/redrive", opt=requires("dead_letters:redrive"), status_code=200)
async def redrive(workspace: str, letter_id: str, request: AnyRequest, dead_letters: DeadLetters) -> Redriven:
    """Send a dead letter back to its queue, or to the one group that could not process it."""
    return await dead_letters.redrive(request.user, workspace, letter_id)


router = Router(
    "/api/v1/w/{workspace:str}", route_handlers=[list_dead_letters, get_dead_letter, redrive], tags=["dead letters"]
)
