"""How a crew is put together. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from trunkline.balancing.choosing import by_version
from trunkline.protocol.resources import Crew, CrewMember
from trunkline_hub.agents.model import Instance, Offer

WATCHED_S = 100.0
"""Callers ask again every half minute; those who no longer do are told nothing."""
MOST_WATCHED = 20_000
MOST_MEMBERS = 2000
"""A crew is told in one message."""


@dataclass
class Watched:
    """A skill that somebody calls."""

    offers: list[Offer]
    until: datetime
    told: Crew
    is_stale: bool = False
    """Whether the catalogue has changed since `offers` were read."""


@dataclass
class Watch:
    """The skills that are called, by (workspace, skill)."""

    skills: dict[tuple[str, str], Watched] = field(default_factory=dict)

    def changed(self, workspace: str, agent: str, skills: Sequence[str]) -> None:
        """An agent was registered with these skills, or removed."""
        for (place, skill), watched in self.skills.items():
            if place == workspace and (skill in skills or any(offer.agent == agent for offer in watched.offers)):
                watched.is_stale = True

    def forget_old(self, now: datetime) -> None:
        """Drop what nobody asked for lately."""
        for key in [key for key, watched in self.skills.items() if watched.until < now]:
            del self.skills[key]


def compose(skill: str, found: Sequence[tuple[Offer, Sequence[Instance]]]) -> Crew:
    """Return a skill's crew.

    Where several agents offer it, it is idempotent if it is with all of them,
    and balanced as the first that says anything wants it.
    """
    balance = next((offer.skill.balance for offer, _instances in found if offer.skill.balance), None)
    members = [
        CrewMember(agent=offer.agent, instance=one.id, version=one.version, state=one.state)
        for offer, instances in found
        for one in instances
    ]
    members = members[:MOST_MEMBERS]
    if balance is not None and balance.weights:
        _weigh(members, balance.weights)
    return Crew(
        skill=skill,
        members=members,
        idempotent=bool(found) and all(offer.skill.idempotent for offer, _instances in found),
        balance=balance,
    )


def _weigh(members: Sequence[CrewMember], weights: Mapping[str, float]) -> None:
    """Give each member its part of its version's share."""
    for member in members:
        member.weight = 0.0
    for name, sharing in by_version(members, weights).items():
        for member in sharing:
            member.weight = weights[name] / len(sharing)
