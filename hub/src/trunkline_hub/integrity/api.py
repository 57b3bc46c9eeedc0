"""Route of the verification."""

from typing import Any

from litestar import Request, Router, post

from trunkline.protocol.resources import Job
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.integrity.service import Verifier
from trunkline_hub.web import requires

AnyRequest = Request[Principal, Any, Any]


@post("/events/verify", opt=requires("events:verify"))
async def verify(workspace: str, request: AnyRequest, tx: Tx, verifier: Verifier) -> Job:
    """Read everything in the log, what is kept longer and the archive; the verdict is the job's result."""
    return await verifier.start(tx, request.user, workspace)


router = Router("/api/v1/w/{workspace:str}", route_handlers=[verify], tags=["retention"])
