"""Telling who offers a skill."""

from datetime import timedelta

from trunkline.protocol.errors import SkillUnknownError
from trunkline.protocol.resources import Crew
from trunkline_hub.agents import Agents
from trunkline_hub.agents.model import Offer, Presence
from trunkline_hub.core.clock import Clock
from trunkline_hub.crews.model import MOST_WATCHED, WATCHED_S, Watch, Watched, compose


class SkillCrews:
    """The crews of all workspaces, as this hub sees them."""

    def __init__(self, clock: Clock, agents: Agents, presence: Presence) -> None:
        self._clock = clock
        self._agents = agents
        self._presence = presence
        self._watch = Watch()

    async def find(self, workspace: str, skill: str) -> Crew:
        """Return who offers a skill now, and tell of changes from now on.

        Raises:
            SkillUnknownError
        """
        now, key = self._clock.now(), (workspace, skill)
        watched = self._watch.skills.get(key)
        if watched is None or watched.is_stale:
            offers = await self._agents.offers(workspace, skill)
            watched = Watched(offers=offers, until=now, told=self._compose(workspace, skill, offers))
            if len(self._watch.skills) >= MOST_WATCHED:
                return watched.told
            self._watch.skills[key] = watched
        watched.until = now + timedelta(seconds=WATCHED_S)
        watched.told = self._compose(workspace, skill, watched.offers)
        return watched.told

    def catalogue_changed(self, workspace: str, agent: str, skills: list[str]) -> None:
        """Note that an agent was registered with these skills, or removed."""
        self._watch.changed(workspace, agent, skills)

    async def changes(self) -> list[tuple[str, Crew]]:
        """Return (workspace, crew) of every watched skill whose crew is another than was told last."""
        self._watch.forget_old(self._clock.now())
        found: list[tuple[str, Crew]] = []
        for (workspace, skill), watched in list(self._watch.skills.items()):
            if watched.is_stale:
                watched.is_stale = False
                watched.offers = await self._offers(workspace, skill)
            crew = self._compose(workspace, skill, watched.offers)
            if crew != watched.told:
                watched.told = crew
                found.append((workspace, crew))
        return found

    async def _offers(self, workspace: str, skill: str) -> list[Offer]:
        try:
            return await self._agents.offers(workspace, skill)
        except SkillUnknownError:
            return []

    def _compose(self, workspace: str, skill: str, offers: list[Offer]) -> Crew:
        now = self._clock.now()
        return compose(skill, [(offer, self._presence.instances(workspace, offer.agent, now)) for offer in offers])
