"""News between hubs: what one of them changed, the others' caches should forget at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from nats.aio.msg import Msg

from trunkline.protocol import subjects
from trunkline.wire import message
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.core.component import Component

Hear = Callable[[], Awaitable[None]]


class HubNews(Component):
    """Carries "this topic changed" to every hub, this one included; best effort, so caches age out too.

    After a reconnect every topic is heard once: news may have been missed.
    """

    name: ClassVar[str] = "hub-news"

    def __init__(self, bus: HubBus) -> None:
        super().__init__()
        self._bus = bus
        self._heard: dict[str, list[Hear]] = {}
        self._missed = asyncio.Event()

    def on(self, topic: str, hear: Hear) -> None:
        """Await `hear` whenever `topic` changes on some hub."""
        self._heard.setdefault(topic, []).append(hear)

    async def announce(self, topic: str) -> None:
        """Tell every hub that `topic` changed; returns when this hub knows and the broker has been told."""
        await self._tell(topic)
        self.hint(topic)
        await self._bus.bus.flush()

    def hint(self, topic: str) -> None:
        """Tell the other hubs that `topic` changed, without waiting."""
        self._bus.bus.write(message(subjects.hub_news(topic), self._bus.bus.mark.encode()))

    async def run(self) -> None:
        listener = await self._bus.bus.subscribe(subjects.hub_news("*"), self._on_news)
        self._bus.bus.on_up.append(self._missed.set)
        self.started.set()
        try:
            while True:
                await self._missed.wait()
                self._missed.clear()
                for topic in self._heard:
                    await self._tell(topic)
        finally:
            self._bus.bus.on_up.remove(self._missed.set)
            await self._bus.bus.unsubscribe(listener)

    async def _on_news(self, msg: Msg) -> None:
        if msg.data.decode(errors="replace") != self._bus.bus.mark:  # our own news are known already
            await self._tell(msg.subject.rsplit(".", 1)[1])

    async def _tell(self, topic: str) -> None:
        for hear in self._heard.get(topic, []):
            await hear()
