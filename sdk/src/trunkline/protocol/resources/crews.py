"""Who offers a skill: what callers choose from."""

import msgspec

from trunkline.protocol.frames import Balance


class CrewMember(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One running instance that offers the skill."""

    agent: str
    instance: str
    version: str = "0.0.0"
    state: str = "healthy"
    weight: float = 1.0
    """Its share of the calls where they are shared out by weight, compared with the others."""


class Crew(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The instances that offer a skill now, and how callers choose among them."""

    skill: str
    members: list[CrewMember]
    idempotent: bool = False
    """Whether a call may be tried again on another instance though it may have begun on one."""
    balance: Balance | None = None


class Weight(msgspec.Struct, kw_only=True):
    """What an operator says a running instance or a version takes, whatever it says itself."""

    target: str
    """Id of an instance, or a version."""
    weight: float
    set_by: str
    set_at: str


class Weights(msgspec.Struct, kw_only=True):
    items: list[Weight]


class WeightRequest(msgspec.Struct, kw_only=True):
    """A weight: of an instance compared with the others, of a version as its share of the calls; 0 for none."""

    weight: float
