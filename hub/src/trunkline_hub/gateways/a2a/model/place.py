"""Who is asked, by whom, and what was said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trunkline.protocol.frames import Extension, Face, Skill
from trunkline.protocol.tasks import TaskMessage
from trunkline_hub.core.principal import Principal


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a request came in: for one agent of a workspace, or with no agent for the hub, which knows them all."""

    by: Principal
    workspace: str
    agent: str = ""
    base_url: str = ""
    """The hub as this client reaches it."""
    extensions: frozenset[str] = frozenset()
    """Those that the client says it supports."""

    @property
    def url(self) -> str:
        """Address of the agent."""
        return f"{self.base_url}{path_of(self.workspace, self.agent)}"


def path_of(workspace: str, agent: str) -> str:
    """Return where an agent is served."""
    return f"/a2a/w/{workspace}/agents/{agent}" if agent else f"/a2a/w/{workspace}"


@dataclass(frozen=True, kw_only=True)
class Served:
    """An agent of the catalogue as A2A shows it."""

    name: str
    description: str
    version: str
    skills: tuple[Skill, ...]
    changed_at: datetime
    face: Face = field(default_factory=Face)
    required: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Of the hub itself: the extensions that the agents of some skills require."""

    @property
    def required_extensions(self) -> frozenset[str]:
        """Those that clients of all its skills must name."""
        return frozenset(one.uri for one in self.face.extensions if one.required)


@dataclass(frozen=True, kw_only=True)
class Features:
    """What is offered besides sending messages."""

    streaming: bool
    push: bool
    extended_card: bool
    extensions: tuple[Extension, ...]
    grpc: str
    """`host:port`, or nothing."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """A message as a client sent it."""

    message: TaskMessage
    task_id: str = ""
    context_id: str = ""
    skill: str = ""
    wait: bool = True
    metadata: dict[str, Any] = field(default_factory=dict)
