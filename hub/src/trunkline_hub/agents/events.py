"""Facts handled: heartbeats, which are heard by every hub and stored by none."""

import asyncio
from typing import ClassVar

import msgspec

from trunkline.protocol import subjects
from trunkline.protocol.frames import Beat
from trunkline_hub.agents.model import Presence
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.signals import listen, send
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.component import Component

_BEATS = f"{subjects.ROOT}.*.beat.*.*.*"


class PresenceListener(Component):
    """Keeps `Presence` up to date; calls the roll when it begins to listen, so that nobody seems gone."""

    name: ClassVar[str] = "presence"

    def __init__(self, bus: HubBus, presence: Presence, clock: Clock) -> None:
        super().__init__()
        self._bus = bus
        self._presence = presence
        self._clock = clock
        self._listening = False

    async def run(self) -> None:
        if not self._listening:
            await listen(self._bus, _BEATS, self._on_beat)
            self._bus.bus.on_up.append(self._call_roll)
            self._listening = True
        self._call_roll()
        self.started.set()
        await asyncio.Event().wait()

    def _call_roll(self) -> None:
        send(self._bus, subjects.ROLLCALL)

    async def _on_beat(self, subject: str, payload: bytes) -> None:
        _root, workspace, _beat, _principal, agent, instance = subject.split(".")
        try:
            beat = msgspec.json.decode(payload, type=Beat)
        except msgspec.DecodeError:
            return
        now = self._clock.now()
        self._presence.beat(workspace, subjects.untoken(agent), subjects.untoken(instance), beat, now)
