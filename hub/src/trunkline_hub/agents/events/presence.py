"""Heartbeats and dropped connections, which are heard by every hub and stored by none."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

import msgspec

from trunkline.protocol import subjects
from trunkline.protocol.frames import Beat
from trunkline.tasks import Tasks
from trunkline_hub.agents.model.presence import Key, Presence, Verdict
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.probes import is_listened
from trunkline_hub.bus.signals import listen, send
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.component import Component

_BEATS = f"{subjects.ROOT}.*.beat.*.*.*"
_COMES_BACK_S = 0.7
"""Within this a connection that is only rebuilt is there again."""
_ANSWER_S = 1.0
_AT_ONCE = 64

Verdicts = list[tuple[str, str, str, str]]
"""(agent, instance, state, reason) of every instance of a workspace with which something is wrong."""


class PresenceListener(Component):
    """Keeps `Presence` up to date; calls the roll when it begins to listen, so that nobody seems gone."""

    name: ClassVar[str] = "presence"

    def __init__(self, bus: HubBus, presence: Presence, clock: Clock) -> None:
        super().__init__()
        self._bus = bus
        self._presence = presence
        self._clock = clock
        self._listening = False
        self.on_answer: Callable[[Key, str, datetime], None] = lambda _key, _probe, _now: None
        """Called with (instance, probe's id, when) where a heartbeat answers a probe."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when an instance came, went, or says that it is otherwise than before."""
        self._tasks = Tasks()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        if not self._listening:
            await listen(self._bus, _BEATS, self._on_beat)
            await listen(self._bus, subjects.verdicts("*"), self._on_verdicts)
            self._bus.bus.on_up.append(self._call_roll)
            self._listening = True
        self._call_roll()
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await self._tasks.close()

    async def dropped(self, agent: str, instance: str, reason: str) -> None:
        """A connection of an instance is gone: see whether the instance is, too."""
        for workspace in self._presence.where(agent, instance):
            self._tasks.spawn(self._see_after((workspace, agent, instance), reason), name="dropped")

    async def _see_after(self, key: Key, reason: str) -> None:
        at = self._clock.now()
        await asyncio.sleep(_COMES_BACK_S)
        async with self._slots:
            one = self._presence.find(*key)
            if one is None or one.ended or one.last_beat_at > at or not self._bus.bus.is_up:
                return
            if await is_listened(self._bus, *key, timeout_s=_ANSWER_S) is False:
                words = f"its connection dropped: {reason}" if reason else "its connection dropped"
                self._presence.end(*key, words, self._clock.now())
                self.on_change()

    def _call_roll(self) -> None:
        send(self._bus, subjects.ROLLCALL)

    async def _on_beat(self, subject: str, payload: bytes) -> None:
        _root, workspace, _beat, _principal, agent, instance = subject.split(".")
        try:
            beat = msgspec.json.decode(payload, type=Beat)
        except msgspec.DecodeError:
            return
        now = self._clock.now()
        key = (workspace, subjects.untoken(agent), subjects.untoken(instance))
        before = self._presence.find(*key)
        said = "offline" if before is None or before.ended else before.said
        self._presence.beat(*key, beat, now)
        if beat.answers:
            self.on_answer(key, beat.answers, now)
        if said != beat.state:
            self.on_change()

    async def _on_verdicts(self, subject: str, payload: bytes) -> None:
        try:
            found = msgspec.json.decode(payload, type=Verdicts)
        except msgspec.DecodeError:
            return
        verdicts = {(agent, instance): Verdict(state, reason) for agent, instance, state, reason in found}
        self._presence.judge_all(subject.rsplit(".", 1)[1], verdicts)
