"""Writing the log to files before it leaves, and reading it back."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal

import msgspec
import structlog
import zstandard

from trunkline.protocol import subjects
from trunkline.protocol.errors import ArchiveDamagedError, TrunklineError
from trunkline.protocol.resources import Archive, Segment
from trunkline_hub.archive import model
from trunkline_hub.archive.ports import Shelf
from trunkline_hub.archive.providers.directory.provider import DirectoryShelf
from trunkline_hub.archive.settings import ArchiveSettings
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.history import LogInfo, log_info
from trunkline_hub.bus.lines import from_line, to_line
from trunkline_hub.bus.log import Stored
from trunkline_hub.bus.scan import scan
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.component import Component
from trunkline_hub.core.sequences import absent

_log = structlog.get_logger("archive")
_LEVEL = 3
_BATCH = 1000
_COPIES = "redrive"


class Archives:
    """The archives of all workspaces. The files themselves say what there is; nothing else is remembered."""

    def __init__(self, settings: ArchiveSettings, bus: HubBus, clock: Clock) -> None:
        self.settings = settings
        self.shelf: Shelf | None = DirectoryShelf(Path(settings.directory)) if settings.directory else None
        self._bus = bus
        self._clock = clock
        self._known: dict[str, dict[str, Segment]] = {}
        self._rooms: dict[str, model.Room] = {}
        self._missed: dict[str, int] = {}
        self._missed_before: dict[str, int] = {}
        """What had been missed when this hub began: told in numbers, not warned of for ever."""

    async def first_seq(self, workspace: str) -> int | None:
        """Return the oldest sequence in the archive, or None."""
        segments = await self.segments(workspace)
        return segments[0].first_seq if segments else None

    async def segments(self, workspace: str) -> list[Segment]:
        """Return the manifests of a workspace, oldest first. One that cannot be read is left to `verify`."""
        if self.shelf is None:
            return []
        known = self._known.setdefault(workspace, {})
        names = [name for name in await self.shelf.names(workspace) if name.endswith(model.MANIFEST)]
        for name in set(known) - set(names):
            del known[name]
        for name in names:
            if name not in known and name != model.HEAD:
                try:
                    known[name] = msgspec.json.decode(await self.shelf.read(workspace, name) or b"", type=Segment)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    _log.error("manifest_unreadable", workspace=workspace, name=name)  # noqa: TRY400 -- `verify` tells
        return [known[name] for name in sorted(known)]

    async def head(self, workspace: str) -> model.Head:
        """Return where the chain ends."""
        assert self.shelf is not None
        raw = await self.shelf.read(workspace, model.HEAD)
        if raw is None:
            return model.Head(last_seq=0, manifest="")
        try:
            return msgspec.json.decode(raw, type=model.Head)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ArchiveDamagedError(f"{model.HEAD} of workspace {workspace!r} cannot be read") from None

    async def scan(
        self, workspace: str, *, after_seq: int, until_seq: int, since: datetime | None
    ) -> AsyncGenerator[list[Stored], None]:
        """Yield what lies after `after_seq` and up to `until_seq`, in batches.

        Raises:
            ArchiveDamagedError: a file is missing, or not what its manifest says.
        """
        for segment in model.overlapping(await self.segments(workspace), after_seq, until_seq):
            if since is not None and datetime.fromisoformat(segment.last_stored_at) < since:
                continue
            async for batch in self.read(workspace, segment):
                wanted = [item for item in batch if after_seq < item.seq <= until_seq]
                if wanted:
                    yield wanted

    async def read(self, workspace: str, segment: Segment) -> AsyncGenerator[list[Stored], None]:
        """Yield everything in one segment, in batches.

        Raises:
            ArchiveDamagedError
        """
        assert self.shelf is not None
        packed = await self.shelf.read(workspace, segment.file)
        if packed is None:
            raise ArchiveDamagedError(f"{segment.file} of workspace {workspace!r} is missing")
        lines = await asyncio.to_thread(_unpack, packed, segment)
        for start in range(0, len(lines), _BATCH):
            try:
                yield [from_line(line) for line in lines[start : start + _BATCH]]
            except (ValueError, msgspec.DecodeError) as error:
                raise ArchiveDamagedError(f"{segment.file} holds a line that is none: {error}") from None

    async def check_chain(self, workspace: str) -> list[tuple[str, str, int, int, str]]:
        """Return what is wrong with the manifests: (kind, place, first sequence, last sequence, why)."""
        if self.shelf is None:
            return []
        names = await self.shelf.names(workspace)
        manifests = [name for name in names if name.endswith(model.MANIFEST) and name != model.HEAD]
        contents = [(name, await self.shelf.read(workspace, name) or b"") for name in manifests]
        try:
            head = await self.head(workspace)
        except ArchiveDamagedError as error:
            return [("chain_broken", "archive", 0, 0, error.detail)]
        return model.check_chain(contents, head, frozenset(names))

    async def state(self, workspace: str) -> Archive:
        """Return what is archived, and how far that is behind."""
        log = await log_info(self._bus, workspace)
        head = model.Head(last_seq=0, manifest="") if self.shelf is None else await self.head(workspace)
        segments = await self.segments(workspace)  # last: what the head ends with is among them
        last = segments[-1] if segments else None
        position = max(last.last_seq if last else 0, head.last_seq)
        return Archive(
            enabled=self.shelf is not None,
            segments=len(segments),
            events=sum(segment.messages for segment in segments),
            size_bytes=sum(segment.size_bytes for segment in segments),
            first_seq=segments[0].first_seq if segments else 0,
            last_seq=last.last_seq if last else 0,
            last_stored_at=last.last_stored_at if last else None,
            lag_events=_waiting(log, position) if log else 0,
            missed_events=head.missed,
            warning=self.warning(workspace),
        )

    async def export(self, workspace: str) -> Segment | None:
        """Close one segment, if there is enough for one or the log's limits draw near.

        Data first, then its manifest, then the head: whatever dies in between, the next try finds a whole chain.

        Raises:
            BusUnavailableError, UnavailableError, ArchiveDamagedError
        """
        log = await log_info(self._bus, workspace)
        head = await self._heal(workspace)
        self._missed_before.setdefault(workspace, head.missed)
        self._missed[workspace] = head.missed
        if log is None or _waiting(log, head.last_seq) == 0:
            self._rooms.pop(workspace, None)
            return None
        draft = await self._gather(workspace, log, head)
        if draft is None:
            return None
        missing = [] if head.last_seq == 0 else absent(head.last_seq, [draft.seqs[0]])
        missing += absent(draft.seqs[0], draft.seqs[1:])
        return await self._close(workspace, draft, head, missing)

    def warning(self, workspace: str | None = None) -> str | None:
        """Return what an operator should know, of one workspace or of any."""
        names = self._missed if workspace is None else [workspace]
        for name in names:
            missed = self._missed.get(name, 0) - self._missed_before.get(name, 0)
            if missed:
                return f"{missed} messages of workspace {name!r} left the log before they were archived"
            room = self._rooms.get(name)
            if room is not None and room.is_in_danger():
                return f"{room.waiting} messages of workspace {name!r} may leave the log before they are archived"
        return None

    def gauges(self) -> Iterable[tuple[str, str, dict[str, str], float]]:
        """Report how far the archive is behind, as metrics."""
        for workspace, missed in self._missed.items():
            labels = {"workspace": workspace}
            room = self._rooms.get(workspace)
            lag = room.waiting if room is not None else 0
            yield "trunkline_archive_lag", "Messages of the log that are not archived yet.", labels, lag
            yield "trunkline_archive_missed", "Messages that left the log unarchived.", labels, missed

    async def _heal(self, workspace: str) -> model.Head:
        """Return the head; a manifest that a crash left without one is the head now."""
        head = await self.head(workspace)
        segments = await self.segments(workspace)
        if segments and segments[-1].last_seq > head.last_seq and segments[-1].previous == head.manifest:
            missed = head.missed + (model.count(segments[-1].missing) if head.last_seq else 0)
            head = model.Head(
                last_seq=segments[-1].last_seq, manifest=model.digest(model.encode(segments[-1])), missed=missed
            )
            await self._put(workspace, model.HEAD, msgspec.json.encode(head))
        return head

    async def _gather(self, workspace: str, log: LogInfo, head: model.Head) -> "_Draft | None":
        """Read what the next segment would hold, or None while it should wait."""
        after_seq = max(head.last_seq, log.first_seq - 1)
        draft = _Draft(self.settings)
        found = scan(self._bus, subjects.events_stream(workspace), [], after_seq=after_seq, until_seq=log.last_seq)
        async with aclosing(found):
            async for batch in found:
                if not draft.seqs and not self._is_due(workspace, log, head, batch[0]):
                    return None
                await asyncio.to_thread(draft.add, batch)
                if draft.is_full():
                    break
        return draft if draft.seqs else None

    def _is_due(self, workspace: str, log: LogInfo, head: model.Head, oldest: Stored) -> bool:
        waiting = _waiting(log, head.last_seq)
        room = model.Room(
            now=self._clock.now(), waiting=waiting, waiting_since=oldest.stored_at,
            waiting_bytes=log.size_bytes / max(1, log.messages) * waiting, max_bytes=log.max_bytes,
            max_age_s=log.max_age_s,
        )  # fmt: skip
        gone = max(0, oldest.seq - head.last_seq - 1) if head.last_seq else 0
        self._rooms[workspace] = room
        self._missed[workspace] = head.missed + gone
        limits = self.settings
        return room.is_due(
            messages=limits.segment_messages, size_bytes=limits.segment_bytes, age_s=limits.segment_age_s
        )

    async def _close(
        self, workspace: str, draft: "_Draft", head: model.Head, missing: list[tuple[int, int]]
    ) -> Segment:
        content, sha256 = draft.finish()
        name = model.name_of(draft.seqs[0], draft.seqs[-1])
        assert draft.first_at is not None
        assert draft.last_at is not None
        segment = Segment(
            workspace=workspace, first_seq=draft.seqs[0], last_seq=draft.seqs[-1],
            first_stored_at=rfc3339(draft.first_at), last_stored_at=rfc3339(draft.last_at),
            messages=len(draft.seqs), missing=missing, file=name + model.CONTENT, size_bytes=len(content),
            sha256=sha256, previous=head.manifest,
        )  # fmt: skip
        manifest = model.encode(segment)
        missed = head.missed + model.count(missing)
        end = model.Head(last_seq=segment.last_seq, manifest=model.digest(manifest), missed=missed)
        await self._put(workspace, segment.file, content)
        await self._put(workspace, name + model.MANIFEST, manifest)
        await self._put(workspace, model.HEAD, msgspec.json.encode(end))
        _log.info("segment_closed", workspace=workspace, file=segment.file, messages=segment.messages, missed=missed)
        return segment

    async def _put(self, workspace: str, name: str, content: bytes) -> None:
        assert self.shelf is not None
        await self.shelf.put(workspace, name, content)


class Exporter(Component):
    """Archives the logs of all workspaces, on one hub of the cluster."""

    name: ClassVar[str] = "archive-exporter"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, archives: Archives, workspaces: Callable[[], Awaitable[list[str]]]) -> None:
        super().__init__()
        self._archives = archives
        self._workspaces = workspaces
        self._trouble: dict[str, str] = {}

    async def run(self) -> None:
        self.started.set()
        while True:
            for workspace in await self._workspaces():
                try:
                    while await self._archives.export(workspace) is not None:
                        pass
                    self._trouble.pop(workspace, None)
                except TrunklineError as error:
                    trouble = f"workspace {workspace!r} cannot be archived: {error}"
                    if self._trouble.get(workspace) != trouble:  # once, not at every look
                        _log.warning("export_failed", workspace=workspace, error=str(error))
                    self._trouble[workspace] = trouble
            await asyncio.sleep(self._archives.settings.check_s)

    def warning(self) -> str | None:
        return next(iter(self._trouble.values()), None) or self._archives.warning()


@dataclass
class _Draft:
    """A segment while it grows."""

    settings: ArchiveSettings
    seqs: list[int] = field(default_factory=list)
    size: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    def __post_init__(self) -> None:
        self._hash = hashlib.sha256()
        self._packer = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
        self._parts: list[bytes] = []

    def add(self, batch: list[Stored]) -> None:
        """Take in what fits."""
        taken: list[bytes] = []
        for stored in batch:
            if self.is_full():
                break
            line = to_line(_without_copy(stored))
            taken.append(line)
            self.seqs.append(stored.seq)
            self.size += len(line)
            self.first_at = self.first_at or stored.stored_at
            self.last_at = stored.stored_at
        lines = b"".join(taken)
        self._hash.update(lines)
        self._parts.append(self._packer.compress(lines))

    def is_full(self) -> bool:
        return len(self.seqs) >= self.settings.segment_messages or self.size >= self.settings.segment_bytes

    def finish(self) -> tuple[bytes, str]:
        """Return the compressed lines, and the hash of them before compression."""
        self._parts.append(self._packer.flush())
        return b"".join(self._parts), self._hash.hexdigest()


def _without_copy(stored: Stored) -> Stored:
    """A copy for one group holds its place in the archive; its payload lies there already."""
    return replace(stored, payload=b"") if stored.subject.split(".", 3)[2] == _COPIES else stored


def _waiting(log: LogInfo, position: int) -> int:
    return max(0, log.last_seq - max(position, log.first_seq - 1))


def _unpack(packed: bytes, segment: Segment) -> list[bytes]:
    try:
        lines = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    except zstandard.ZstdError as error:
        raise ArchiveDamagedError(f"{segment.file} cannot be unpacked: {error}") from None
    if model.digest(lines) != segment.sha256:
        raise ArchiveDamagedError(f"{segment.file} is not what its manifest says")
    return lines.rstrip(b"\n").split(b"\n")
