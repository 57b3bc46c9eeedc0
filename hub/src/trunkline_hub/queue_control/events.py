"""Work handled in the background: the jobs that purge, move and delete.

While messages are taken off a queue, nothing of it is handed out, so that a
message is either a worker's or the job's. A hub that dies leaves the queue
held for a minute at most; the hub that goes on repeats at most one batch, and
the broker knows its copies by their ids.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from trunkline.protocol import frames, queueing, subjects
from trunkline.protocol.errors import QueueBusyError, QueueUnknownError
from trunkline.protocol.queueing import Layout
from trunkline.wire import header_lines
from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus, Reconciler, direct
from trunkline_hub.bus.letters import own_headers, write_letter
from trunkline_hub.bus.log import Stored
from trunkline_hub.bus.pauses import hold
from trunkline_hub.bus.place import Place, address, handed_out, said
from trunkline_hub.core.bulk import check_count
from trunkline_hub.core.principal import ordered_by
from trunkline_hub.db import Database
from trunkline_hub.jobs import JobRun
from trunkline_hub.queue_control import model, store
from trunkline_hub.queue_control.ports import KnownQueues
from trunkline_hub.queue_control.service import QueueControl

_RUN = 500
_SETTLE_S = 0.25
_MAX_SETTLE_S = 60.0

Act = Callable[[list[Stored]], Awaitable[object]]
"""Keeps messages elsewhere before they are removed."""


class QueueWorks:
    """The work of queue jobs."""

    def __init__(
        self,
        bus: HubBus,
        db: Database,
        audit: Audit,
        queues: KnownQueues,
        control: QueueControl,
        reconciler: Reconciler,
    ) -> None:
        self._bus = bus
        self._db = db
        self._audit = audit
        self._queues = queues
        self._control = control
        self._reconciler = reconciler

    async def purge(self, run: JobRun) -> dict[str, Any]:
        """Empty a queue of what it held when the job was ordered."""
        place = await self._begin(run)
        params = run.params
        if not params["to_dead_letters"] and await self._purge_at_once(run, place):
            return await self._end(run, "purged", {"purged": run.done})
        error = f"purged by {run.by}" + (f": {params['reason']}" if params["reason"] else "")

        async def bury(messages: list[Stored]) -> None:
            if params["to_dead_letters"]:
                await self._bury(place, messages, model.REASON_PURGED, error)

        await self._sweep(run, place, model.Selection(), bury, in_flight=params["in_flight"])
        return await self._end(run, "purged", {"purged": run.done})

    async def move(self, run: JobRun) -> dict[str, Any]:
        """Move waiting messages to another queue: copy, have the copy acknowledged, then remove."""
        place = await self._begin(run)
        wanted, to = run.params.get("filter") or {}, run.params["to"]
        before = run.params.get("before")
        select = model.Selection(
            type=wanted.get("type"), key=wanted.get("key"), before=datetime.fromisoformat(before) if before else None
        )

        async def copy(messages: list[Stored]) -> None:
            async with self._db.read() as tx:
                layout = (await self._control.place(tx, run.workspace, to)).layout
            await asyncio.gather(*(self._copy(run, to, layout, message) for message in messages))

        await self._sweep(run, place, select, copy, sender=wanted.get("sender"))
        return await self._end(run, "moved", {"moved": run.done, "to": to})

    async def delete(self, run: JobRun) -> dict[str, Any]:
        """Delete a queue; it takes nothing in and hands nothing out by now."""
        try:
            place = await self._begin(run)
        except QueueUnknownError:  # the hub that did it died before it could say so
            return {"buried": run.done}
        await self._reconciler.converge()
        loop = asyncio.get_running_loop()
        until = loop.time() + _MAX_SETTLE_S
        while (await handed_out(self._bus, place)).in_flight and loop.time() < until:
            await run.step(run.checkpoint)  # workers may finish what they have
            await asyncio.sleep(_SETTLE_S)
        error = f"its queue was deleted by {run.by}" + (f": {run.params['reason']}" if run.params["reason"] else "")
        while messages := (await direct.read_run(self._bus, place.stream, place.subjects, limit=_RUN)).messages:
            await self._bury(place, messages, model.REASON_UNROUTABLE, error)
            await run.step({}, done=await direct.remove(self._bus, place.stream, [m.seq for m in messages]))
        async with self._db.write() as tx:
            await self._queues.forget(
                tx, ordered_by(run.by, run.workspace), run.workspace, place.queue, run.params["reason"]
            )
            await store.delete(tx, run.workspace, place.queue)
            tx.after_commit(self._reconciler.converge)
        return {"buried": run.done}

    async def _begin(self, run: JobRun) -> Place:
        """Return where the queue is, if it is still this job's.

        Raises:
            QueueUnknownError, QueueBusyError
        """
        name = run.params["queue"]
        async with self._db.read() as tx:
            place = await self._control.place(tx, run.workspace, name)
            row = await store.get(tx, run.workspace, name)
        if row is None or row.job_id != run.id:
            raise QueueBusyError("Other work on the queue was ordered since this job stopped")
        await run.expect(run.params["count"])
        return place

    async def _end(self, run: JobRun, deed: str, result: dict[str, Any]) -> dict[str, Any]:
        name = run.params["queue"]
        detail = result | {"reason": run.params["reason"], "job": run.id}
        async with self._db.write() as tx:
            await store.release(tx, run.workspace, name, run.id)
            await self._audit.record(tx, run.workspace, run.by, f"queue.{deed}", f"queue/{name}", **detail)
            fact = {"queue": name, "by": run.by, **detail}
            await tx.emit(run.workspace, f"trunkline.queue.{deed}", fact, subject=name)
        return result

    async def _purge_at_once(self, run: JobRun, place: Place) -> bool:
        """Have the broker drop everything in one go, where nothing that it drops must stay."""
        async with hold(self._bus, place, self._stays(place)) as out:
            if out.in_flight and not run.params["in_flight"]:
                return False
            gone = await direct.purge(self._bus, place.stream, place.subjects, up_to=run.params["up_to"])
        await run.step({}, done=gone)
        return True

    async def _sweep(
        self, run: JobRun, place: Place, select: model.Selection, act: Act,
        *, sender: str | None = None, in_flight: bool = False,
    ) -> None:  # fmt: skip
        up_to, seq = run.params["up_to"], run.checkpoint.get("seq", 0)
        while seq < up_to:
            found = (await direct.read_run(
                self._bus, place.stream, place.sent_by(sender), from_seq=seq + 1, limit=_RUN
            )).messages  # fmt: skip
            if not found:
                return
            meant = [m for m in found if m.seq <= up_to and select.has(m.subject, m.payload, m.headers, m.stored_at)]
            while meant:
                size = model.batch_size(run.rate_per_s)
                part, meant = meant[:size], meant[size:]
                done = await self._take(place, part, act, in_flight=in_flight)
                check_count(run.done + done, run.params.get("expected_at_most"))
                await run.step({"seq": part[-1].seq}, done=done)
            seq = found[-1].seq
            await run.step({"seq": seq})

    async def _take(self, place: Place, messages: list[Stored], act: Act, *, in_flight: bool) -> int:
        """Keep messages elsewhere and remove them here; those that a worker has are left to it."""
        async with hold(self._bus, place, self._stays(place)) as out:
            free = [m for m in messages if in_flight or not out.has(m.seq, m.subject)]
            if not free:
                return 0
            await act(free)
            return await direct.remove(self._bus, place.stream, [m.seq for m in free])

    async def _copy(self, run: JobRun, to: str, layout: Layout, message: Stored) -> None:
        """Store a message in another queue, in its class there if it has that, and in order with others of its key."""
        claimed = frames.HEADER_UNPROVEN in message.headers
        sender = run.by if claimed else subjects.sender_of(message.subject)
        spot = replace(queueing.spot(message.subject), queue=to, principal=sender)
        words = said(message.payload, message.headers)
        stream, subject = address(spot, layout, words, otherwise=str(message.seq))
        kept = own_headers(message.headers)
        kept.pop(frames.HEADER_UNPROVEN, None)
        headers = header_lines(kept)
        await self._bus.store(
            stream, subject, message.payload, msg_id=f"move:{run.id}:{message.seq}", headers=headers,
            key=words.partitionkey,
        )  # fmt: skip

    async def _bury(self, place: Place, messages: list[Stored], reason: str, error: str) -> None:
        await asyncio.gather(
            *(
                write_letter(
                    self._bus,
                    ("queue", place.queue),
                    message,
                    reason=reason,
                    error=error,
                    stream=place.stream,
                )
                for message in messages
            )
        )

    def _stays(self, place: Place) -> Callable[[], Awaitable[bool]]:
        return lambda: self._control.is_paused(place.workspace, place.queue)
