"""An agent's readers: started together, and fitted to new settings while they run.

The hub says when a queue's settings change; now and then the agent asks, in
case the word was lost. Messages at work are not disturbed. New consumers need
new rights on the bus, and so a new login.
"""

import asyncio
import logging
import random
from collections.abc import Sequence

from nats.aio.msg import Msg

from trunkline.blackbox import BlackBox
from trunkline.client import Client
from trunkline.handlers import ReaderSpec
from trunkline.idempotency import Store
from trunkline.leases import LeaseGuard
from trunkline.processing import Identity, Processor
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import TrunklineError
from trunkline.reader import Reader
from trunkline.receipts import Receipts
from trunkline.tasks import Tasks

_log = logging.getLogger("trunkline.agent")
ASK_S = 60.0
_TOGETHER_S = 0.05
"""Changes that come this close are taken together."""


class Following:
    """The readers of one running agent."""

    def __init__(self, client: Client, identity: Identity, receipts: Receipts) -> None:
        self._client = client
        self._identity = identity
        self._receipts = receipts
        self._readers: list[tuple[Reader, Processor]] = []
        self._guard: LeaseGuard | None = None
        self._changed = asyncio.Event()
        self._tasks = Tasks()

    @property
    def in_flight(self) -> int:
        """Messages held, begun or not."""
        return sum(reader.in_flight for reader, _processor in self._readers)

    @property
    def handled(self) -> int:
        """Messages brought to an end, well or not."""
        return sum(reader.handled for reader, _processor in self._readers)

    @property
    def failed(self) -> int:
        """Attempts that failed."""
        return sum(processor.failed for _reader, processor in self._readers)

    async def start(
        self,
        specs: Sequence[ReaderSpec],
        found: Sequence[frames.Reader],
        *,
        store: Store | None = None,
        box: BlackBox | None = None,
    ) -> None:
        """Begin to read what was registered; `store` remembers what was handled, `box` what was begun."""
        bus = self._client.bus
        self._guard = LeaseGuard(bus.dial) if specs else None
        for spec, frame in zip(specs, found, strict=True):
            processor = self._processor(spec, frame, store)
            reader = Reader(bus, frame, processor.handle, concurrency=spec.concurrency, box=box, guard=self._guard)
            reader.on_gone = self._changed.set
            self._readers.append((reader, processor))
            await reader.start()
            if frame.lane == "queue":
                await bus.subscribe(subjects.changed(self._client.workspace, "queue", frame.name), self._on_changed)
        if any(frame.lane == "queue" for frame in found):
            self._tasks.spawn(self._follow(), name="queue-settings")

    def _processor(self, spec: ReaderSpec, frame: frames.Reader, store: Store | None) -> Processor:
        book = self._receipts.book(frame.lane, frame.name)
        once = store if spec.once else None
        return Processor(self._client, frame, spec.handler.codec, spec.handler, self._identity, once, book=book)

    async def drain(self, *, timeout_s: float) -> None:
        """Finish what was begun within `timeout_s`, give back the rest."""
        await self._tasks.close()
        await asyncio.gather(*(reader.drain(timeout_s=timeout_s) for reader, _processor in self._readers))
        if self._guard is not None:
            await self._guard.close()

    async def _on_changed(self, _msg: Msg) -> None:
        self._changed.set()

    async def _follow(self) -> None:
        while True:
            try:
                async with asyncio.timeout(ASK_S * random.uniform(0.8, 1.2)):
                    await self._changed.wait()
                await asyncio.sleep(_TOGETHER_S * random.uniform(1, 3))
            except TimeoutError:
                pass
            self._changed.clear()
            try:
                await self._refit(await self._client.agents.readers(self._identity.agent))
            except TrunklineError as error:
                _log.info("could not ask for the queues' settings, will ask again: %s", error)

    async def _refit(self, found: Sequence[frames.Reader]) -> None:
        by_name = {frame.name: frame for frame in found}
        due = [
            (reader, processor, by_name[reader.frame.name])
            for reader, processor in self._readers
            if reader.frame.lane == "queue" and by_name.get(reader.frame.name, reader.frame) != reader.frame
        ]
        if any(_places(frame) - _places(reader.frame) for reader, _processor, frame in due):
            await self._client.bus.renew()
        for reader, processor, frame in due:
            _log.info("the settings of queue %s changed", frame.name)
            processor.refit(frame)
            await reader.refit(frame)


def _places(frame: frames.Reader) -> set[tuple[str, str]]:
    names = [lane.consumer for lane in frame.lanes] or [frame.consumer]
    return {(frame.stream, name) for name in names}
