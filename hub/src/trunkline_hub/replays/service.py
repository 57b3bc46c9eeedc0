"""Reading the past, and playing it again."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import msgspec
import zstandard

from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import (
    BusUnavailableError,
    FieldError,
    GroupExistsError,
    GroupUnknownError,
    MessageTooLargeError,
    ReplayFilesOffError,
    ReplayFileUnknownError,
    RequestInvalidError,
)
from trunkline.protocol.resources import Job, LogReading, ReadingRequest, ReplayRequest, Selection
from trunkline.wire import header_lines
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.history import History, Page, Span
from trunkline_hub.bus.lines import to_line
from trunkline_hub.bus.live import HEARTBEAT_S, deliver_past
from trunkline_hub.bus.log import Stored
from trunkline_hub.bus.scan import scan
from trunkline_hub.bus.state import group_cursor
from trunkline_hub.core.patterns import is_plain_subject
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.jobs import JobRun, Jobs
from trunkline_hub.replays import model
from trunkline_hub.replays.ports import Groups
from trunkline_hub.replays.settings import ReplaySettings

KIND = "events.replay"
_CURSOR_S = 20.0
_LOOK_S = 0.25
"""How often a replay that waits for its moment looks whether it is to pause."""
_COMPRESSION = 3


class Replays:
    """Readings and replays of all workspaces."""

    def __init__(
        self, settings: ReplaySettings, bus: HubBus, history: History, groups: Groups, jobs: Jobs, *, hub_id: str
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._history = history
        self._groups = groups
        self._jobs = jobs
        self._hub_id = hub_id

    async def read(self, principal: Principal, workspace: str, wanted: ReadingRequest) -> LogReading:
        """Have a part of the past delivered to the principal's own inbox.

        Raises:
            RequestInvalidError: the inbox is somebody else's, or the selection is wrong.
        """
        prefix = subjects.inbox_prefix(principal.name) + "."
        if not wanted.deliver_to.startswith(prefix) or not is_plain_subject(wanted.deliver_to):
            raise RequestInvalidError(errors=[FieldError("/deliver_to", f"must begin with {prefix!r}")])
        selection = model.check_selection(workspace, wanted)
        span = await self._resolve(workspace, selection)
        older = await self._history.begins_before(workspace, span.after_seq, span.until_seq)
        if older is not None or span.after_seq >= span.until_seq:
            return LogReading(until_seq=span.until_seq, older_until=older)
        stream = subjects.events_stream(workspace)
        consumer, pending = await deliver_past(
            self._bus, stream, list(selection.filters), wanted.deliver_to, after_seq=span.after_seq
        )
        return LogReading(
            until_seq=span.until_seq, older_until=None, stream=stream, consumer=consumer, pending=pending,
            heartbeat_s=HEARTBEAT_S,
        )  # fmt: skip

    async def export(self, workspace: str, wanted: Selection) -> AsyncIterator[bytes]:
        """Return a part of the past as lines of JSON, a page at a time; what is wrong is told before the first.

        Raises:
            RequestInvalidError
        """
        selection = model.check_selection(workspace, wanted, "query:")
        return self._lines(workspace, selection, await self._resolve(workspace, selection))

    async def start(self, tx: Tx, by: Principal, workspace: str, wanted: ReplayRequest) -> Job:
        """Write down a replay; some hub begins it soon after the commit.

        Raises:
            RequestInvalidError, GroupUnknownError, GroupExistsError, ReplayFilesOffError
        """
        model.check_replay(wanted)
        model.check_selection(workspace, wanted)
        if wanted.group is not None:
            exists = await self._groups.has_group(tx, workspace, wanted.group)
            if wanted.target == "group" and not exists:
                raise GroupUnknownError(f"There is no group {wanted.group!r} in workspace {workspace!r}")
            if wanted.target == "new_group":
                if exists:
                    raise GroupExistsError(f"There is a group {wanted.group!r} already")
                types = (wanted.types or [">"]) if wanted.follow else []
                await self._groups.make_group(tx, workspace, wanted.group, types)
        if wanted.target == "file" and not self._settings.directory:
            raise ReplayFilesOffError
        params = msgspec.to_builtins(wanted)
        return await self._jobs.create(
            tx, by, workspace, KIND, model.title(wanted), params, rate_per_s=wanted.rate_per_s
        )

    async def file(self, tx: Tx, workspace: str, replay_id: str) -> Path:
        """Return the finished file of a replay.

        Raises:
            JobUnknownError, ReplayFileUnknownError
        """
        job = await self._jobs.get(tx, workspace, replay_id)
        if job.kind != KIND or job.params.get("target") != "file" or job.state != "completed":
            raise ReplayFileUnknownError(f"{replay_id} is {job.title!r}, {job.state}")
        path = self._path(workspace, job.id, job.params)
        if not path.is_file():
            raise ReplayFileUnknownError(f"The file was made by hub {job.result.get('hub')!r}, and is deleted in time")
        return path

    async def work(self, run: JobRun) -> dict[str, Any]:
        """Do a replay, from where it stopped; the work of a job."""
        wanted = msgspec.convert(run.params, ReplayRequest)
        selection = model.check_selection(run.workspace, wanted)
        if "plan" not in run.checkpoint:
            await self._plan(run, wanted, selection)
        plan = run.checkpoint["plan"]
        sink = self._sink(run, wanted)
        await sink.open(run.checkpoint)
        span = Span(
            after_seq=run.checkpoint.get("seq", plan["after_seq"]), until_seq=plan["until_seq"],
            since=selection.since, until=selection.until,
        )  # fmt: skip
        tempo = _Tempo(wanted.speed)
        async with aclosing(self._history.scan(run.workspace, selection.filters, span)) as pages:
            async for page in pages:
                items = [item for item in page.items if selection.matches(item.payload, item.headers)]
                await _play(run, sink, tempo, plan, replace(page, items=items))
        ended = {"hub": self._hub_id, "target": wanted.target, "events": run.done}
        return ended | {name: plan[name] for name in ("after_seq", "until_seq")} | await sink.close()

    async def _plan(self, run: JobRun, wanted: ReplayRequest, selection: model.Wanted) -> None:
        """Decide where the replay ends, and write it down before anything is sent."""
        if wanted.target == "new_group" and wanted.group is not None:
            cursor = await self._cursor(run, wanted.group)
            if wanted.follow:  # what comes behind the new cursor, the group reads by itself
                selection = replace(selection, until_seq=cursor)
        span = await self._resolve(run.workspace, selection)
        log = await self._history.log(run.workspace)
        plan = {"after_seq": span.after_seq, "until_seq": span.until_seq}
        run.checkpoint = {"plan": plan, "mark": log.last_seq if log else 0}
        is_whole = await self._history.begins_before(run.workspace, span.after_seq, span.until_seq) is None
        if is_whole and not selection.looks_inside:
            total = await self._history.count_in_log(run.workspace, selection.filters, span)
            await run.expect(total)
        else:
            await run.step(run.checkpoint)

    async def _cursor(self, run: JobRun, group: str) -> int:
        try:
            async with asyncio.timeout(_CURSOR_S):
                while (found := await group_cursor(self._bus, run.workspace, group)) is None:
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise BusUnavailableError(f"The broker has no cursor for group {group!r} yet") from None
        return found

    def _sink(self, run: JobRun, wanted: ReplayRequest) -> "_Sink":
        if wanted.target == "file":
            _sweep(Path(self._settings.directory), self._settings.keep_files_s)
            path = self._path(run.workspace, run.id, run.params)
            return _FileSink(path, is_packed=wanted.format == "ndjson.zst")
        if wanted.group is not None:
            return _GroupSink(self._bus, run, wanted.group)
        return _CountSink()

    def _path(self, workspace: str, replay_id: str, params: dict[str, Any]) -> Path:
        return Path(self._settings.directory) / workspace / f"{replay_id}.{params.get('format', 'ndjson.zst')}"

    async def _resolve(self, workspace: str, selection: model.Wanted) -> Span:
        return await self._history.resolve(
            workspace, after_seq=selection.after_seq, until_seq=selection.until_seq, since=selection.since,
            until=selection.until,
        )  # fmt: skip

    async def _lines(self, workspace: str, selection: model.Wanted, span: Span) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._history.scan(workspace, selection.filters, span)) as pages:
            async for page in pages:
                lines = [to_line(item) for item in page.items if selection.matches(item.payload, item.headers)]
                if lines:
                    yield b"".join(lines)


async def _play(run: JobRun, sink: "_Sink", tempo: "_Tempo", plan: dict[str, Any], page: Page) -> None:
    """Send one page in steps, each with its checkpoint, at the pace that is asked for."""
    items = page.items
    while items:
        ready = tempo.ready(items, model.chunk_size(run.rate_per_s))
        if not ready:
            await asyncio.sleep(min(_LOOK_S, tempo.wait_s(items[0])))
            await run.step(run.checkpoint)
            continue
        items = items[len(ready) :]
        failed = await sink.put(ready)
        checkpoint = {"plan": plan, "seq": ready[-1].seq} | sink.checkpoint()
        await run.step(checkpoint, done=len(ready) - failed, failed=failed)
    await run.step({"plan": plan, "seq": page.position} | sink.checkpoint())


class _Tempo:
    """The original pace, faster or slower; without a speed everything is ready at once."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._clock = asyncio.get_running_loop().time
        self._began: tuple[float, float] | None = None

    def ready(self, items: list[Stored], at_most: int) -> list[Stored]:
        """Return the items whose moment has come."""
        now = self._clock()
        return [item for item in items[:at_most] if self._due(item) <= now]

    def wait_s(self, item: Stored) -> float:
        return max(0.0, self._due(item) - self._clock())

    def _due(self, item: Stored) -> float:
        if self._speed is None:
            return 0.0
        moment = item.stored_at.timestamp()
        if self._began is None:
            self._began = (self._clock(), moment)
        return self._began[0] + (moment - self._began[1]) / self._speed


