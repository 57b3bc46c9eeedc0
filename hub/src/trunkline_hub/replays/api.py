"""Routes of replays."""

from typing import Annotated, Any

from litestar import Request, Router, get, post
from litestar.params import QueryParameter
from litestar.response import File, Stream

from trunkline.protocol.resources import Job, LogReading, ReadingRequest, ReplayRequest, Selection
from trunkline_hub.bus import Reconciler
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.replays.service import Replays
from trunkline_hub.web import requires

AnyRequest = Request[Principal, Any, Any]
Types = Annotated[list[str] | None, QueryParameter(name="type", description="Type or pattern; may be repeated.")]
NDJSON = "application/x-ndjson"


@post("/events/readings", opt=requires("events:read", audited=False))
async def read(workspace: str, data: ReadingRequest, request: AnyRequest, replays: Replays) -> LogReading:
    """Have a part of the past delivered to the caller's own inbox on the bus, once."""
    return await replays.read(request.user, workspace, data)


@get("/events/export", opt=requires("events:read"), media_type=NDJSON)
async def export(
    workspace: str,
    replays: Replays,
    types: Types = None,
    since: str | None = None,
    until: str | None = None,
    after_seq: int | None = None,
    until_seq: int | None = None,
    subject: str | None = None,
    correlation_id: str | None = None,
) -> Stream:
    """Stream a part of the past, one event a line, from the log and from what is kept or archived of it."""
    wanted = Selection(
        types=types or [], since=since, until=until, after_seq=after_seq, until_seq=until_seq, subject=subject,
        correlation_id=correlation_id,
    )  # fmt: skip
    return Stream(await replays.export(workspace, wanted), media_type=NDJSON)


@post("/replays", opt=requires("events:replay"))
async def start(
    workspace: str, data: ReplayRequest, request: AnyRequest, tx: Tx, replays: Replays, reconciler: Reconciler
) -> Job:
    """Play the past again: to a group, to a new group, into a file, or only count it. Answers with a job."""
    job = await replays.start(tx, request.user, workspace, data)
    if data.target == "new_group":
        tx.after_commit(reconciler.converge)
    return job


@get("/replays/{replay_id:str}/file", opt=requires("events:read"))
async def get_file(workspace: str, replay_id: str, tx: Tx, replays: Replays) -> File:
    """Download the file that a replay wrote."""
    path = await replays.file(tx, workspace, replay_id)
    return File(path, filename=path.name, media_type="application/zstd" if path.suffix == ".zst" else NDJSON)


router = Router("/api/v1/w/{workspace:str}", route_handlers=[read, export, start, get_file], tags=["replays"])
