"""Who offers a skill, as the hub tells: asked for once, then heard whenever it changes."""

import logging

import msgspec
from nats.aio.msg import Msg

from trunkline.balancing.balancer import Balancer
from trunkline.connection import Bus
from trunkline.http import HttpApi, segment
from trunkline.protocol import resources, subjects
from trunkline.protocol.errors import NotFoundError, TrunklineError
from trunkline.tasks import Tasks

_log = logging.getLogger("trunkline.balancing")


class HubDirectory:
    """Asks one hub on behalf of one balancer."""

    def __init__(self, api: HttpApi, bus: Bus, workspace: str, balancer: Balancer) -> None:
        self._api = api
        self._bus = bus
        self._workspace = workspace
        self._balancer = balancer
        self._tasks = Tasks()
        self._asking: set[str] = set()
        self._listening: set[str] = set()

    def ask(self, skill: str) -> None:
        """Find out in the background, unless that is under way."""
        if skill not in self._asking:
            self._asking.add(skill)
            self._tasks.spawn(self._ask(skill), name="crew")

    async def find(self, skill: str) -> None:
        """Find out now.

        Raises:
            HubUnreachableError, PermissionDeniedError
        """
        if skill not in self._listening:
            self._listening.add(skill)
            await self._bus.subscribe(subjects.crew(self._workspace, skill), self._on_crew)
        try:
            told = await self._api.get(f"/skills/{segment(skill)}/instances", resources.Crew)
        except NotFoundError:
            told = resources.Crew(skill=skill, members=[])
        self._balancer.follow(told)

    async def close(self) -> None:
        """End what is under way."""
        await self._tasks.close()

    async def _ask(self, skill: str) -> None:
        try:
            await self.find(skill)
        except TrunklineError as error:
            _log.debug("the broker chooses among the instances of %s: %s", skill, error)
        finally:
            self._asking.discard(skill)

    async def _on_crew(self, msg: Msg) -> None:
        try:
            told = msgspec.json.decode(msg.data, type=resources.Crew)
        except msgspec.DecodeError as error:
            _log.warning("the hub's word on a skill was not understood: %s", error)
            return
        self._balancer.follow(told)