class _Sink(Protocol):
    """Where a replay goes. What `put` has returned from is there, whatever dies then."""

    async def open(self, checkpoint: dict[str, Any]) -> None: ...

    async def put(self, items: list[Stored]) -> int:
        """Take some events; returns how many were refused for good."""
        ...

    def checkpoint(self) -> dict[str, Any]: ...

    async def close(self) -> dict[str, Any]:
        """Return what the job's result says of it."""
        ...


class _GroupSink:
    """Copies for one group, each stored once: the broker knows them by id, and we look what is there already."""

    def __init__(self, bus: HubBus, run: JobRun, group: str) -> None:
        self._bus = bus
        self._replay = run.id
        self._workspace = run.workspace
        self._group = group
        self._stream = subjects.events_stream(run.workspace)
        self._mark = 0
        self._there: set[int] = set()

    async def open(self, checkpoint: dict[str, Any]) -> None:
        """Find the copies that were stored behind the checkpoint: the broker forgets their ids after two minutes."""
        self._mark = checkpoint["mark"]
        filters = [subjects.redrive_filter(self._workspace, self._group)]
        log_end = 2**62
        async with aclosing(scan(self._bus, self._stream, filters, after_seq=self._mark, until_seq=log_end)) as batches:
            async for batch in batches:
                for item in batch:
                    if item.headers.get(frames.HEADER_REPLAY) == self._replay:
                        self._there.add(int(item.headers[frames.HEADER_REPLAY_SEQ]))

    async def put(self, items: list[Stored]) -> int:
        sent = [self._send(item) for item in items if item.seq not in self._there]
        failed = 0
        for answer in await asyncio.gather(*sent, return_exceptions=True):
            if isinstance(answer, MessageTooLargeError):
                failed += 1
            elif isinstance(answer, BaseException):
                raise answer
            else:
                self._mark = max(self._mark, answer.seq)
        return failed

    def checkpoint(self) -> dict[str, Any]:
        return {"mark": self._mark}

    async def close(self) -> dict[str, Any]:
        return {"group": self._group}

    def _send(self, item: Stored) -> "asyncio.Future[frames.Ack]":
        return self._bus.publisher.publish(
            self._stream, subjects.redrive_event(item.subject, self._group), item.payload,
            msg_id=model.msg_id(self._replay, item.seq),
            headers=header_lines(model.copy_headers(item.headers, self._replay, item.seq)),
            key=self._replay,
        )  # fmt: skip


