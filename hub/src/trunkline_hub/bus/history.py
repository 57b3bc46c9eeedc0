"""The past as one: the log, the streams that keep some types longer, and what was archived.

All three know an event by its sequence in the log, so reading them as one is a
merge. The log alone counts for what it still holds; before that, everything
else that holds something.
"""

import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import nats.errors
from nats.js.errors import NotFoundError

from trunkline.protocol import subjects
from trunkline.protocol.errors import BusUnavailableError
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.keep import keep_streams
from trunkline_hub.bus.log import Stored, read_forward, read_one
from trunkline_hub.bus.scan import count, first_since, scan
from trunkline_hub.core.patterns import subject_matcher

Batches = AsyncGenerator[list[Stored], None]
_BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class LogInfo:
    """The log's own stream: what it holds, and what it may hold."""

    messages: int
    size_bytes: int
    first_seq: int
    last_seq: int
    absent: int
    """Sequences between first and last that are not there."""
    max_age_s: float
    max_bytes: int


class Older(Protocol):
    """Reads what was copied out of the log before it left."""

    async def first_seq(self, workspace: str) -> int | None:
        """Return the oldest sequence that is held, or None."""
        ...

    def scan(
        self, workspace: str, *, after_seq: int, until_seq: int, since: datetime | None
    ) -> AsyncGenerator[list[Stored], None]:
        """Yield what lies after `after_seq` and up to `until_seq`, and was not stored before `since`, in batches."""
        ...


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of the past, by sequence and by time: after `after_seq`, up to `until_seq`, `since` to before `until`."""

    after_seq: int
    until_seq: int
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, stored: Stored) -> bool:
        """Whether a message lies within the times."""
        return (self.since is None or stored.stored_at >= self.since) and (
            self.until is None or stored.stored_at < self.until
        )


@dataclass(frozen=True, kw_only=True)
class Page:
    """What was found up to `position`; everything before it has been looked at."""

    position: int
    items: list[Stored]


async def log_info(bus: HubBus, workspace: str) -> LogInfo | None:
    """Return what a workspace's log holds, or None where it is not made yet.

    Raises:
        BusUnavailableError
    """
    try:
        info = await bus.js().stream_info(subjects.events_stream(workspace))
    except NotFoundError:
        return None
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not tell the state of the log: {error}") from None
    return LogInfo(
        messages=info.state.messages, size_bytes=info.state.bytes, first_seq=info.state.first_seq,
        last_seq=info.state.last_seq, absent=info.state.num_deleted or 0,
        max_age_s=info.config.max_age or 0.0, max_bytes=info.config.max_bytes or 0,
    )  # fmt: skip


class History:
    """Reads the past of each workspace."""

    def __init__(self, bus: HubBus, older: Older) -> None:
        self._bus = bus
        self._older = older

    async def log(self, workspace: str) -> LogInfo | None:
        """Return what the log itself holds, or None where it is not made yet."""
        return await log_info(self._bus, workspace)

    async def resolve(
        self, workspace: str, *, after_seq: int | None, until_seq: int | None, since: datetime | None, until: datetime | None
    ) -> Span:  # fmt: skip
        """Turn what somebody asks for into a span that ends: at the newest event, unless earlier."""
        log = await self.log(workspace)
        last = log.last_seq if log else 0
        after = max(0, after_seq or 0)
        until_at = last if until_seq is None else min(until_seq, last)
        stream = subjects.events_stream(workspace)
        oldest = await self.oldest_in_log(workspace, log)
        if since is not None and oldest is not None and since > oldest:
            first = await first_since(self._bus, stream, since)
            after = max(after, (first or last + 1) - 1)
        if until is not None and oldest is not None:
            behind = await first_since(self._bus, stream, until)
            until_at = until_at if behind is None else min(until_at, behind - 1)
        return Span(after_seq=after, until_seq=until_at, since=since, until=until)

    async def begins_before(
        self, workspace: str, after_seq: int, until_seq: int | None = None, *, since: datetime | None = None
    ) -> int | None:
        """Return where the log proper begins, when something after `after_seq` has left it and lies elsewhere."""
        log = await self.log(workspace)
        first = log.first_seq if log else 1
        if after_seq + 1 >= first or not await self._has_older(workspace):
            return None
        oldest = await self.oldest_in_log(workspace, log) if since is not None else None
        if since is not None and oldest is not None and since > oldest:
            return None
        return first - 1 if until_seq is None else min(first - 1, until_seq)

    async def scan(self, workspace: str, filters: Sequence[str], span: Span) -> AsyncGenerator[Page, None]:
        """Yield everything in `span` under `filters`, oldest first, in pages that tell how far they reach."""
        position = span.after_seq
        has_older = await self._has_older(workspace)
        while position < span.until_seq:
            first = await self._first_in_log(workspace) if has_older else 1
            if position + 1 < first:
                bound = min(span.until_seq, first - 1)
                pages = self._merged(workspace, filters, span, position, bound)
            else:
                bound = span.until_seq
                pages = self._in_log(workspace, filters, position, bound, recheck=has_older)
            swept = False
            async with contextlib.aclosing(pages):
                async for page in pages:
                    swept = page is None
                    if page is None:
                        break
                    position = page.position
                    yield Page(position=position, items=[item for item in page.items if span.holds(item)])
            if not swept:
                position = bound
                yield Page(position=position, items=[])

    async def forward(
        self, workspace: str, filters: list[str], *, after_seq: int, since: datetime | None, limit: int, for_s: float
    ) -> tuple[list[Stored], int | None]:
        """Return up to `limit` messages after `after_seq`, not before `since`, oldest first; and where to go on.

        There is nothing more where that is None. What has left the log is read for about `for_s`, found or not.
        """
        if await self.begins_before(workspace, after_seq, since=since) is None:
            stream = subjects.events_stream(workspace)
            found = await read_forward(self._bus, stream, filters, after_seq=after_seq, since=since, limit=limit)
            return found, found[-1].seq if len(found) == limit else None
        span = await self.resolve(workspace, after_seq=after_seq, until_seq=None, since=since, until=None)
        found, began = [], time.monotonic()
        async with contextlib.aclosing(self.scan(workspace, filters, span)) as pages:
            async for page in pages:
                found += page.items
                if len(found) >= limit:
                    return found[:limit], found[limit - 1].seq
                if time.monotonic() > began + for_s:
                    return found, page.position
        return found, None

    async def one(self, workspace: str, seq: int) -> Stored | None:
        """Return what lies or lay at a place in the log, or None where nothing is known of it."""
        found = await read_one(self._bus, subjects.events_stream(workspace), seq)
        if found is not None or await self.begins_before(workspace, seq - 1) is None:
            return found
        span = Span(after_seq=seq - 1, until_seq=seq)
        async with contextlib.aclosing(self.scan(workspace, [subjects.event_filter(workspace, ">")], span)) as pages:
            async for page in pages:
                if page.items:
                    return page.items[0]
        return None

    async def count_in_log(self, workspace: str, filters: Sequence[str], span: Span) -> int:
        """Return how many messages of a span the log itself holds."""
        stream = subjects.events_stream(workspace)
        return await count(self._bus, stream, filters, after_seq=span.after_seq, until_seq=span.until_seq)

    async def keeps(self, workspace: str) -> list[str]:
        """Return the streams that keep some types longer."""
        return [str(info.config.name) for info in await keep_streams(self._bus, workspace)]

    async def _in_log(
        self, workspace: str, filters: Sequence[str], after_seq: int, until_seq: int, *, recheck: bool
    ) -> AsyncGenerator[Page | None, None]:
        """Yield pages of the log; None where the log lost its beginning under our hands."""
        position = after_seq
        found = scan(self._bus, subjects.events_stream(workspace), filters, after_seq=after_seq, until_seq=until_seq)
        async with contextlib.aclosing(found):
            async for batch in found:
                if recheck and await self._first_in_log(workspace) > position + 1:
                    yield None
                    return
                position = batch[-1].seq
                yield Page(position=position, items=batch)

    async def _merged(
        self, workspace: str, filters: Sequence[str], span: Span, after_seq: int, until_seq: int
    ) -> AsyncGenerator[Page | None, None]:
        """Yield what all older places hold, each event once."""
        matches = subject_matcher(filters)
        sources: list[Batches] = [
            scan(self._bus, stream, filters, after_seq=after_seq, until_seq=until_seq)
            for stream in await self.keeps(workspace)
        ]
        sources.append(self._older.scan(workspace, after_seq=after_seq, until_seq=until_seq, since=span.since))
        items: list[Stored] = []
        seen = 0
        async with contextlib.aclosing(merge(sources)) as merged:
            async for item in merged:
                seen += 1
                if matches(item.subject):
                    items.append(item)
                if seen % _BATCH == 0:
                    yield Page(position=item.seq, items=items)
                    items = []
        if items:
            yield Page(position=items[-1].seq, items=items)

    async def _has_older(self, workspace: str) -> bool:
        return await self._older.first_seq(workspace) is not None or bool(await self.keeps(workspace))

    async def _first_in_log(self, workspace: str) -> int:
        log = await self.log(workspace)
        return log.first_seq if log else 1

    async def oldest_in_log(self, workspace: str, log: LogInfo | None) -> datetime | None:
        """Return when the oldest message of the log was stored."""
        if log is None or log.messages == 0:
            return None
        oldest = await read_one(self._bus, subjects.events_stream(workspace), log.first_seq)
        return None if oldest is None else oldest.stored_at


async def merge(sources: Sequence[Batches]) -> AsyncGenerator[Stored, None]:
    """Yield what all sources hold in the order of the log, what several hold once."""
    heads = [_Head(source) for source in sources]
    last = 0
    try:
        for head in heads:
            await head.load()
        while live := [head for head in heads if head.item is not None]:
            head = min(live, key=_Head.seq)
            item = head.item
            assert item is not None
            if item.seq > last:
                last = item.seq
                yield item
            if not head.step():
                await head.load()
    finally:
        for head in heads:
            await head.source.aclose()


class _Head:
    """Where one source stands."""

    def __init__(self, source: Batches) -> None:
        self.source = source
        self.item: Stored | None = None
        self._batch: list[Stored] = []
        self._index = 0

    def seq(self) -> int:
        return self.item.seq if self.item is not None else 0

    def step(self) -> bool:
        self._index += 1
        if self._index < len(self._batch):
            self.item = self._batch[self._index]
            return True
        return False

    async def load(self) -> None:
        self._batch, self._index = await anext(self.source, []), 0
        self.item = self._batch[0] if self._batch else None
