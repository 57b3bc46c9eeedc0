"""Told on the bus: who offers a skill, whenever that changes."""

import asyncio
from typing import ClassVar

import msgspec

from trunkline.protocol import subjects
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.signals import HubCalls, listen, tell_crew
from trunkline_hub.core.component import Component
from trunkline_hub.crews.service import SkillCrews

_LOOK_S = 0.25
_FACTS = subjects.event_filter("*", "trunkline.agent.*", subjects.HUB)


class _Fact(msgspec.Struct):
    agent: str
    skills: list[str] = []


class _Event(msgspec.Struct):
    data: _Fact


class CrewNews(Component):
    """Compares crews with what was told of them, and tells callers; every hub those that asked it."""

    name: ClassVar[str] = "crew-news"

    def __init__(self, bus: HubBus, crews: SkillCrews, calls: HubCalls) -> None:
        super().__init__()
        self._bus = bus
        self._crews = crews
        self._calls = calls
        self._listening = False

    async def run(self) -> None:
        if not self._listening:
            await listen(self._bus, _FACTS, self._on_fact)
            self._listening = True
        self.started.set()
        while True:
            for workspace, crew in await self._crews.changes():
                tell_crew(self._bus, workspace, crew)
                self._calls.follow(workspace, crew)
            await asyncio.sleep(_LOOK_S)

    async def _on_fact(self, subject: str, payload: bytes) -> None:
        try:
            fact = msgspec.json.decode(payload, type=_Event).data
        except msgspec.DecodeError:
            return
        self._crews.catalogue_changed(subjects.workspace_of(subject), fact.agent, fact.skills)
