"""Reading everything once and comparing what lies in several places."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Any, ClassVar, Literal

from trunkline.protocol import modes, subjects
from trunkline.protocol.errors import ArchiveDamagedError, UnavailableError
from trunkline.protocol.resources import Job, Segment
from trunkline_hub.archive import Archives
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.history import History
from trunkline_hub.bus.keep import KeepState, keep_filters, keep_states
from trunkline_hub.bus.log import Stored, read_one
from trunkline_hub.bus.scan import scan
from trunkline_hub.core.component import Component
from trunkline_hub.core.principal import Principal
from trunkline_hub.core.sequences import absent
from trunkline_hub.db import Database, Tx
from trunkline_hub.integrity import model, store
from trunkline_hub.integrity.model import Report, what_is_wrong
from trunkline_hub.integrity.settings import IntegritySettings
from trunkline_hub.jobs import JobRun, Jobs

KIND = "events.verify"
_EVENTS = "events"
_DENSE = timedelta(days=1)
"""For so long every note is kept, then the first of each hour."""

Workspaces = Callable[[], Awaitable[list[str]]]


class Witness(Component):
    """Notes the newest message of each log now and then.

    A broker that lost the end of a log after a crash gives its numbers to new
    messages, and the log looks whole again. The hub's own notes tell.
    """

    name: ClassVar[str] = "log-witness"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(
        self, settings: IntegritySettings, bus: HubBus, db: Database, history: History, workspaces: Workspaces
    ) -> None:
        super().__init__()
        self._settings = settings
        self._bus = bus
        self._db = db
        self._history = history
        self._workspaces = workspaces

    async def run(self) -> None:
        self.started.set()
        while True:
            for workspace in await self._workspaces():
                with suppress(UnavailableError):
                    await self.note(workspace)
            await asyncio.sleep(self._settings.witness_s)

    async def note(self, workspace: str) -> None:
        """Note the newest message of one log."""
        log = await self._history.log(workspace)
        if log is None or log.messages == 0:
            return
        async with self._db.read() as tx:
            before = await store.newest(tx, workspace)
        if before is not None and before.seq == log.last_seq:
            return
        stored = await read_one(self._bus, subjects.events_stream(workspace), log.last_seq)
        if stored is None:
            return
        async with self._db.write() as tx:
            now = tx.clock.now()
            first_of_hour = before is None or before.noted_at.replace(minute=0, second=0, microsecond=0) != now.replace(
                minute=0, second=0, microsecond=0
            )
            await store.add(
                tx,
                workspace,
                stored.seq,
                model.digest(stored.subject, stored.payload, stored.headers),
                lasting=first_of_hour,
            )
            await store.prune(tx, workspace, first_seq=log.first_seq, dense_since=now - _DENSE)


class Verifier:
    """Checks the logs of all workspaces."""

    def __init__(self, bus: HubBus, db: Database, history: History, archives: Archives, jobs: Jobs) -> None:
        self._bus = bus
        self._db = db
        self._history = history
        self._archives = archives
        self._jobs = jobs

    async def start(self, tx: Tx, by: Principal, workspace: str) -> Job:
        """Write down a verification; some hub begins it soon after the commit."""
        return await self._jobs.create(tx, by, workspace, KIND, "Verify the event log", {})

    async def work(self, run: JobRun) -> dict[str, Any]:
        """Verify one workspace; the work of a job. Each part begins anew when a hub died in it."""
        workspace = run.workspace
        keeps = await keep_states(self._bus, workspace)
        segments = await self._archives.segments(workspace)
        log = await self._history.log(workspace)
        messages = log.messages if log else 0
        in_archive = sum(segment.messages for segment in segments)
        await run.expect(messages + sum(keep.messages for keep in keeps) + in_archive)
        parts = [("log", self._check_log(workspace)), ("archive", self._check_archive(workspace, segments))]
        parts += [(keep.stream, self._check_keep(workspace, keep)) for keep in keeps]
        ended: list[str] = run.checkpoint.get("ended", [])
        whole = Report.resumed(run.checkpoint.get("report"))
        run.done = sum(whole.checked.values())
        for name, part in parts:
            if name in ended:
                await part.aclose()
                continue
            async with aclosing(part):
                async for report, count in part:
                    await run.step(run.checkpoint, done=count)
                    latest = report
            whole.checked.update(latest.checked)
            whole.counts.update(latest.counts)
            whole.findings += latest.findings
            ended = [*ended, name]
            await run.step({"ended": ended, "report": whole.save()})
        return whole.save()

    async def _check_log(self, workspace: str) -> AsyncGenerator[tuple[Report, int], None]:
        """Every sequence is there, every event is one, and each is the one that was noted at its place."""
        report = Report()
        log = await self._history.log(workspace)
        async with self._db.read() as tx:
            noted = await store.every(tx, workspace)
        before = log.first_seq - 1 if log else 0
        last = log.last_seq if log else 0
        found = scan(self._bus, subjects.events_stream(workspace), [], after_seq=before, until_seq=last)
        async with aclosing(found):
            async for batch in found:
                await self._note_gaps(workspace, report, before, [item.seq for item in batch])
                _note_undecodable(report, "log", batch)
                _note_changed(report, batch, noted)
                before = batch[-1].seq
                report.checked["log"] += len(batch)
                yield report, len(batch)
        if last > before:
            await self._note_gaps(workspace, report, before, [last + 1])
        if noted and max(noted) > last:
            report.add("ends_early", "log", last + 1, max(noted), "not in the log, but the hub has seen it there")
        yield report, 0

    async def _note_gaps(self, workspace: str, report: Report, before: int, seqs: Sequence[int]) -> None:
        for first, last in absent(before, seqs):
            log = await self._history.log(workspace)
            left = log.first_seq if log else 0  # what is before it left, as its age or the log's size demands
            if last >= left:
                report.add("gap", "log", max(first, left), last, "not in the log though nothing may be deleted there")

    async def _check_keep(self, workspace: str, keep: KeepState) -> AsyncGenerator[tuple[Report, int], None]:
        """What is kept is what the log has, and all of it."""
        report = Report()
        place = f"keep {keep.name}"
        filters = await keep_filters(self._bus, keep)
        position = keep.first_seq - 1
        found = scan(self._bus, keep.stream, [], after_seq=position, until_seq=keep.last_seq)
        async with aclosing(found):
            async for batch in found:
                if filters:
                    await self._compare(workspace, report, place, batch, filters, after_seq=position)
                _note_undecodable(report, place, batch)
                position = batch[-1].seq
                report.checked[place] += len(batch)
                yield report, len(batch)
        log = await self._history.log(workspace)
        if log is not None and keep.last_seq > log.last_seq:
            report.add("ends_early", "log", log.last_seq + 1, keep.last_seq, f"not in the log, but in {place}")
        yield report, 0

    async def _check_archive(self, workspace: str, segments: list[Segment]) -> AsyncGenerator[tuple[Report, int], None]:
        """The chain of manifests is whole, and so is each file."""
        report = Report()
        chain = await self._archives.check_chain(workspace)
        for finding in chain:
            report.add(*finding)
        absent = {first for kind, _place, first, _last, _why in chain if kind == "segment_missing"}
        for segment in segments:
            if segment.first_seq in absent:
                continue
            for first, last in segment.missing:
                report.add("unarchived", "archive", first, last, "had left the log before, or was absent there")
            try:
                async with aclosing(self._archives.read(workspace, segment)) as found:
                    position = segment.first_seq - 1
                    async for batch in found:
                        await self._compare(workspace, report, "archive", batch, [], after_seq=position)
                        position = batch[-1].seq
                        report.checked["archive"] += len(batch)
                        yield report, len(batch)
            except ArchiveDamagedError as error:
                report.add("segment_damaged", "archive", segment.first_seq, segment.last_seq, error.detail)
        log = await self._history.log(workspace)
        if log is not None and segments and segments[-1].last_seq > log.last_seq:
            report.add("ends_early", "log", log.last_seq + 1, segments[-1].last_seq, "not in the log, but archived")
        yield report, 0

    async def _compare(
        self, workspace: str, report: Report, place: str, batch: list[Stored], filters: Sequence[str], *, after_seq: int
    ) -> None:
        """Compare copies with what the log still has of their part."""
        log = await self._history.log(workspace)
        first = log.first_seq if log else 0
        copies = {item.seq: item for item in batch}
        originals: dict[int, Stored] = {}
        if batch[-1].seq >= first:
            stream = subjects.events_stream(workspace)
            found = scan(self._bus, stream, filters, after_seq=max(after_seq, first - 1), until_seq=batch[-1].seq)
            async with aclosing(found):
                async for part in found:
                    originals.update({item.seq: item for item in part})
        for seq, original in originals.items():
            if seq not in copies:
                report.add("not_kept", place, seq, seq, "in the log, but not here")
            elif not _is_copy(copies[seq], original):
                report.add("differs", place, seq, seq, "not what the log has at this place")


def _is_copy(copy: Stored, original: Stored) -> bool:
    """Whether both are the same event; of what was sent once more to a group, the archive holds only the place."""
    if copy.subject != original.subject or not _is_event(copy.subject):
        return copy.subject == original.subject
    return copy.payload == original.payload and modes.kept(copy.headers) == modes.kept(original.headers)


def _is_event(subject: str) -> bool:
    return subject.split(".", 3)[2] == _EVENTS


def _note_changed(report: Report, batch: list[Stored], noted: dict[int, str]) -> None:
    for item in batch:
        if item.seq in noted and noted[item.seq] != model.digest(item.subject, item.payload, item.headers):
            report.add("differs", "log", item.seq, item.seq, "another message stood here: the log lost its end once")


def _note_undecodable(report: Report, place: str, batch: list[Stored]) -> None:
    for item in batch:
        problem = what_is_wrong(item.payload, item.headers) if _is_event(item.subject) else None
        if problem is not None:
            report.add("undecodable", place, item.seq, item.seq, problem)
