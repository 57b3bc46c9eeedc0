"""Routes of blobs."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request, Response, Router, delete, get, head, post
from litestar.exceptions import HTTPException
from litestar.openapi import ResponseSpec
from litestar.response import Stream

from trunkline.protocol.errors import BlobBrokenError
from trunkline.protocol.resources import StoredBlob
from trunkline_hub.blobs import model
from trunkline_hub.blobs.service import Blobs
from trunkline_hub.bus.blobs import BlobInfo
from trunkline_hub.core.principal import Principal
from trunkline_hub.web import requires
from trunkline_hub.web.cloudevents import UNTRUSTED
from trunkline_hub.web.idempotency import STREAMED
from trunkline_hub.web.openapi import BytesOperation

AnyRequest = Request[Principal, Any, Any]
_PARTIAL = 206
_BYTES = {
    status: ResponseSpec(object, media_type="*/*", generate_examples=False, description=what)
    for status, what in ((200, "The blob, as it was stored"), (206, "A part of it"))
}
_HEAD = {200: ResponseSpec(object, media_type="*/*", generate_examples=False, description="Size, type and digest")}


@post(
    "/blobs", opt=requires("blobs:write", audited=False) | {STREAMED: True}, request_max_body_size=None, operation_class=BytesOperation
)  # fmt: skip
async def put_blob(workspace: str, request: AnyRequest, blobs: Blobs) -> StoredBlob:
    """Store the body, of any type, up to `blobs.max_blob_bytes`. Nothing is kept of an upload that breaks off."""
    kind = request.headers.get("content-type", "")
    return await blobs.put(workspace, _body(request), content_type=kind, announced=request.content_length)


@get("/blobs/{blob_id:str}", opt=requires("blobs:read"), responses=_BYTES)
async def get_blob(workspace: str, blob_id: str, request: AnyRequest, blobs: Blobs) -> Stream:
    """Send a blob, or the part of it that a `Range` header asks for. `Repr-Digest` is that of the whole."""
    info = await blobs.info(workspace, blob_id)
    headers = _headers(info)
    unchanged = request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
    part = model.asked_range(request.headers.get("range") if unchanged else None, info.size)
    start, end = part or (0, info.size)
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{info.size}"
    headers["Content-Length"] = str(end - start)
    content = blobs.read(workspace, info, start, end)
    return Stream(content, status_code=_PARTIAL if part else 200, headers=headers)


@head("/blobs/{blob_id:str}", opt=requires("blobs:read"), responses=_HEAD)
async def get_blob_head(workspace: str, blob_id: str, blobs: Blobs) -> Response[None]:
    """Tell size, type and digest of a blob."""
    info = await blobs.info(workspace, blob_id)
    headers = _headers(info) | {"Content-Length": str(info.size)}
    return Response(None, headers=headers)


@delete("/blobs/{blob_id:str}", opt=requires("blobs:write"))
async def delete_blob(workspace: str, blob_id: str, request: AnyRequest, blobs: Blobs) -> None:
    """Delete a blob. Messages that refer to it lose their payload."""
    await blobs.delete(request.user, workspace, blob_id)


async def _body(request: AnyRequest) -> AsyncIterator[bytes]:
    """Yield the body, and know a broken end from a good one."""
    try:
        async for piece in request.stream():
            yield piece
    except HTTPException as error:  # how the framework tells that the caller has gone
        raise BlobBrokenError(error.detail) from None


def _headers(info: BlobInfo) -> dict[str, str]:
    return {
        **UNTRUSTED, "Content-Type": info.content_type, "Accept-Ranges": "bytes", "ETag": f'"{info.sha256.hex()}"',
        "Repr-Digest": model.digest_header(info.sha256), "Cache-Control": "private, immutable, max-age=3600",
    }  # fmt: skip


router = Router(
    "/api/v1/w/{workspace:str}", route_handlers=[put_blob, get_blob, get_blob_head, delete_blob], tags=["blobs"]
)
