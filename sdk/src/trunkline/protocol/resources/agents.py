"""Agents, their instances, and calls to their skills."""

from typing import Any

import msgspec

from trunkline.protocol.frames import Face, Interface, Limits, Registration, Skill


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
    reason: str = ""
    """Why it is not healthy."""


class Agent(msgspec.Struct, kw_only=True):
    """An agent in the catalogue, and how it is now."""

    name: str
    owner: str
    version: str
    description: str
    state: str
    """That of its best instance: `starting`, `healthy`, `degraded`, `unhealthy`, `draining`, `offline`; `unknown` just after
    a hub restart."""
    skills: list[Skill]
    queues: list[str]
    groups: list[str]
    instances: list[AgentInstance]
    registered_at: str
    updated_at: str
    title: str = ""
    labels: dict[str, str] = {}
    interfaces: list[Interface] = []
    limits: Limits | None = None
    a2a: Face | None = None
    documentation_url: str = ""
    icon_url: str = ""
    publishes: list[str] = []
    reason: str = ""
    """Why it is not healthy."""
    state_since: str | None = None
    """Since when it has been in this state, as far as that is on record."""
    origin: str = "sdk"
    """`sdk`: it registered itself; `a2a`, `mcp`, `nats`, `openapi`: it was imported."""
    origin_url: str = ""
    imported_by: str = ""


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


class AgentChange(msgspec.Struct, kw_only=True):
    """Something changed: in the catalogue, or how an agent or an instance of it is."""

    revision: int
    """Grows with every change of the workspace; a watcher goes on after the last it saw."""
    change: str
    """`registered`, `updated`, `removed` or `state`."""
    agent: str
    at: str
    instance: str = ""
    """Of a `state`: the instance; empty for the agent as a whole."""
    version: str = ""
    state: str = ""
    reason: str = ""


class AgentHistory(msgspec.Struct, kw_only=True):
    """What happened to one agent, the newest first."""

    items: list[AgentChange]
    next: str | None = None


class FoundSkill(msgspec.Struct, kw_only=True):
    """A skill and who offers it."""

    agent: str
    version: str
    """Of the agent."""
    state: str
    """Of the agent."""
    origin: str
    skill: Skill


class SkillPage(msgspec.Struct, kw_only=True):
    items: list[FoundSkill]
    next: str | None = None
    complete: bool = True
    """Of a match: false where so many schemas came into question that not all of them were asked."""


class SkillMatch(msgspec.Struct, kw_only=True):
    """Who can take this? An input, or schemas of what there is and of what is wanted back. All given must fit."""

    input: Any = msgspec.UNSET
    """An example; skills whose input schema admits it."""
    input_schema: dict[str, Any] | None = None
    """What there is; skills that provably take everything that fits it."""
    output_schema: dict[str, Any] | None = None
    """What is wanted; skills of which every result provably fits it."""
    tag: str | None = None
    state: str | None = None
    labels: list[str] = []
    """`key=value`, or `key` with any value."""
    limit: int = 50
    cursor: str | None = None


class OpenApiImport(msgspec.Struct, kw_only=True):
    """An OpenAPI document to make an agent of: as an object, as text, or by its address alone."""

    document: dict[str, Any] | None = None
    text: str = ""
    """The document in JSON or YAML."""
    url: str = ""
    """Where the document came from; with neither `document` nor `text`, the hub gets it there."""
    labels: dict[str, str] = {}


class Imported(msgspec.Struct, kw_only=True):
    """What an import brought, and what it had to leave out."""

    agent: str
    skills: int
    skipped: list[str] = []


class FoundService(msgspec.Struct, kw_only=True):
    """A NATS micro service that answers on the bus, and the agent it would be."""

    name: str
    version: str
    description: str
    instances: list[str]
    registration: Registration
    problems: list[str] = []
    """What of it cannot be imported."""


class FoundServices(msgspec.Struct, kw_only=True):
    items: list[FoundService]


class ServiceImport(msgspec.Struct, kw_only=True):
    """Which of the services found become agents; none named: all."""

    names: list[str] = []


class ServicesImported(msgspec.Struct, kw_only=True):
    items: list[Imported]
