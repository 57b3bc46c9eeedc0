"""NATS micro services on the bus: imported ones are called by everybody, through the hub, for as long as they answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import structlog

from trunkline.protocol.errors import SkillUnknownError, UnavailableError
from trunkline_hub.agents.model import micro
from trunkline_hub.agents.service.catalogue import CHANGED
from trunkline_hub.agents.service.finding import Finder
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.host import CallInfo, Hosted, SkillHost
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.bus.micro import ask_service, ask_services
from trunkline_hub.core.component import Component
from trunkline_hub.core.rounds import rounds

_log = structlog.get_logger("micro")
_ROUND_S = 5.0
_MISSED = 2
"""Rounds in a row without an answer, after which a service is gone: one may be lost."""
Key = tuple[str, str]


class ServiceHost(Component):
    """Serves the skills of imported services on this hub; a service is asked for while one of its kind is imported."""

    name: ClassVar[str] = "micro-services"

    def __init__(
        self,
        bus: HubBus,
        finder: Finder,
        host: SkillHost,
        news: HubNews,
        workspaces: Callable[[], Awaitable[list[str]]],
    ) -> None:
        super().__init__()
        self._bus = bus
        self._finder = finder
        self._workspaces = workspaces
        self._host = host
        self._subjects: dict[Key, dict[str, str]] = {}
        """Of each agent that is served: skill to the subject of its endpoint."""
        self._missed: dict[Key, int] = {}
        self._changed = asyncio.Event()
        news.on(CHANGED, self._wake)

    async def run(self) -> None:
        self.started.set()
        await self._host.started.wait()
        try:
            async for _ in rounds(self._changed, _ROUND_S):
                try:
                    await self._look()
                except UnavailableError as error:
                    _log.warning("services_not_looked_for", error=str(error))
        finally:
            for key in list(self._subjects):
                await self._withdraw(key)

    async def _look(self) -> None:
        """Serve those imported that answer; the others no longer."""
        imported = {
            (workspace, name): row
            for workspace in await self._workspaces()
            for name, row in (await self._finder.of_origin(workspace, micro.ORIGIN)).items()
        }
        answering = micro.endpoints_of(await ask_services(self._bus)) if imported else {}
        for key in self._subjects.keys() - imported.keys():
            await self._withdraw(key)
        for key, row in imported.items():
            found = answering.get(key[1], {})
            skills = {skill["name"]: found[skill["name"]] for skill in row.skills if skill["name"] in found}
            if skills:
                await self._serve(key, row.version, skills)
            elif key in self._subjects:
                self._missed[key] = self._missed.get(key, 0) + 1
                if self._missed[key] >= _MISSED:
                    await self._withdraw(key)

    async def _serve(self, key: Key, version: str, skills: dict[str, str]) -> None:
        self._missed.pop(key, None)
        if self._subjects.get(key) == skills:
            return
        self._subjects[key] = skills
        hosted = Hosted(
            workspace=key[0], agent=key[1], version=version, skills=frozenset(skills), answer=self._answerer(key)
        )
        await self._host.serve(hosted)

    def _answerer(self, key: Key) -> Any:
        async def answer(skill: str, payload: Any, call: CallInfo) -> Any:
            subject = self._subjects.get(key, {}).get(skill)
            if subject is None:
                raise SkillUnknownError(f"The service {key[1]!r} has no endpoint for {skill!r} any more")
            return await ask_service(self._bus, subject, payload, timeout_s=call.timeout_s)

        return answer

    async def _withdraw(self, key: Key) -> None:
        self._subjects.pop(key, None)
        self._missed.pop(key, None)
        await self._host.withdraw(*key)

    async def _wake(self) -> None:
        self._changed.set()
