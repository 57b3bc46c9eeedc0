"""Telling who offers a skill."""

from datetime import timedelta
from typing import Any

from trunkline.protocol.errors import SkillUnknownError
from trunkline.protocol.resources import Crew, Weight, Weights
from trunkline_hub.agents import Agents
from trunkline_hub.agents.model import Offer, Presence
from trunkline_hub.audit import Audit
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.core.principal import Principal
from trunkline_hub.crews import store
from trunkline_hub.crews.model import (
    MOST_WATCHED,
    WATCHED_S,
    Overrides,
    Watch,
    Watched,
    check_weight,
    compose,
    is_version,
)
from trunkline_hub.db import Database, Tx


class SkillCrews:
    """The crews of all workspaces, as this hub sees them."""

    def __init__(self, clock: Clock, db: Database, audit: Audit, agents: Agents, presence: Presence) -> None:
        self._clock = clock
        self._db = db
        self._audit = audit
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
            weights = await self._overrides(workspace, offers)
            told = self._compose(workspace, skill, offers, weights)
            watched = Watched(offers=offers, weights=weights, until=now, told=told)
            if len(self._watch.skills) >= MOST_WATCHED:
                return watched.told
            self._watch.skills[key] = watched
        watched.until = now + timedelta(seconds=WATCHED_S)
        watched.told = self._compose(workspace, skill, watched.offers, watched.weights)
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
                watched.weights = await self._overrides(workspace, watched.offers)
            crew = self._compose(workspace, skill, watched.offers, watched.weights)
            if crew != watched.told:
                watched.told = crew
                found.append((workspace, crew))
        return found

    async def _offers(self, workspace: str, skill: str) -> list[Offer]:
        try:
            return await self._agents.offers(workspace, skill)
        except SkillUnknownError:
            return []

    async def weights(self, tx: Tx, workspace: str, agent: str) -> Weights:
        """Return what operators said of an agent's instances and versions.

        Raises:
            AgentUnknownError
        """
        await self._agents.get(tx, workspace, agent)
        rows = await store.of_agent(tx, workspace, agent)
        return Weights(
            items=[Weight(target=r.target, weight=r.weight, set_by=r.set_by, set_at=rfc3339(r.set_at)) for r in rows]
        )

    async def weigh(self, tx: Tx, by: Principal, workspace: str, agent: str, target: str, weight: float) -> Weights:
        """Say what a running instance or a version takes, whatever it says itself; callers hear of it at once.

        Raises:
            AgentUnknownError, RequestInvalidError
        """
        await self._agents.get(tx, workspace, agent)
        running = {one.id for one in self._presence.instances(workspace, agent, self._clock.now())}
        check_weight(target, weight, running)
        before = {row.target: row.weight for row in await store.of_agent(tx, workspace, agent)}
        for gone in [one for one in before if one not in running and not is_version(one)]:
            await store.drop(tx, workspace, agent, gone)
        await store.put(tx, workspace, agent, target, weight, by.name)
        await self._note(tx, by, workspace, agent, target=target, weight=weight, before=before.get(target))
        return await self.weights(tx, workspace, agent)

    async def unweigh(self, tx: Tx, by: Principal, workspace: str, agent: str, target: str) -> None:
        """Leave a weight to the agent again; there need be none.

        Raises:
            AgentUnknownError
        """
        await self._agents.get(tx, workspace, agent)
        await store.drop(tx, workspace, agent, target)
        await self._note(tx, by, workspace, agent, target=target, weight=None)

    async def _note(self, tx: Tx, by: Principal, workspace: str, agent: str, **told: Any) -> None:
        """Write down who did it, and tell every hub, which tells callers."""
        await self._audit.record(tx, workspace, by.name, "agent.weighed", f"agent/{agent}", **told)
        await tx.emit(workspace, "trunkline.agent.weighed", {"agent": agent, **told}, subject=agent)

    async def _overrides(self, workspace: str, offers: list[Offer]) -> Overrides:
        async with self._db.read() as tx:
            rows = [row for offer in offers for row in await store.of_agent(tx, workspace, offer.agent)]
        found: dict[str, dict[str, float]] = {}
        for row in rows:
            found.setdefault(row.agent, {})[row.target] = row.weight
        return found

    def _compose(self, workspace: str, skill: str, offers: list[Offer], weights: Overrides) -> Crew:
        now = self._clock.now()
        found = [(offer, self._presence.instances(workspace, offer.agent, now)) for offer in offers]
        return compose(skill, found, weights)
