"""Routes of dead letters."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.params import QueryParameter

from trunkline.protocol.resources import (
    BulkDiscardRequest,
    BulkRedriveRequest,
    DeadLetter,
    DeadLetterDetail,
    DeadLetterPage,
    DeadLetterSummary,
    DiscardRequest,
    LetterFilter,
    LetterWork,
    Redriven,
    RedriveRequest,
)
from trunkline.protocol.subjects import Lane
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.dead_letters.model import State
from trunkline_hub.dead_letters.service import DeadLetters
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit

AnyRequest = Request[Principal, Any, Any]
Type = Annotated[str | None, QueryParameter(name="type", description="Only of this event type.")]
Waiting = Annotated[
    bool | None, QueryParameter(description="True leaves out those redriven or discarded; false, those that wait.")
]
InState = Annotated[State | None, QueryParameter(name="state", description="Only in this state.")]
Error = Annotated[
    str | None, QueryParameter(description="Only with this text in the error, in any case.", max_length=500)
]
Moment = Annotated[str | None, QueryParameter(description="RFC 3339.")]


async def origin(
    lane: Lane | None = None,
    reader: str | None = None,
    reason: str | None = None,
    event_type: Type = None,
    sender: str | None = None,
    agent: str | None = None,
) -> LetterFilter:
    """Gather out of the query where letters come from."""
    return LetterFilter(lane=lane, reader=reader, reason=reason, type=event_type, sender=sender, agent=agent)


async def letter_filter(
    origin: LetterFilter,
    error: Error = None,
    message_id: str | None = None,
    correlation_id: str | None = None,
    died_since: Moment = None,
    died_before: Moment = None,
) -> LetterFilter:
    """Gather the whole filter out of the query."""
    return msgspec.structs.replace(
        origin, error=error, message_id=message_id, correlation_id=correlation_id, died_since=died_since,
        died_before=died_before,
    )  # fmt: skip


@get("/dead-letters", opt=requires("dead_letters:read"))
async def list_dead_letters(
    workspace: str,
    tx: Tx,
    dead_letters: DeadLetters,
    letter_filter: LetterFilter,
    letter_state: InState = None,
    waiting: Waiting = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> DeadLetterPage:
    """Search dead letters, newest first."""
    return await dead_letters.page(
        tx, workspace, letter_filter, letter_state, waiting=waiting, cursor=cursor, limit=limit
    )


@get("/dead-letters/summary", opt=requires("dead_letters:read"))
async def summarize(
    workspace: str, tx: Tx, dead_letters: DeadLetters, letter_filter: LetterFilter
) -> DeadLetterSummary:
    """Count dead letters by reader, reason and type."""
    return await dead_letters.summary(tx, workspace, letter_filter)


@get("/dead-letters/{letter_id:str}", opt=requires("dead_letters:read"))
async def get_dead_letter(workspace: str, letter_id: str, tx: Tx, dead_letters: DeadLetters) -> DeadLetterDetail:
    """Show a dead letter with its payload, where it came from, and the error of every attempt."""
    return await dead_letters.get(tx, workspace, letter_id)


@post("/dead-letters/{letter_id:str}/redrive", opt=requires("dead_letters:redrive"), status_code=200)
async def redrive(
    workspace: str, letter_id: str, request: AnyRequest, dead_letters: DeadLetters, data: RedriveRequest | None = None
) -> Redriven:
    """Send a dead letter back to its queue, or to the one group that could not process it; edited or elsewhere if asked."""
    return await dead_letters.redrive(request.user, workspace, letter_id, data or RedriveRequest())


@post("/dead-letters/{letter_id:str}/discard", opt=requires("dead_letters:discard"), status_code=200)
async def discard(
    workspace: str, letter_id: str, data: DiscardRequest, request: AnyRequest, tx: Tx, dead_letters: DeadLetters
) -> DeadLetter:
    """Put a dead letter aside for good, with a reason."""
    return await dead_letters.discard(tx, request.user, workspace, letter_id, data.reason)


@post("/dead-letters/redrive", opt=requires("dead_letters:redrive"), status_code=202)
async def redrive_all(
    workspace: str, data: BulkRedriveRequest, request: AnyRequest, dead_letters: DeadLetters
) -> LetterWork:
    """Count the waiting letters that match, or redrive exactly these in a job."""
    return await dead_letters.redrive_all(request.user, workspace, data)


@post("/dead-letters/discard", opt=requires("dead_letters:discard"), status_code=202)
async def discard_all(
    workspace: str, data: BulkDiscardRequest, request: AnyRequest, dead_letters: DeadLetters
) -> LetterWork:
    """Count the waiting letters that match, or discard exactly these in a job."""
    return await dead_letters.discard_all(request.user, workspace, data)


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[list_dead_letters, summarize, get_dead_letter, redrive, discard, redrive_all, discard_all],
    dependencies={"origin": origin, "letter_filter": letter_filter},
    tags=["dead letters"],
)
