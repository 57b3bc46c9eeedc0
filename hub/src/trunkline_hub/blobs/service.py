"""Storing, reading and deleting blobs."""

import asyncio
from collections.abc import AsyncIterator

from trunkline.protocol.errors import BlobBrokenError, BlobTooLargeError
from trunkline.protocol.ids import new_id
from trunkline.protocol.resources import StoredBlob
from trunkline_hub.audit import Audit
from trunkline_hub.blobs import model
from trunkline_hub.blobs.settings import BlobSettings
from trunkline_hub.bus.blobs import BlobInfo, BlobStore
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database


class Blobs:
    """The blobs of all workspaces."""

    def __init__(self, settings: BlobSettings, store: BlobStore, db: Database, audit: Audit) -> None:
        self._settings = settings
        self._store = store
        self._db = db
        self._audit = audit

    async def put(
        self, workspace: str, data: AsyncIterator[bytes], *, content_type: str, announced: int | None
    ) -> StoredBlob:
        """Store a stream of bytes; nothing is kept of one that breaks off.

        Raises:
            BlobTooLargeError, BlobBrokenError, BlobStoreFullError, BusUnavailableError
        """
        limit = self._settings.max_blob_bytes
        if announced is not None and announced > limit:
            raise BlobTooLargeError(f"The blob has {announced:,} bytes; at most {limit:,} are accepted")
        info = await self._store.put(
            workspace, new_id(), self._watched(data), content_type=model.content_type(content_type), max_bytes=limit
        )
        return self.show(workspace, info)

    async def info(self, workspace: str, blob_id: str) -> BlobInfo:
        """Return what is known about a blob.

        Raises:
            BlobUnknownError, BusUnavailableError
        """
        return await self._store.info(workspace, model.check_id(blob_id))

    def read(self, workspace: str, info: BlobInfo, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield bytes `start` up to but not including `end`."""
        return self._store.read(workspace, info, start, end)

    async def delete(self, by: Principal, workspace: str, blob_id: str) -> None:
        """Delete a blob: the deed is written down, then done.

        Raises:
            BlobUnknownError, BusUnavailableError
        """
        info = await self.info(workspace, blob_id)
        async with self._db.write() as tx:
            await self._audit.record(
                tx, workspace, by.name, "blob.deleted", f"blob/{blob_id}", size_bytes=info.size, type=info.content_type
            )
        await self._store.delete(workspace, blob_id)

    def show(self, workspace: str, info: BlobInfo) -> StoredBlob:
        """Return a blob as a resource."""
        return StoredBlob(
            id=info.name, url=f"/api/v1/w/{workspace}/blobs/{info.name}", size_bytes=info.size,
            content_type=info.content_type, digest=model.digest_header(info.sha256), created_at=info.mtime,
        )  # fmt: skip

    async def _watched(self, data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield what a caller sends; one that falls silent is not waited for."""
        try:
            while True:
                async with asyncio.timeout(self._settings.idle_s):
                    piece = await anext(data, None)
                if piece is None:
                    return
                yield piece
        except TimeoutError:
            raise BlobBrokenError(f"Nothing came for {self._settings.idle_s:g} s") from None
