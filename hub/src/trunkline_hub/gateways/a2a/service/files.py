"""Bytes of messages and artifacts: large ones lie in the object store, and go out from there."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec

from trunkline.protocol.tasks import Part
from trunkline_hub.blobs import Blobs

INLINE_BYTES = 128 * 1024
"""Bytes in a message beyond this go to the object store."""


async def stored(blobs: Blobs, workspace: str, parts: Sequence[Part]) -> list[Part]:
    """Return parts with large ones put into the object store."""
    return list(await asyncio.gather(*(_store(blobs, workspace, part) for part in parts)))


async def fetched(blobs: Blobs, workspace: str, parts: Sequence[Part]) -> list[Part]:
    """Return parts with what lies in the object store taken from there.

    Raises:
        BlobUnknownError
    """
    return [await _fetch(blobs, workspace, part) for part in parts]


async def _store(blobs: Blobs, workspace: str, part: Part) -> Part:
    if part.raw is None or len(part.raw) <= INLINE_BYTES:
        return part
    kept = await blobs.put(workspace, _once(part.raw), content_type=part.media_type, announced=len(part.raw))
    return msgspec.structs.replace(part, raw=None, dataref=kept.url)


async def _fetch(blobs: Blobs, workspace: str, part: Part) -> Part:
    if part.dataref is None:
        return part
    info = await blobs.info(workspace, part.dataref.rsplit("/", 1)[-1])
    raw = b"".join([piece async for piece in blobs.read(workspace, info, 0, info.size)])
    return msgspec.structs.replace(part, dataref=None, raw=raw, media_type=part.media_type or info.content_type)


async def _once(raw: bytes) -> AsyncIterator[bytes]:
    yield raw
