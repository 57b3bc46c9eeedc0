"""How a crew is put together. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from trunkline.balancing.choosing import by_version
from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.frames import Balance
from trunkline.protocol.resources import Crew, CrewMember
from trunkline_hub.agents.model import Instance, Offer
from trunkline_hub.agents.model.presence import MAX_WEIGHT

WATCHED_S = 100.0
"""Callers ask again every half minute; those who no longer do are told nothing."""
_VERSION = re.compile(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")
MOST_WATCHED = 20_000
MOST_MEMBERS = 2000
"""A crew is told in one message."""


Overrides = Mapping[str, Mapping[str, float]]
"""By agent, what operators said of its instances and versions."""


@dataclass
class Watched:
    """A skill that somebody calls."""

    offers: list[Offer]
    weights: Overrides
    until: datetime
    told: Crew
    is_stale: bool = False
    """Whether the catalogue or a weight has changed since they were read."""


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


def compose(skill: str, found: Sequence[tuple[Offer, Sequence[Instance]]], said: Overrides | None = None) -> Crew:
    """Return a skill's crew.

    Where several agents offer it, it is idempotent if it is with all of them,
    and balanced as the first that says anything wants it.
    """
    balance = next((offer.skill.balance for offer, _instances in found if offer.skill.balance), None)
    said = said or {}
    members = [_member(offer.agent, one, said.get(offer.agent, {})) for offer, instances in found for one in instances]
    members = members[:MOST_MEMBERS]
    shares = _shares(members, said)
    if shares:
        balance = balance or Balance()
        declared = balance.weights or _as_they_are(members)
        balance = msgspec.structs.replace(balance, weights={**declared, **shares})
    if balance is not None and balance.weights:
        _weigh(members, balance.weights)
    return Crew(
        skill=skill,
        members=members,
        idempotent=bool(found) and all(offer.skill.idempotent for offer, _instances in found),
        balance=balance,
    )


def _member(agent: str, one: Instance, said: Mapping[str, float]) -> CrewMember:
    weight = said.get(one.id, one.weight)
    return CrewMember(agent=agent, instance=one.id, version=one.version, state=one.state, weight=weight)


def _weigh(members: Sequence[CrewMember], weights: Mapping[str, float]) -> None:
    """Give each member its part of its version's share."""
    own = {id(member): member.weight for member in members}
    for member in members:
        member.weight = 0.0
    for name, sharing in by_version(members, weights).items():
        total = sum(own[id(member)] for member in sharing)
        for member in sharing:
            member.weight = weights[name] * (own[id(member)] / total if total else 1 / len(sharing))


def _shares(members: Sequence[CrewMember], said: Overrides) -> dict[str, float]:
    """Return the shares that operators gave to versions which are there."""
    return {
        member.version: said[member.agent][member.version]
        for member in members
        if member.version in said.get(member.agent, {})
    }


def _as_they_are(members: Sequence[CrewMember]) -> dict[str, float]:
    """Return the shares that versions have where nobody says anything: by what their instances weigh."""
    found: dict[str, float] = {}
    for member in members:
        found[member.version] = found.get(member.version, 0.0) + member.weight
    return found


def check_weight(target: str, weight: float, running: Collection[str]) -> None:
    """Refuse a weight of something that is neither a running instance nor a version.

    Raises:
        RequestInvalidError
    """
    problems: list[FieldError] = []
    if not 0 <= weight <= MAX_WEIGHT:
        problems.append(FieldError("/weight", f"must be 0 to {MAX_WEIGHT:,.0f}"))
    if target not in running and not is_version(target):
        problems.append(
            FieldError("/target", f"{target!r} is neither a running instance nor a version such as '1.2.0'")
        )
    if problems:
        raise RequestInvalidError(errors=problems)


def is_version(text: str) -> bool:
    """Whether a target names one version, not a range."""
    return _VERSION.fullmatch(text) is not None
