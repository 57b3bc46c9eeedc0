"""Blobs: bytes of any size in a JetStream object store (ADR-20), written and read as streams.

Each workspace has a bucket of its own, `blobs_<workspace>`, made when it is
first used; only the hub may touch it, for a bucket allows rollup (see
`docs/decisions/0003`). A blob is its chunks under one subject and, written
last, a record of it: without its record it does not exist, and what a crash
left of it is swept away.
"""

import asyncio
import base64
import contextlib
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Literal

import msgspec
import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, RawStreamMsg, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from trunkline.protocol.errors import (
    BlobDamagedError,
    BlobStoreFullError,
    BlobTooLargeError,
    BlobUnknownError,
    BusUnavailableError,
    QueueFullError,
)
from trunkline.protocol.frames import Ack
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.streams import ensure_stream
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.component import Component

_log = structlog.get_logger("blobs")

CHUNK_BYTES = 128 * 1024
"""As ADR-20 proposes; a handful of them makes one atomic batch."""
_IN_FLIGHT = 16
"""Chunks on their way to or from the broker at once: what one transfer holds in memory."""
_FETCH_TIMEOUT_S = 5.0
_INACTIVE_S = 60.0
_RETRIES = 3
_SWEEP_S = 300.0
ABANDONED_S = 900.0
"""An upload that has been silent for so long is nobody's; the hub ends its own long before."""
_DIGEST = "SHA-256="
_CONTENT_TYPE = "Content-Type"

Workspaces = Callable[[], Awaitable[list[str]]]
_LOST = (nats.errors.Error, TimeoutError, OSError)


class _Options(msgspec.Struct, kw_only=True):
    max_chunk_size: int = CHUNK_BYTES


class BlobInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The record of a blob, as ADR-20 writes it; `metadata` is where the first chunk lies."""

    name: str
    bucket: str
    nuid: str
    size: int
    chunks: int
    digest: str
    mtime: str
    headers: dict[str, list[str]] = {}
    metadata: dict[str, str] = {}
    options: _Options = msgspec.field(default_factory=_Options)

    @property
    def content_type(self) -> str:
        return self.headers.get(_CONTENT_TYPE, ["application/octet-stream"])[0]

    @property
    def sha256(self) -> bytes:
        return base64.urlsafe_b64decode(self.digest.removeprefix(_DIGEST))


@dataclass(frozen=True, kw_only=True)
class BucketLimits:
    """How much the blobs of a workspace may take, and how long they stay."""

    max_bytes: int
    max_age_s: float


class BlobStore:
    """The blobs of all workspaces."""

    def __init__(self, bus: HubBus, clock: Clock, limits: BucketLimits) -> None:
        self._bus = bus
        self._clock = clock
        self._limits = limits
        self._made: set[str] = set()

    async def put(
        self, workspace: str, name: str, data: AsyncIterator[bytes], *, content_type: str, max_bytes: int
    ) -> BlobInfo:
        """Store what `data` yields; nothing is left of it if that breaks off.

        Raises:
            BlobTooLargeError, BlobStoreFullError, BusUnavailableError, or what `data` raises.
        """
        await self._ensure(workspace)
        upload, done = _Upload(self._bus, workspace, name), False
        try:
            async for piece in data:
                await upload.add(piece)
                if upload.size > max_bytes:
                    raise BlobTooLargeError(f"The blob has more than {max_bytes:,} bytes")
            await upload.finish()
            info = upload.info(content_type, rfc3339(self._clock.now()))
            await _stored(self._publish_record(workspace, info))
            done = True
        finally:
            if not done:
                await asyncio.shield(self._forget(workspace, name, upload))
        return info

    async def info(self, workspace: str, name: str) -> BlobInfo:
        """Return the record of a blob.

        Raises:
            BlobUnknownError, BusUnavailableError
        """
        raw = await self._last(workspace, _record_subject(workspace, name))
        if raw is None:
            raise BlobUnknownError(f"There is no blob {name!r} in workspace {workspace!r}")
        return msgspec.json.decode(raw.data or b"", type=BlobInfo)

    async def read(self, workspace: str, info: BlobInfo, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield bytes `start` up to but not including `end`; a blob read whole is checked against its digest.

        Raises:
            BlobDamagedError, BlobUnknownError, BusUnavailableError
        """
        size = info.options.max_chunk_size
        hasher = hashlib.sha256() if (start, end) == (0, info.size) else None
        position, held = start - start % size, b""
        async with contextlib.aclosing(self._chunks(workspace, info, start // size, -(-end // size))) as chunks:
            async for chunk in chunks:
                if hasher is not None:
                    hasher.update(chunk)
                if held:
                    yield held
                held = chunk[max(0, start - position) : end - position]
                position += len(chunk)
        if position < end or (hasher is not None and hasher.digest() != info.sha256):
            _log.error("blob_damaged", workspace=workspace, blob=info.name)
            raise BlobDamagedError(f"Blob {info.name!r} is not what was stored")
        yield held  # only now: who has every byte would not notice what comes after

    async def delete(self, workspace: str, name: str) -> None:
        """Remove a blob, its record first."""
        await self._purge(workspace, _record_subject(workspace, name))
        await self._purge(workspace, _chunk_subject(workspace, name))

    async def sweep(self, workspace: str) -> int:
        """Remove chunks whose upload ended without a record; how many blobs they were of."""
        swept = 0
        for name in await self._unrecorded(workspace):
            last = await self._last(workspace, _chunk_subject(workspace, name))
            stored_at = last.time if last is not None and last.time is not None else datetime.fromtimestamp(0, UTC)
            if (self._clock.now() - stored_at).total_seconds() > ABANDONED_S:
                await self._purge(workspace, _chunk_subject(workspace, name))
                _log.info("blob_swept", workspace=workspace, blob=name)
                swept += 1
        return swept

    async def _ensure(self, workspace: str) -> None:
        if workspace in self._made:
            return
        settings = self._bus.settings
        config = StreamConfig(
            name=_stream(workspace), description="Payloads too large for a message. Written by the hub only.",
            subjects=[f"$O.{_bucket(workspace)}.C.>", f"$O.{_bucket(workspace)}.M.>"],
            max_bytes=self._limits.max_bytes, max_age=self._limits.max_age_s, discard=DiscardPolicy.NEW,
            storage=StorageType.FILE, num_replicas=settings.replicas, max_consumers=settings.max_consumers,
            allow_rollup_hdrs=True, allow_direct=True, allow_atomic=True,
        )  # fmt: skip
        try:
            await ensure_stream(self._bus.js(), config)
        except _LOST as error:
            raise BusUnavailableError(f"The store of blobs could not be made: {error}") from None
        self._made.add(workspace)

    def _publish_record(self, workspace: str, info: BlobInfo) -> Awaitable[Ack]:
        return self._bus.publisher.publish(
            _stream(workspace), _record_subject(workspace, info.name), msgspec.json.encode(info),
            msg_id=f"{info.name}:record", headers=b"Nats-Rollup: sub\r\n",
        )  # fmt: skip

    async def _forget(self, workspace: str, name: str, upload: "_Upload") -> None:
        await upload.settle()
        with contextlib.suppress(BusUnavailableError):  # the sweep does it then
            await self.delete(workspace, name)

    async def _purge(self, workspace: str, subject: str) -> None:
        try:
            await self._bus.js().purge_stream(_stream(workspace), subject=subject)
        except NotFoundError:
            return
        except _LOST as error:
            raise BusUnavailableError(f"The blob could not be removed: {error}") from None

    async def _last(self, workspace: str, subject: str) -> RawStreamMsg | None:
        try:
            return await self._bus.js().get_last_msg(_stream(workspace), subject)
        except NotFoundError:
            return None
        except _LOST as error:
            raise BusUnavailableError(f"The store of blobs could not be read: {error}") from None

    async def _unrecorded(self, workspace: str) -> list[str]:
        """Return names under which chunks lie but no record."""
        chunks = await self._subjects(workspace, f"$O.{_bucket(workspace)}.C.>")
        records = await self._subjects(workspace, f"$O.{_bucket(workspace)}.M.>")
        names = [subject.rsplit(".", 1)[1] for subject in chunks]
        return [name for name in names if _record_subject(workspace, name) not in records]

    async def _subjects(self, workspace: str, pattern: str) -> dict[str, int]:
        try:
            info = await self._bus.js().stream_info(_stream(workspace), subjects_filter=pattern)
        except NotFoundError:
            return {}
        except _LOST as error:
            raise BusUnavailableError(f"The store of blobs could not be read: {error}") from None
        return info.state.subjects or {}

    async def _chunks(self, workspace: str, info: BlobInfo, first: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield chunks `first` up to but not including `end`; a reader that was lost is made anew."""
        upcoming, lost = first, 0
        while upcoming < end:
            try:
                async with _reading(self._bus, workspace, info, upcoming) as fetch:
                    while upcoming < end:
                        for msg in await fetch(min(_IN_FLIGHT, end - upcoming)):
                            if _index(msg, info) == upcoming:  # those before it lie where the seek was too short
                                upcoming += 1
                                yield msg.data
            except NotFoundError:
                raise BlobUnknownError(f"Blob {info.name!r} is no longer stored") from None
            except _LOST as error:
                lost += 1
                if lost > _RETRIES:
                    raise BusUnavailableError(f"The blob could not be read on: {error}") from None


class BlobSweep(Component):
    """Removes what broken uploads left behind when their hub died with them."""

    name: ClassVar[str] = "blob-sweep"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, store: BlobStore, workspaces: Workspaces) -> None:
        super().__init__()
        self._store = store
        self._workspaces = workspaces

    async def run(self) -> None:
        self.started.set()
        while True:
            await asyncio.sleep(_SWEEP_S)
            with contextlib.suppress(BusUnavailableError):
                for workspace in await self._workspaces():
                    await self._store.sweep(workspace)


class _Upload:
    """The chunks of one blob on their way, in their order."""

    def __init__(self, bus: HubBus, workspace: str, name: str) -> None:
        self.size = 0
        self._bus = bus
        self._workspace = workspace
        self._name = name
        self._count = 0
        self._first_seq = 0
        self._hasher = hashlib.sha256()
        self._rest = bytearray()
        self._sent: deque[asyncio.Future[Ack]] = deque()

    async def add(self, piece: bytes) -> None:
        """Take more bytes; waits while enough of them are on their way."""
        self.size += len(piece)
        self._hasher.update(piece)
        self._rest += piece
        while len(self._rest) >= CHUNK_BYTES:
            await self._send(bytes(self._rest[:CHUNK_BYTES]))
            del self._rest[:CHUNK_BYTES]

    async def finish(self) -> None:
        """Send the rest and wait until all of it is stored."""
        if self._rest:
            await self._send(bytes(self._rest))
        while self._sent:
            await self._settle_one()

    async def settle(self) -> None:
        """Wait until nothing of it is on its way, however that ends."""
        if self._sent:
            await asyncio.wait(self._sent)
            for future in self._sent:
                future.exception()

    def info(self, content_type: str, at: str) -> BlobInfo:
        """Return the record of what was sent."""
        return BlobInfo(
            name=self._name, bucket=_bucket(self._workspace), nuid=self._name, size=self.size, chunks=self._count,
            digest=_DIGEST + base64.urlsafe_b64encode(self._hasher.digest()).decode(), mtime=at,
            headers={_CONTENT_TYPE: [content_type]}, metadata={"first_seq": str(self._first_seq)},
        )  # fmt: skip

    async def _send(self, chunk: bytes) -> None:
        self._sent.append(
            self._bus.publisher.publish(
                _stream(self._workspace), _chunk_subject(self._workspace, self._name), chunk,
                msg_id=f"{self._name}:{self._count}", key=self._name,
            )
        )  # fmt: skip
        self._count += 1
        if len(self._sent) >= _IN_FLIGHT:
            await self._settle_one()

    async def _settle_one(self) -> None:
        ack = await _stored(self._sent.popleft())
        self._first_seq = self._first_seq or ack.seq


async def _stored(sent: Awaitable[Ack]) -> Ack:
    try:
        return await sent
    except QueueFullError:
        raise BlobStoreFullError from None


@contextlib.asynccontextmanager
async def _reading(
    bus: HubBus, workspace: str, info: BlobInfo, first: int
) -> AsyncIterator[Callable[[int], Awaitable[list[Msg]]]]:
    """Make a passing reader that begins at chunk `first` or a little before it; yields how to fetch from it."""
    js: JetStreamContext = bus.client_context()
    config = ConsumerConfig(
        filter_subject=_chunk_subject(workspace, info.name), ack_policy=AckPolicy.NONE, mem_storage=True, num_replicas=1,
        inactive_threshold=_INACTIVE_S, deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=int(info.metadata.get("first_seq", "1")) + first,
    )  # fmt: skip
    stream = _stream(workspace)
    made = await js.add_consumer(stream, config)
    if (made.num_pending or 0) < info.chunks - first:
        raise BlobDamagedError(f"Blob {info.name!r} has lost some of its chunks")
    puller = await js.pull_subscribe_bind(consumer=made.name, stream=stream)

    async def fetch(count: int) -> list[Msg]:
        return await puller.fetch(count, timeout=_FETCH_TIMEOUT_S)

    try:
        yield fetch
    finally:
        with contextlib.suppress(*_LOST):
            await puller.unsubscribe()
            await js.delete_consumer(stream, made.name)


def _index(msg: Msg, info: BlobInfo) -> int:
    """Return which chunk this is: the broker tells how many come after it."""
    return info.chunks - 1 - int(msg.metadata.num_pending)


def _bucket(workspace: str) -> str:
    return f"blobs_{workspace}"


def _stream(workspace: str) -> str:
    return f"OBJ_{_bucket(workspace)}"


def _chunk_subject(workspace: str, name: str) -> str:
    return f"$O.{_bucket(workspace)}.C.{name}"


def _record_subject(workspace: str, name: str) -> str:
    return f"$O.{_bucket(workspace)}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"
