"""Routes of the archive."""

from litestar import Router, get

from trunkline.protocol.resources import Archive, SegmentPage
from trunkline_hub.archive.service import Archives
from trunkline_hub.core.page import decode_number, encode_cursor
from trunkline_hub.web import requires
from trunkline_hub.web.parameters import Cursor, Limit


@get("/events/archive", opt=requires("retention:read"))
async def show(workspace: str, archives: Archives) -> Archive:
    """Show what is archived, and how far that is behind the log."""
    return await archives.state(workspace)


@get("/events/archive/segments", opt=requires("retention:read"))
async def segments(workspace: str, archives: Archives, cursor: Cursor = None, limit: Limit = 50) -> SegmentPage:
    """List the archive's files, newest first."""
    before = decode_number(cursor)
    found = [one for one in reversed(await archives.segments(workspace)) if before is None or one.first_seq < before]
    following = encode_cursor(str(found[limit - 1].first_seq)) if len(found) > limit else None
    return SegmentPage(items=found[:limit], next=following)


router = Router("/api/v1/w/{workspace:str}", route_handlers=[show, segments], tags=["retention"])
