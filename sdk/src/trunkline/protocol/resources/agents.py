"""Agents, their instances, and calls to their skills."""

from typing import Any

import msgspec

from trunkline.protocol.frames import Skill


class AgentInstance(msgspec.Struct, kw_only=True):
    """One running process of an agent."""

    id: str
    state: str
    version: str
    since: str
    last_beat_at: str
    in_flight: int
    handled: int
    failed: int


class Agent(msgspec.Struct, kw_only=True):
    """An agent in the catalogue, and how it is now."""

    name: str
    owner: str
    version: str
    description: str
    state: str
    """`healthy`, `starting`, `draining`, `offline`, or `unknown` just after a hub restart."""
    skills: list[Skill]
    queues: list[str]
    groups: list[str]
    instances: list[AgentInstance]
    registered_at: str
    updated_at: str


class AgentPage(msgspec.Struct, kw_only=True):
    items: list[Agent]
    next: str | None = None


class CallRequest(msgspec.Struct, kw_only=True):
    """Input for a skill; `agent` narrows the choice where several offer it."""

    input: Any = None
    agent: str | None = None
    timeout_s: float = 30.0
    instance: str | None = None
    version: str | None = None
    """Only instances of a version in this range, such as `^1.2`."""
    key: str | None = None
    """Calls with one key go to one instance, as long as it is there."""


class CallResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the skill returned."""

    output: Any
    dataref: str | None = None
    """Where the output lies, if it was too large for a message."""