class _FileSink:
    """Lines in a file, compressed in pieces that stand for themselves, so that it can be gone on with."""

    def __init__(self, path: Path, *, is_packed: bool) -> None:
        self._path = path
        self._is_packed = is_packed
        self._size = 0

    async def open(self, checkpoint: dict[str, Any]) -> None:
        self._size = checkpoint.get("size", 0)
        await asyncio.to_thread(self._cut)

    async def put(self, items: list[Stored]) -> int:
        await asyncio.to_thread(self._append, items)
        return 0

    def checkpoint(self) -> dict[str, Any]:
        return {"size": self._size}

    async def close(self) -> dict[str, Any]:
        sha256 = await asyncio.to_thread(self._digest)
        return {"file": self._path.name, "size_bytes": self._size, "sha256": sha256}

    def _cut(self) -> None:
        """Drop what was written behind the checkpoint.

        Raises:
            ReplayFileUnknownError: what was written before it lies on another hub.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            if file.seek(0, os.SEEK_END) < self._size:
                raise ReplayFileUnknownError("The beginning of the file lies on another hub: start the replay anew")
            file.truncate(self._size)

    def _append(self, items: list[Stored]) -> None:
        lines = b"".join(to_line(item) for item in items)
        if self._is_packed:
            lines = zstandard.ZstdCompressor(level=_COMPRESSION).compress(lines)
        with self._path.open("r+b") as file:
            file.seek(self._size)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        self._size += len(lines)

    def _digest(self) -> str:
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


class _CountSink:
    """Nowhere: what would be sent is only counted."""

    def __init__(self) -> None:
        self._summary = model.Summary()

    async def open(self, checkpoint: dict[str, Any]) -> None:
        self._summary = model.Summary.resumed(checkpoint.get("found", {}))

    async def put(self, items: list[Stored]) -> int:
        for item in items:
            self._summary.add(item.seq, item.subject, item.payload, item.headers, item.stored_at)
        return 0

    def checkpoint(self) -> dict[str, Any]:
        return {"found": self._summary.result()}

    async def close(self) -> dict[str, Any]:
        return self._summary.result()


def _sweep(folder: Path, older_than_s: float) -> None:
    """Delete the files of replays long past."""
    for file in folder.glob("*/*.ndjson*"):
        if time.time() - file.stat().st_mtime > older_than_s:
            file.unlink(missing_ok=True)
