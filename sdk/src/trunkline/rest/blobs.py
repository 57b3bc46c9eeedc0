"""Blobs over HTTP: payloads too large for a message."""

import base64
import hashlib
import re
from collections.abc import AsyncIterable, AsyncIterator

from trunkline.blobs import CHUNK_BYTES, Blob, blob_of
from trunkline.http import HttpApi, segment
from trunkline.protocol import media
from trunkline.protocol.errors import BlobDamagedError, BlobUnknownError, HubUnreachableError, NotFoundError
from trunkline.protocol.resources import StoredBlob

_RESUMES = 3
"""How often one reading goes on where a broken connection left it."""
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_DIGEST = "sha-256=:{}:"


class BlobsApi:
    """The hub's store of blobs. Messages use it by themselves; see `Client.publish`."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def put(self, data: Blob | AsyncIterable[bytes] | bytes, *, content_type: str | None = None) -> StoredBlob:
        """Store bytes as they come; nothing is kept of what breaks off.

        Raises:
            BlobTooLargeError, BlobStoreFullError, PermissionDeniedError, HubUnreachableError
        """
        blob = blob_of(data, content_type)
        if blob is None:
            assert isinstance(data, bytes)
            blob = Blob.from_bytes(data, content_type=content_type or media.OCTETS)
        headers = {"Content-Type": blob.content_type}
        if blob.size is not None:
            headers["Content-Length"] = str(blob.size)
        return await self._api.upload("/blobs", StoredBlob, aiter(blob), headers)

    async def get(self, blob_id: str) -> Blob:
        """Return a stored blob, to be read as a stream.

        Raises:
            BlobUnknownError, PermissionDeniedError, HubUnreachableError
        """
        return await self.at(self._api.scoped(f"/blobs/{segment(blob_id)}"))

    async def delete(self, blob_id: str) -> None:
        """Delete a blob; messages that refer to it lose their payload.

        Raises:
            BlobUnknownError
        """
        await self._api.delete(f"/blobs/{segment(blob_id)}")

    async def at(self, path: str) -> Blob:
        """Return the blob at a path of the hub, such as a message's `dataref`."""
        try:
            async with self._api.open(path, method="HEAD") as answer:
                size = int(answer.headers["Content-Length"])
                content_type = answer.headers.get("Content-Type", media.OCTETS)
        except NotFoundError:
            raise BlobUnknownError(f"There is no blob at {path}") from None
        return Blob(lambda: self._read(path, size), content_type=content_type, size=size)

    async def _read(self, path: str, size: int) -> AsyncIterator[bytes]:
        """Yield a blob from its beginning, on over broken connections, and see to it that it is what was stored."""
        hasher, read, resumes = hashlib.sha256(), 0, 0
        while True:
            try:
                async with self._api.open(path, headers={"Range": f"bytes={read}-"} if read else {}) as answer:
                    digest = answer.headers.get("Repr-Digest")
                    async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                        hasher.update(chunk)
                        read += len(chunk)
                        yield chunk
                break
            except HubUnreachableError:
                resumes += 1
                if not read or resumes > _RESUMES:
                    raise
        if read != size or digest != _DIGEST.format(base64.b64encode(hasher.digest()).decode()):
            raise BlobDamagedError(f"{path} is not what was stored: {read:,} bytes came of {size:,}")


def is_blob_of(dataref: str, workspace_path: str) -> bool:
    """Whether a reference leads to a blob of this hub's workspace; the token is sent nowhere else."""
    prefix = f"{workspace_path}/blobs/"
    return dataref.startswith(prefix) and _ID.fullmatch(dataref[len(prefix) :]) is not None
