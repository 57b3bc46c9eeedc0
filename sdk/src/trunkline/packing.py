"""Payloads on their way out and in: which mode, which format, and by reference what a message cannot hold.

A payload over the broker's limit is stored as a blob in the hub and its
message carries `dataref` instead (CloudEvents claim check).
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from trunkline import payloads
from trunkline.blobs import Blob, blob_of
from trunkline.http import HttpApi
from trunkline.protocol import binary, media
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import (
    BlobUnknownError,
    BusUnavailableError,
    HubUnreachableError,
    PayloadGoneError,
    PayloadTooLargeError,
)
from trunkline.rest.blobs import BlobsApi, is_blob_of

T = TypeVar("T")
_log = logging.getLogger("trunkline")

MAX_PAYLOAD_BYTES = 64 * 2**20
"""Largest payload that is taken into memory to be decoded."""
HEADER_ROOM = 1024
"""Bytes of a message kept free for the headers that sending adds."""
PATIENCE_S = 120.0
"""How long a payload is waited for while the hub is away; the message's lease is kept meanwhile."""
_RETRY_MIN_S = 0.2
_RETRY_MAX_S = 5.0


class Packing:
    """Stores payloads that are too large, and fetches them again."""

    def __init__(self, api: HttpApi, blobs: BlobsApi, *, max_payload_bytes: int) -> None:
        self._api = api
        self._blobs = blobs
        self._max_payload_bytes = max_payload_bytes

    async def pack(
        self, message: ce.Envelope, data: Any, content_type: str | None, max_bytes: int
    ) -> tuple[bytes, dict[str, str]]:
        """Return (payload, headers) of a message that carries `data`, or refers to it where `max_bytes` is too little.

        JSON goes in structured mode, any other format in binary mode.

        Raises:
            PayloadInvalidError, BlobTooLargeError, BlobStoreFullError, PermissionDeniedError, HubUnreachableError
        """
        blob = blob_of(data, content_type)
        if blob is not None:
            return await self._refer(message, blob)
        kind = content_type or type_of(data)
        body = payloads.encode_as(data, kind)
        packed = _pack(message, kind, body)
        if _size(*packed) <= max_bytes:
            return packed
        return await self._refer(message, Blob.from_bytes(body, content_type=kind))

    async def payload(self, message: ce.Envelope, codec: payloads.Codec, *, patience_s: float = 0.0) -> Any:
        """Return a message's payload as the codec's type, fetched first where it lies in the store.

        While the hub is away it is tried again for `patience_s`.

        Raises:
            PayloadInvalidError: it is not of that type.
            PayloadGoneError: the reference leads nowhere, or not into this hub.
            PayloadTooLargeError: it would not fit into `max_payload_bytes`.
        """
        if message.dataref is None or _has_data(message) or codec.kind is payloads.Nothing:
            return codec.read(message)
        blob = await self._open(message.dataref, patience_s)
        content_type = message.datacontenttype or blob.content_type
        if codec.kind is Blob:
            blob.content_type = content_type
            return blob
        if blob.size is None or blob.size > self._max_payload_bytes:
            detail = (
                f"The payload has {blob.size or 0:,} bytes; at most {self._max_payload_bytes:,} are taken into memory"
            )
            raise PayloadTooLargeError(detail)
        return codec.decode_as(await _patiently(blob.read, patience_s), content_type)

    async def _refer(self, message: ce.Envelope, blob: Blob) -> tuple[bytes, dict[str, str]]:
        stored = await self._blobs.put(blob)
        message.data, message.data_base64 = ce.NO_DATA, None
        message.datacontenttype = blob.content_type
        message.dataref = stored.url
        return ce.encode(message), {binary.HEADER_CONTENT_TYPE: ce.CONTENT_TYPE}

    async def _open(self, dataref: str, patience_s: float) -> Blob:
        if not is_blob_of(dataref, self._api.scoped("")):
            raise PayloadGoneError(f"The message's payload lies at {dataref!r}, which is no blob of this workspace")
        try:
            return await _patiently(lambda: self._blobs.at(dataref), patience_s)
        except BlobUnknownError:
            raise PayloadGoneError(f"The message's payload at {dataref} is no longer stored") from None


async def _patiently(fetch: Callable[[], Awaitable[T]], patience_s: float) -> T:
    """Try again while the hub is away: an agent outlives its hub."""
    loop = asyncio.get_running_loop()
    deadline, delay = loop.time() + patience_s, _RETRY_MIN_S
    while True:
        try:
            return await fetch()
        except (HubUnreachableError, BusUnavailableError) as error:
            if loop.time() >= deadline:
                raise
            _log.warning("waiting for a payload: %s", error)
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, _RETRY_MAX_S)


def type_of(data: Any) -> str:
    """Return the media type of a value that is sent without one: bytes are bytes, all else is JSON."""
    return media.OCTETS if isinstance(data, payloads.RAW) else ce.JSON_DATA


def _pack(message: ce.Envelope, content_type: str, body: bytes) -> tuple[bytes, dict[str, str]]:
    message.datacontenttype = content_type
    if media.format_of(content_type) == "json":
        message.data = msgspec.Raw(body)
        return ce.encode(message), {binary.HEADER_CONTENT_TYPE: ce.CONTENT_TYPE}
    attributes = {name: value for name in ce.CONTEXT if (value := getattr(message, name)) is not None}
    return body, binary.to_nats(attributes)


def _size(payload: bytes, headers: dict[str, str]) -> int:
    return len(payload) + sum(len(name) + len(value) + 4 for name, value in headers.items()) + HEADER_ROOM


def _has_data(message: ce.Envelope) -> bool:
    return message.data_base64 is not None or bool(bytes(message.data))
